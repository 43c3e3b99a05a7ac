// SPDX-License-Identifier: Apache-2.0
// Indirect calls: a random walk through a table of functions, objects with method tables, callbacks, and a state
// machine whose states return the next state.
#include "../rt/rt.h"

const char bench_name[] = "indirect";
const u32 bench_rounds = 140000;

typedef u64 (*operation)(u64 a, u64 b);

static NOINLINE u64 op_add(u64 a, u64 b) { return a + b; }
static NOINLINE u64 op_sub(u64 a, u64 b) { return a - b; }
static NOINLINE u64 op_xor(u64 a, u64 b) { return a ^ b; }
static NOINLINE u64 op_mul(u64 a, u64 b) { return a * (b | 1); }
static NOINLINE u64 op_ror(u64 a, u64 b) { return a >> (b & 63) | a << (-b & 63); }
static NOINLINE u64 op_mix(u64 a, u64 b) { return mix(a, b); }
static NOINLINE u64 op_min(u64 a, u64 b) { return a < b ? a : b ^ 0x55; }
static NOINLINE u64 op_not(u64 a, u64 b) { return ~a ^ b >> 3; }

static operation operations[8] = {op_add, op_sub, op_xor, op_mul, op_ror, op_mix, op_min, op_not};

struct shape;
struct methods {
  u64 (*area)(const struct shape *);
  void (*grow)(struct shape *, u64);
};
struct shape {
  const struct methods *methods;
  u64 width, height;
};

static u64 box_area(const struct shape *s) { return s->width * s->height; }
static void box_grow(struct shape *s, u64 by) { s->width = (s->width + by) & 0xffff; }
static u64 half_area(const struct shape *s) { return s->width * s->height / 2; }
static void half_grow(struct shape *s, u64 by) { s->height = (s->height + by) & 0xffff; }
static u64 line_area(const struct shape *s) { return s->width + s->height; }
static void line_grow(struct shape *s, u64 by) {
  s->width = (s->width ^ by) & 0xffff;
  s->height = (s->height + 1) & 0xffff;
}

static const struct methods kinds[3] = {{box_area, box_grow}, {half_area, half_grow}, {line_area, line_grow}};
static struct shape shapes[64];

static NOINLINE u64 each(u64 (*visit)(u64, u64), const u64 *values, u32 count) {
  u64 sum = 1;
  for (u32 i = 0; i < count; i++)
    sum = visit(sum, values[i]);
  return sum;
}

struct state {
  struct state (*step)(u64 *);
};

static struct state state_odd(u64 *value);
static struct state state_even(u64 *value);
static struct state state_start(u64 *value) { return (struct state){*value & 1 ? state_odd : state_even}; }
static struct state state_odd(u64 *value) {
  *value = *value * 5 + 1;
  return (struct state){state_start};
}
static struct state state_even(u64 *value) {
  *value = *value >> 1 ^ 0x8000000000000000UL;
  return (struct state){*value & 2 ? state_odd : state_start};
}

void bench_setup(void) {
  u64 seed = 0x1d;
  for (u32 i = 0; i < COUNT(shapes); i++)
    shapes[i].methods = &kinds[next_random(&seed) % 3];
}

u64 bench_run(u32 rounds) {
  u64 hash = 1, seed = 0xca11;
  for (u32 i = 0; i < COUNT(shapes); i++) {
    shapes[i].width = 3 + i;
    shapes[i].height = 100 - i;
  }
  for (u32 round = 0; round < rounds; round++) {
    u64 values[32];
    for (u32 i = 0; i < 256; i++) {
      u64 random = next_random(&seed);
      hash = operations[random & 7](hash, random >> 3);
    }
    for (u32 i = 0; i < COUNT(values); i++)
      values[i] = hash ^ i;
    for (u32 i = 0; i < COUNT(operations); i++)
      hash ^= each(operations[i], values, COUNT(values));
    for (u32 i = 0; i < COUNT(shapes); i++) {
      shapes[i].methods->grow(&shapes[i], hash & 31);
      hash += shapes[i].methods->area(&shapes[i]);
    }
    struct state state = {state_start};
    for (u32 i = 0; i < 128; i++)
      state = state.step(&hash);
  }
  return hash;
}
