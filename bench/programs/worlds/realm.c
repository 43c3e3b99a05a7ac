// SPDX-License-Identifier: Apache-2.0
// Trips between worlds: host (Non-secure EL2) - EL3 - RMM (Realm EL2) - EL3 - host. `rmi`: a call that RMM answers at
// once; `rec`: RMM enters a realm, which calls back at once; `work`: the realm works before it does. Needs EL3 and
// FEAT_RME; with FEAT_MEC the realm has a context of its own.
#include "../rt/rt.h"
#include "realm.h"

const char bench_name[] = BENCH_NAME;
const u32 bench_rounds = ROUNDS;

static u64 smc(u64 number, u64 value) {
  register u64 x0 __asm__("x0") = number;
  register u64 x1 __asm__("x1") = value;
  __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1) : : "x2", "x3", "x4", "x5", "x6", "x7", "memory");
  if (x0)
    die("RMM refuses");
  return x1;
}

u64 bench_run(u32 rounds) {
  u64 value = 1;
  for (u32 round = 0; round < rounds; round++)
    value = mix(value, smc(CALL, value & 0xffff));
  return value;
}

// RMM, before and after its MMU is on.
#define RMM __attribute__((section(".realm.text"), target("general-regs-only"), noinline))
extern u64 rmm_l1[512], rmm_l2[512];
extern char __guest_start[], __guest_end[];
// The second gigabyte shows RAM once more, through the alternate MECID.
#define AMEC (1UL << 63)
#define ALIAS 0x40000000UL

RMM u64 *rmm_tables(void) {
  for (u64 i = 0; i < 32; i++)
    rmm_l2[i] = (RAM_BASE + (i << 21)) | PTE_RAM | PTE_EL0;
  rmm_l1[1] = (u64)rmm_l2 | PTE_TABLE;
  rmm_l1[2] = RAM_BASE | PTE_RAM | PTE_EL0 | AMEC;
  return rmm_l1;
}

// Guest code and tables of stage 2, in the realm's context.
RMM void rmm_make_realm(void) {
  u64 *to = (u64 *)(GUEST_BASE + ALIAS);
  const u64 *from = (const u64 *)GUEST_IMAGE;
  for (u64 i = 0; i < (u64)(__guest_end - __guest_start) / 8; i++)
    to[i] = from[i];
  u64 *l1 = (u64 *)(STAGE2 + ALIAS);
  u64 *l2 = l1 + 512;
  for (u64 i = 0; i < 512; i++)
    l1[i] = l2[i] = 0;
  l1[1] = (STAGE2 + 4096) | PTE_TABLE;
  for (u64 at = GUEST_BASE; at < REALM_END; at += 1 << 21)
    l2[(at - RAM_BASE) >> 21] = at | PTE_VALID | 15 << 2 | 3 << 6 | PTE_SHARED | PTE_AF;
  __asm__ volatile("dsb ish" ::: "memory");
}

// The realm: one to one, in blocks.
#define GUEST __attribute__((section(".guest.text"), target("general-regs-only"), noinline))
GUEST u64 *guest_tables(void) {
  u64 *l1 = (u64 *)GUEST_STACK;
  u64 *l2 = l1 + 512;
  for (u64 i = 0; i < 512; i++)
    l1[i] = l2[i] = 0;
  l1[1] = (u64)l2 | PTE_TABLE;
  for (u64 at = GUEST_BASE; at < REALM_END; at += 1 << 21)
    l2[(at - RAM_BASE) >> 21] = at | PTE_RAM;
  __asm__ volatile("dsb ish" ::: "memory");
  return l1;
}

#define WORDS (1 << 19)
#define UNIT 40000
GUEST u64 guest_run(u64 value) {
#ifdef WORK
  // A walk about 4 MB, with a store each.
  u64 *heap = (u64 *)GUEST_HEAP;
  u64 at = value, sum = 0;
  for (u32 i = 0; i < UNIT; i++) {
    at = at * 6364136223846793005UL + 1442695040888963407UL;
    u64 *word = &heap[(at >> 40) % WORDS];
    sum += *word ^ at >> 32;
    *word = sum;
    sum ^= sum >> 7;
  }
  return sum;
#else
  return value * 3 + 1;
#endif
}
