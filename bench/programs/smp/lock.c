// SPDX-License-Identifier: Apache-2.0
// Two CPUs contending on one spin lock, taken with LDAXR and STXR or with CASA (LSE), released with STLR. Under the
// lock a few words are changed; between the turns there is a little work of one's own.
#include "../rt/smp.h"

const char bench_name[] = BENCH_NAME;
const u32 bench_rounds = 9000000;

static u32 lock LINE;
static struct {
  u64 turns, sum, last;
} shared LINE;
static struct barrier barrier;

static inline void acquire(u32 *lock) {
  for (;;) {
#ifdef LSE
    u32 value = 0;
    __asm__ volatile("casa %w0, %w2, %1" : "+r"(value), "+Q"(*lock) : "r"(1) : "memory");
    if (value == 0)
      return;
#else
    u32 value, failed;
    __asm__ volatile("ldaxr %w0, %1" : "=r"(value) : "Q"(*lock) : "memory");
    if (value == 0) {
      __asm__ volatile("stxr %w0, %w2, %1" : "=&r"(failed), "=Q"(*lock) : "r"(1) : "memory");
      if (!failed)
        return;
      continue;
    }
#endif
    while (__atomic_load_n(lock, __ATOMIC_RELAXED))
      __asm__ volatile("yield");
  }
}

static inline void release(u32 *lock) {
  __asm__ volatile("stlr wzr, %0" : "=Q"(*lock)::"memory");
}

static NOINLINE u64 contend(u64 seed, u32 turns) {
  for (u32 turn = 0; turn < turns; turn++) {
    acquire(&lock);
    shared.turns++;
    shared.sum += seed & 0xffff;
    shared.last = seed;
    release(&lock);
    for (u32 i = 0; i < 4; i++)
      next_random(&seed);
  }
  return seed;
}

static u64 run(u64 seed, u32 turns) {
  meet(&barrier);
  u64 end = contend(seed, turns);
  meet(&barrier);
  return end;
}

void secondary_main(void) {
  run(22, bench_rounds / 10);
  run(22, bench_rounds);
}

int main(void) {
  cpu_on(1);
  run(11, bench_rounds / 10);
  shared.turns = shared.sum = 0; // the other CPU is not past the next barrier
  u64 start = ticks();
  u64 seed = run(11, bench_rounds);
  u64 end = ticks();
  if (shared.turns != 2UL * bench_rounds)
    die("turns were lost");
  report_result(bench_name, mix(mix(seed, shared.turns), shared.sum));
  report_time(bench_name, end - start);
  return 0;
}
