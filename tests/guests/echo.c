// SPDX-License-Identifier: Apache-2.0
// A prompt on the PL011: answers each line, ends with the number behind "exit", prints so many bytes for "flood", and 1 MB a
// second for so many seconds for "pace", while it works.
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

// Numbered lines of 64 bytes, 1,000,000 bytes a second by the counter; what it could do besides is told at the end.
static void pace(u64 seconds) {
  u64 frequency = READ(cntfrq_el0), start = READ(cntvct_el0), total = 1000000 * seconds, work = 0;
  u32 x = 1;
  for (u64 sent = 0; sent < total;) {
    u64 due = (READ(cntvct_el0) - start) * 1000000 / frequency;
    for (; sent < due && sent < total; sent++) {
      u64 line = sent / 64, column = sent % 64;
      put(column < 8 ? "0123456789abcdef"[line >> (28 - 4 * column) & 15] : column == 62 ? '\r' : column == 63 ? '\n' : (char)('a' + column % 26));
    }
    for (int i = 0; i < 100; i++) {
      x ^= x << 13;
      x ^= x >> 17;
      x ^= x << 5;
    }
    work++;
  }
  // The generator never comes to zero; that it is asked keeps it.
  say("\nworked", x ? work : 0);
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
    if (begins(line, "pace ")) {
      pace(number(line + 5));
    } else if (begins(line, "flood ")) {
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
