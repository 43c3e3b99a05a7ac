// SPDX-License-Identifier: Apache-2.0
// Self-modifying code: a function is written anew, made visible (DC CVAU, DSB, IC IVAU, DSB, ISB) and called; and in
// another one a single instruction is patched each time, as for a static key.
#include "../rt/rt.h"

const char bench_name[] = "smc-code";
const u32 bench_rounds = 30000;

#define WORDS 32

typedef u64 (*function)(u64);

static u32 written[1024] ALIGNED(4096), patched[1024] ALIGNED(4096);
static u64 data_line, code_line;

static NOINLINE void publish(void *from, u64 size) {
  u64 start = (u64)from, end = start + size;
  for (u64 at = start & -data_line; at < end; at += data_line)
    __asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
  __asm__ volatile("dsb ish" ::: "memory");
  for (u64 at = start & -code_line; at < end; at += code_line)
    __asm__ volatile("ic ivau, %0" ::"r"(at) : "memory");
  __asm__ volatile("dsb ish\n isb" ::: "memory");
}

// Encodings with x0 as destination and first source.
static u32 encode(u64 random) {
  u32 immediate = random >> 8 & 0xfff;
  switch (random & 3) {
  case 0:
    return 0x91000000 | immediate << 10; // add x0, x0, #immediate
  case 1:
    return 0xd1000000 | immediate << 10; // sub x0, x0, #immediate
  case 2:
    return 0xca000000 | (immediate & 63) << 10; // eor x0, x0, x0, lsl #n
  default:
    return 0x8b000000 | (immediate & 31) << 10; // add x0, x0, x0, lsl #n
  }
}

#define RET 0xd65f03c0

void bench_setup(void) {
  u64 type;
  __asm__("mrs %0, ctr_el0" : "=r"(type));
  code_line = 4UL << (type & 15);
  data_line = 4UL << (type >> 16 & 15);
  for (u32 i = 0; i < WORDS; i++)
    patched[i] = encode(i * 0x12345UL);
  patched[WORDS] = RET;
  publish(patched, sizeof(patched));
}

u64 bench_run(u32 rounds) {
  u64 hash = 1, seed = 0x5e1f;
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < WORDS; i++)
      written[i] = encode(next_random(&seed));
    written[WORDS] = RET;
    publish(written, (WORDS + 1) * sizeof(u32));
    for (u32 i = 0; i < 8; i++)
      hash = mix(hash, ((function)written)(hash + i));
    for (u32 i = 0; i < 4; i++) {
      u32 *at = &patched[(round + i) % WORDS];
      *(volatile u32 *)at = encode(hash >> 5);
      publish(at, sizeof(u32));
      hash = mix(hash, ((function)patched)(hash));
    }
  }
  return hash;
}
