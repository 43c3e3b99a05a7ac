// SPDX-License-Identifier: Apache-2.0
// Exceptions taken from EL1 to EL1: BRK, an undefined instruction, loads from and stores to addresses without a
// mapping and to a read-only page; the handler saves everything, looks at the syndrome, steps over and returns.
#include "../rt/rt.h"

const char bench_name[] = "exception";
const u32 bench_rounds = 700000;

#define UNMAPPED 0x100000000UL
#define READ_ONLY 0x48200000UL

void take_brk(void);
void take_undefined(void);
u64 take_abort(u64 address);
void take_store_abort(u64 address, u64 value);
extern char catching_vectors[];

static u64 seen[64], digest;

void handle(struct frame *frame, u64 esr, u64 far) {
  u64 class = esr >> 26;
  seen[class]++;
  switch (class) {
  case 0x00:
    digest += 1;
    break;
  case 0x3c:
    digest += esr & 0xffff;
    break;
  case 0x25:
    if (esr & 0x40)
      digest ^= far << 1;
    else
      frame->x[0] = far ^ (esr & 0x3f);
    break;
  default:
    die("an exception of another kind");
  }
  frame->elr += 4;
}

void bench_setup(void) {
  set_entry(&kernel_l2[(READ_ONLY - RAM_BASE) >> 21], READ_ONLY | PTE_RAM | PTE_RO | PTE_PXN | PTE_UXN);
  __asm__ volatile("msr vbar_el1, %0\n isb" ::"r"(catching_vectors));
}

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  digest = 0;
  memset(seen, 0, sizeof(seen));
  for (u32 round = 0; round < rounds; round++) {
    take_brk();
    take_undefined();
    hash += take_abort(UNMAPPED + (round & 0xffff) * 8);
    take_store_abort(READ_ONLY + (round & 0xfff) * 8, round);
    hash = mix(hash, digest);
  }
  for (u32 i = 0; i < COUNT(seen); i++)
    hash = mix(hash, seen[i]);
  return hash;
}
