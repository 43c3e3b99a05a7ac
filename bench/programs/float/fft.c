// SPDX-License-Identifier: Apache-2.0
// Fourier transform of 2048 complex numbers, forward and back, radix 2: scalar, or four butterflies at once in NEON.
#include "../rt/rt.h"
#ifdef NEON
#include <arm_neon.h>
#endif

const char bench_name[] = BENCH_NAME;
#ifdef NEON
const u32 bench_rounds = 2800;
#else
const u32 bench_rounds = 2000;
#endif

#define LOG 11
#define N (1U << LOG)

static REAL re[N] ALIGNED(16), im[N] ALIGNED(16);
// Roots of unity for the stage with `half` butterflies a group, from index `half` on.
static REAL cosine[N] ALIGNED(16), sine[N] ALIGNED(16);

// Taylor series; |x| is at most pi.
static double series(double x, int first) {
  double term = first ? x : 1, sum = term;
  for (int i = first + 1; i < 40; i += 2) {
    term = -term * x * x / (i * (i + 1));
    sum += term;
  }
  return sum;
}

void bench_setup(void) {
  for (u32 half = 1; half < N; half *= 2) {
    for (u32 i = 0; i < half; i++) {
      double angle = 3.14159265358979323846 * i / half;
      cosine[half + i] = (REAL)series(angle, 0);
      sine[half + i] = (REAL)series(angle, 1);
    }
  }
}

static NOINLINE void reorder(void) {
  for (u32 i = 0, j = 0; i < N; i++) {
    if (i < j) {
      REAL r = re[i], m = im[i];
      re[i] = re[j];
      im[i] = im[j];
      re[j] = r;
      im[j] = m;
    }
    u32 bit = N >> 1;
    for (; j & bit; bit >>= 1)
      j ^= bit;
    j |= bit;
  }
}

static NOINLINE void stage(u32 half, REAL sign) {
  for (u32 group = 0; group < N; group += 2 * half) {
    for (u32 i = group; i < group + half; i++) {
      REAL wr = cosine[half + i - group], wi = sign * sine[half + i - group];
      REAL r = re[i + half] * wr - im[i + half] * wi;
      REAL m = re[i + half] * wi + im[i + half] * wr;
      re[i + half] = re[i] - r;
      im[i + half] = im[i] - m;
      re[i] += r;
      im[i] += m;
    }
  }
}

#ifdef NEON
static NOINLINE void wide_stage(u32 half, REAL sign) {
  for (u32 group = 0; group < N; group += 2 * half) {
    for (u32 i = group; i < group + half; i += 4) {
      float32x4_t wr = vld1q_f32(&cosine[half + i - group]);
      float32x4_t wi = vmulq_n_f32(vld1q_f32(&sine[half + i - group]), sign);
      float32x4_t xr = vld1q_f32(&re[i + half]), xi = vld1q_f32(&im[i + half]);
      float32x4_t yr = vld1q_f32(&re[i]), yi = vld1q_f32(&im[i]);
      float32x4_t r = vfmsq_f32(vmulq_f32(xr, wr), xi, wi);
      float32x4_t m = vfmaq_f32(vmulq_f32(xr, wi), xi, wr);
      vst1q_f32(&re[i + half], vsubq_f32(yr, r));
      vst1q_f32(&im[i + half], vsubq_f32(yi, m));
      vst1q_f32(&re[i], vaddq_f32(yr, r));
      vst1q_f32(&im[i], vaddq_f32(yi, m));
    }
  }
}
#endif

static void transform(REAL sign) {
  reorder();
  for (u32 half = 1; half < N; half *= 2) {
#ifdef NEON
    if (half >= 4) {
      wide_stage(half, sign);
      continue;
    }
#endif
    stage(half, sign);
  }
}

u64 bench_run(u32 rounds) {
  u64 seed = 0xff7, hash = 1;
  for (u32 i = 0; i < N; i++) {
    re[i] = (REAL)((i64)next_random(&seed) >> 48);
    im[i] = 0;
  }
  for (u32 round = 0; round < rounds; round++) {
    transform(-1);
    for (u32 i = 0; i < N; i += 64)
      hash = mix(hash, (u64)(i64)(re[i] - im[i]));
    transform(1);
    for (u32 i = 0; i < N; i++) {
      re[i] /= N;
      im[i] /= N;
    }
    for (u32 i = 0; i < N; i += 64)
      hash = mix(hash, (u64)(i64)re[i]);
  }
  return hash;
}
