// SPDX-License-Identifier: Apache-2.0
// Recursion of several shapes: two calls a level, deep chains, three calls as arguments, many arguments.
#include "../rt/rt.h"

const char bench_name[] = "calls";
const u32 bench_rounds = 240;

static NOINLINE u64 fibonacci(u32 n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static NOINLINE u32 ackermann(u32 m, u32 n) {
  if (m == 0)
    return n + 1;
  return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static NOINLINE i32 tak(i32 x, i32 y, i32 z) {
  return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static NOINLINE u64 hanoi(u32 disks, u32 from, u32 to, u32 over, u64 *moves) {
  if (disks == 0)
    return from * 3 + to;
  u64 sum = hanoi(disks - 1, from, over, to, moves);
  *moves += 1;
  return sum + hanoi(disks - 1, over, to, from, moves);
}

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  for (u32 round = 0; round < rounds; round++) {
    u64 moves = 0;
    hash = mix(hash, fibonacci(24 + (round & 3)));
    hash = mix(hash, ackermann(2, 200 + (round & 7)));
    hash = mix(hash, (u64)tak(14, 8, (i32)(round & 3)));
    hash = mix(hash, hanoi(16, 1, 2, 3, &moves));
    hash = mix(hash, moves);
  }
  return hash;
}
