// SPDX-License-Identifier: Apache-2.0
// Matrix multiplication, 96 x 96: three plain loops over scalars, or blocks of 4 x 8 in NEON registers.
#include "../rt/rt.h"
#ifdef NEON
#include <arm_neon.h>
#endif

const char bench_name[] = BENCH_NAME;

#define N 96

static REAL a[N][N] ALIGNED(16), b[N][N] ALIGNED(16), c[N][N] ALIGNED(16);

#ifdef NEON
const u32 bench_rounds = 400;

static NOINLINE void multiply(void) {
  for (u32 i = 0; i < N; i += 4) {
    for (u32 j = 0; j < N; j += 8) {
      float32x4_t sum[4][2];
      for (u32 r = 0; r < 4; r++)
        sum[r][0] = sum[r][1] = vdupq_n_f32(0);
      for (u32 k = 0; k < N; k += 4) {
        float32x4_t left[4];
        for (u32 r = 0; r < 4; r++)
          left[r] = vld1q_f32(&a[i + r][k]);
#define STEP(lane)                                                                                                     \
  {                                                                                                                    \
    float32x4_t low = vld1q_f32(&b[k + lane][j]), high = vld1q_f32(&b[k + lane][j + 4]);                               \
    for (u32 r = 0; r < 4; r++) {                                                                                      \
      sum[r][0] = vfmaq_laneq_f32(sum[r][0], low, left[r], lane);                                                      \
      sum[r][1] = vfmaq_laneq_f32(sum[r][1], high, left[r], lane);                                                     \
    }                                                                                                                  \
  }
        STEP(0)
        STEP(1)
        STEP(2)
        STEP(3)
      }
      for (u32 r = 0; r < 4; r++) {
        vst1q_f32(&c[i + r][j], sum[r][0]);
        vst1q_f32(&c[i + r][j + 4], sum[r][1]);
      }
    }
  }
}
#else
const u32 bench_rounds = 300;

static NOINLINE void multiply(void) {
  for (u32 i = 0; i < N; i++) {
    for (u32 j = 0; j < N; j++) {
      REAL sum = 0;
      for (u32 k = 0; k < N; k++)
        sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  }
}
#endif

u64 bench_run(u32 rounds) {
  u64 seed = 0x3a7, hash = 1;
  for (u32 i = 0; i < N; i++) {
    for (u32 j = 0; j < N; j++) {
      a[i][j] = (REAL)((i64)next_random(&seed) >> 40) / 8388608;
      b[i][j] = (REAL)((i64)next_random(&seed) >> 40) / 8388608;
    }
  }
  for (u32 round = 0; round < rounds; round++) {
    multiply();
    // The next product is with the last one, scaled down.
    for (u32 i = 0; i < N; i++)
      for (u32 j = 0; j < N; j++)
        a[i][j] = c[i][j] / 8 + (i == j ? 1 : 0);
    for (u32 i = 0; i < N; i++)
      hash = mix(hash, (u64)(i64)(c[i][(i * 7 + round) % N] * 65536));
  }
  return hash;
}
