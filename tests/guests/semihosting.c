// SPDX-License-Identifier: Apache-2.0
// Semihosting: command line, console in and out, a file written and read back, clocks.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

static void tell(const char *s) {
  semihost(0x04, s);
}
static u64 open(const char *name, u64 mode) {
  u64 block[3] = {(u64)name, mode, length(name)};
  return semihost(0x01, block);
}

void main(void) {
  static char text[64];
  u64 line[2] = {(u64)text, sizeof text};
  if (semihost(0x15, line) != 0)
    leave(1);
  tell("called as ");
  tell(text);
  tell("\n");

  u64 file = open("greeting.txt", 4);
  if (file == (u64)-1) {
    tell("no file\n");
    leave(2);
  }
  u64 write[3] = {file, (u64) "good day\n", 9};
  if (semihost(0x05, write) != 0)
    leave(3);
  semihost(0x02, &file);
  file = open("greeting.txt", 0);
  u64 size = semihost(0x0c, &file);
  u64 read[3] = {file, (u64)text, size};
  if (size != 9 || semihost(0x06, read) != 0)
    leave(4);
  text[size] = 0;
  tell("the file says ");
  tell(text);

  u64 before, after;
  semihost(0x30, &before);
  semihost(0x30, &after);
  if (after < before || semihost(0x31, 0) == 0)
    leave(5);
  tell("name? ");
  u64 n = 0;
  for (u64 c = semihost(0x07, 0); c != '\n'; c = semihost(0x07, 0))
    text[n++] = (char)c;
  text[n] = 0;
  tell("hello ");
  tell(text);
  tell("\n");
}
