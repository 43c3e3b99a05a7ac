// SPDX-License-Identifier: Apache-2.0
// Says so and resets the system, for ever. A variable tells whether memory was made new.
#include "guest.h"

void secondary(u64 context) {
  (void)context;
}

static volatile u64 boots = 1;

void main(void) {
  puts("boot ");
  put_number(boots);
  puts("\n");
  boots++;
  psci(0x84000009, 0, 0, 0);
  puts("still here\n");
}
