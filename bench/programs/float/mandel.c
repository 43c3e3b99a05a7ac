// SPDX-License-Identifier: Apache-2.0
// The Mandelbrot set: one point at a time, or four at once in NEON registers.
#include "../rt/rt.h"
#ifdef NEON
#include <arm_neon.h>
#endif

const char bench_name[] = BENCH_NAME;

#define WIDTH 128
#define HEIGHT 96
#define LIMIT 100

static u32 counts[HEIGHT][WIDTH] ALIGNED(16);

#ifdef NEON
const u32 bench_rounds = 66;

static NOINLINE void row(u32 y, REAL ci, REAL left, REAL step) {
  static const float offsets[4] = {0, 1, 2, 3};
  for (u32 x = 0; x < WIDTH; x += 4) {
    float32x4_t cr = vfmaq_n_f32(vdupq_n_f32(left + (REAL)x * step), vld1q_f32(offsets), step);
    float32x4_t zr = vdupq_n_f32(0), zi = vdupq_n_f32(0);
    uint32x4_t count = vdupq_n_u32(0);
    for (u32 i = 0; i < LIMIT; i++) {
      float32x4_t rr = vmulq_f32(zr, zr), ii = vmulq_f32(zi, zi);
      uint32x4_t inside = vcleq_f32(vaddq_f32(rr, ii), vdupq_n_f32(4));
      if (vmaxvq_u32(inside) == 0)
        break;
      count = vsubq_u32(count, inside);
      zi = vfmaq_f32(vdupq_n_f32(ci), vaddq_f32(zr, zr), zi);
      zr = vaddq_f32(vsubq_f32(rr, ii), cr);
    }
    vst1q_u32(&counts[y][x], count);
  }
}
#else
const u32 bench_rounds = 80;

static NOINLINE void row(u32 y, REAL ci, REAL left, REAL step) {
  for (u32 x = 0; x < WIDTH; x++) {
    REAL cr = left + (REAL)x * step, zr = 0, zi = 0;
    u32 count = 0;
    for (; count < LIMIT; count++) {
      REAL rr = zr * zr, ii = zi * zi;
      if (rr + ii > 4)
        break;
      zi = 2 * zr * zi + ci;
      zr = rr - ii + cr;
    }
    counts[y][x] = count;
  }
}
#endif

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  for (u32 round = 0; round < rounds; round++) {
    // A little closer to a place on the edge each time.
    REAL size = (REAL)3 / (REAL)(1 + round % 20), step = size / WIDTH;
    for (u32 y = 0; y < HEIGHT; y++)
      row(y, (REAL)0.1 - size * 3 / 8 + (REAL)y * step, (REAL)-0.75 - size / 2, step);
    for (u32 y = 0; y < HEIGHT; y++)
      for (u32 x = y & 7; x < WIDTH; x += 8)
        hash = mix(hash, counts[y][x]);
  }
  return hash;
}
