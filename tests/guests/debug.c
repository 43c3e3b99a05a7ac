// SPDX-License-Identifier: Apache-2.0
// For the debugger: known places, a variable that changes, a second core if there is one.
#include "guest.h"

volatile u64 counter;
volatile u64 other;

__attribute__((noinline)) void tick(u64 n) {
  counter = n;
}

void secondary(u64 context) {
  (void)context;
  for (;;)
    other++;
}

void main(void) {
  psci(0xc4000003, 1, (u64)start_secondary, 1);
  for (u64 n = 1;; n++)
    tick(n);
}
