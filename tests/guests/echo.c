// SPDX-License-Identifier: Apache-2.0
// A prompt on the PL011: answers each line, ends with the number behind "exit", prints so many bytes for "flood", and 1 MB a
// second for so many seconds for "pace", beside work of a fixed size.
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

// A millisecond's output, as a driver gives it to a FIFO of 16 bytes, and its work.
#define BURST 1000
#define FIFO 16
#define ROUNDS 20000

// Numbered lines of 64 bytes, 1,000 bytes and so many rounds of work every millisecond, which the virtual timer ends; between them
// the core waits. How long it was busy, and how long it all took, is told at the end, in microseconds.
static void pace(u64 seconds) {
  u64 frequency = READ(cntfrq_el0), tick = frequency / 1000, began = READ(cntvct_el0), due = began, busy = 0, sent = 0;
  u32 x = 1;
  for (u64 n = 0; n < 1000 * seconds; n++) {
    due += tick;
    WRITE(cntv_cval_el0, due);
    WRITE(cntv_ctl_el0, 1);
    while ((long)(READ(cntvct_el0) - due) < 0)
      __asm__ volatile("wfi");
    u64 start = READ(cntvct_el0);
    for (u64 end = sent + BURST; sent < end;) {
      while (!(UART(0x18) & 0x80)) {
      }
      for (int i = 0; i < FIFO && sent < end; i++, sent++) {
        u64 line = sent / 64, column = sent % 64;
        UART(0) = (u8)(column < 8 ? "0123456789abcdef"[line >> (28 - 4 * column) & 15] : column == 62 ? '\r' : column == 63 ? '\n' : (char)('a' + column % 26));
      }
    }
    for (int i = 0; i < ROUNDS; i++) {
      x ^= x << 13;
      x ^= x >> 17;
      x ^= x << 5;
    }
    busy += READ(cntvct_el0) - start;
  }
  WRITE(cntv_ctl_el0, 0);
  // The generator never comes to zero; that it is asked keeps it.
  say("\nbusy", x ? busy * 1000000 / frequency : 0);
  say("took", (READ(cntvct_el0) - began) * 1000000 / frequency);
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
