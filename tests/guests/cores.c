// SPDX-License-Identifier: Apache-2.0
// Starts every core by PSCI, lets each add to a sum, stops them, and powers off.
#include "guest.h"

#define CORES 4
static volatile u64 sum;
static volatile u32 arrived;

void secondary(u64 context) {
  __atomic_add_fetch(&sum, context, __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
  __asm__ volatile("sev");
  psci(0x84000002, 0, 0, 0);
}

void main(void) {
  puts("PSCI ");
  put_number(psci(0x84000000, 0, 0, 0) >> 16);
  puts(".");
  put_number(psci(0x84000000, 0, 0, 0) & 0xffff);
  // SMCCC is there at 1.1, and PSCI says so.
  if (psci(0x8400000a, 0x80000000, 0, 0) != 0 || psci(0x80000000, 0, 0, 0) != 0x10001)
    puts(" without SMCCC");
  puts("\n");
  u32 started = 0;
  for (u64 core = 1; core < CORES; core++)
    if (psci(0xc4000003, core, (u64)start_secondary, core) == 0)
      started++;
  while (arrived < started)
    __asm__ volatile("wfe");
  // Each core switches itself off behind its last word.
  for (u64 core = 1; core <= started; core++)
    while (psci(0xc4000004, core, 0, 0) != 1) {
    }
  put_number(started);
  puts(" cores, sum ");
  put_number(sum);
  puts("\n");
  psci(0x84000008, 0, 0, 0);
}
