// SPDX-License-Identifier: Apache-2.0
// A prompt on the PL011: answers each line, ends with the number behind "exit", prints so many bytes for "flood".
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

static u64 number(const char *s) {
  u64 n = 0;
  while (*s >= '0' && *s <= '9')
    n = 10 * n + (u64)(*s++ - '0');
  return n;
}
static int begins(const char *s, const char *with) {
  while (*with)
    if (*s++ != *with++)
      return 0;
  return 1;
}

void main(void) {
  static char line[256];
  for (;;) {
    puts("> ");
    u64 n = 0;
    for (int c = get(); c != '\r' && c != '\n'; c = get())
      if (n < sizeof line - 1)
        line[n++] = (char)c;
    line[n] = 0;
    if (begins(line, "exit "))
      leave(number(line + 5));
    if (begins(line, "flood ")) {
      u64 count = number(line + 6);
      for (u64 i = 0; i < count; i++)
        put((char)('a' + i % 26));
      puts("\n");
    } else {
      puts("you said ");
      puts(line);
      puts("\n");
    }
  }
}
