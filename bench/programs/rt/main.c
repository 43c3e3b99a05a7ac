// SPDX-License-Identifier: Apache-2.0
// Warm-up, then the measured section between two readings of the virtual counter. smp programs have their own main.
#include "rt.h"

__attribute__((weak)) void bench_setup(void) {}
__attribute__((weak)) void secondary_main(void) {}

__attribute__((weak)) u64 bench_run(u32 rounds) {
  return rounds;
}

__attribute__((weak)) int main(void) {
  bench_setup();
  bench_run(bench_rounds / 10 + 1);
  u64 start = ticks();
  u64 checksum = bench_run(bench_rounds);
  u64 end = ticks();
  report_result(bench_name, checksum);
  report_time(bench_name, end - start);
  return 0;
}
