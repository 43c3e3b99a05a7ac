// SPDX-License-Identifier: Apache-2.0
// Says at which exception level it runs, and ends with status 42.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

void main(void) {
  u64 el;
  __asm__("mrs %0, CurrentEL" : "=r"(el));
  puts("hello from EL");
  put_number(el >> 2);
  puts("\n");
  leave(42);
}
