// SPDX-License-Identifier: Apache-2.0
// For programs on two CPUs: start the second by PSCI, meet at barriers.
#ifndef SMP_H
#define SMP_H
#include "rt.h"

#define LINE ALIGNED(128) // nothing else in the cache line

struct barrier {
  u32 arrived LINE;
  u32 phase LINE;
};

static inline void cpu_on(u64 cpu) {
  register u64 x0 __asm__("x0") = 0xc4000003;
  register u64 x1 __asm__("x1") = cpu;
  register u64 x2 __asm__("x2") = (u64)secondary_entry;
  register u64 x3 __asm__("x3") = cpu;
  __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
  if (x0 != 0)
    die("PSCI CPU_ON was refused");
}

// Waits until both CPUs are here.
static inline void meet(struct barrier *barrier) {
  u32 phase = __atomic_load_n(&barrier->phase, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == 2) {
    barrier->arrived = 0;
    __atomic_store_n(&barrier->phase, phase + 1, __ATOMIC_RELEASE);
  } else {
    while (__atomic_load_n(&barrier->phase, __ATOMIC_ACQUIRE) == phase)
      __asm__ volatile("yield");
  }
}

#endif
