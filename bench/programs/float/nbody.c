// SPDX-License-Identifier: Apache-2.0
// Gravity among eight bodies, leapfrog steps: scalar multiply-add, square root and division.
#include "../rt/rt.h"

const char bench_name[] = BENCH_NAME;

#ifdef SINGLE
const u32 bench_rounds = 420000;
#define ROOT __builtin_sqrtf
#else
const u32 bench_rounds = 720000;
#define ROOT __builtin_sqrt
#endif

#define BODIES 8

static struct body {
  REAL x, y, z, vx, vy, vz, mass;
} bodies[BODIES];

static REAL uniform(u64 *seed) {
  return (REAL)((i64)next_random(seed) >> 40) / 8388608;
}

static NOINLINE void attract(REAL dt) {
  for (u32 i = 0; i < BODIES; i++) {
    struct body *p = &bodies[i];
    for (u32 j = i + 1; j < BODIES; j++) {
      struct body *q = &bodies[j];
      REAL dx = p->x - q->x, dy = p->y - q->y, dz = p->z - q->z;
      REAL square = dx * dx + dy * dy + dz * dz + (REAL)0.01;
      REAL factor = dt / (square * ROOT(square));
      p->vx -= dx * q->mass * factor;
      p->vy -= dy * q->mass * factor;
      p->vz -= dz * q->mass * factor;
      q->vx += dx * p->mass * factor;
      q->vy += dy * p->mass * factor;
      q->vz += dz * p->mass * factor;
    }
  }
}

static NOINLINE void move(REAL dt) {
  for (u32 i = 0; i < BODIES; i++) {
    bodies[i].x += dt * bodies[i].vx;
    bodies[i].y += dt * bodies[i].vy;
    bodies[i].z += dt * bodies[i].vz;
  }
}

static NOINLINE REAL energy(void) {
  REAL sum = 0;
  for (u32 i = 0; i < BODIES; i++) {
    struct body *p = &bodies[i];
    sum += p->mass * (p->vx * p->vx + p->vy * p->vy + p->vz * p->vz) / 2;
    for (u32 j = i + 1; j < BODIES; j++) {
      struct body *q = &bodies[j];
      REAL dx = p->x - q->x, dy = p->y - q->y, dz = p->z - q->z;
      sum -= p->mass * q->mass / ROOT(dx * dx + dy * dy + dz * dz + (REAL)0.01);
    }
  }
  return sum;
}

u64 bench_run(u32 rounds) {
  u64 seed = 0xb0d1e5, hash = 1;
  for (u32 i = 0; i < BODIES; i++)
    bodies[i] = (struct body){uniform(&seed) * 4,    uniform(&seed) * 4,    uniform(&seed) * 4,
                              uniform(&seed) / 4,    uniform(&seed) / 4,    uniform(&seed) / 4,
                              1 + uniform(&seed) / 2};
  for (u32 round = 0; round < rounds; round++) {
    attract((REAL)0.001);
    move((REAL)0.001);
    if ((round & 63) == 0)
      hash = mix(hash, (u64)(i64)(energy() * 1048576));
  }
  for (u32 i = 0; i < BODIES; i++)
    hash = mix(hash, (u64)(i64)((bodies[i].x + bodies[i].vy) * 1048576));
  return hash;
}
