#include "p384.h"

#include "bytes.h"
#include "p384_constants.h"

typedef unsigned __int128 u128;

void p384_load(p384_number to, const u8 bytes[P384_BYTES]) {
  for (u32 i = 0; i < P384_LIMBS; i++)
    to[i] = read_be64(bytes + 8 * (P384_LIMBS - 1 - i));
}

void p384_store(u8 bytes[P384_BYTES], const p384_number from) {
  for (u32 i = 0; i < P384_LIMBS; i++)
    write_be64(bytes + 8 * (P384_LIMBS - 1 - i), from[i]);
}

/* to = a - b; returns the borrow. */
static u64 subtract(p384_number to, const p384_number a, const p384_number b) {
  u64 borrow = 0;
  for (u32 i = 0; i < P384_LIMBS; i++) {
    u128 difference = (u128)a[i] - b[i] - borrow;
    to[i] = (u64)difference;
    borrow = (u64)(difference >> 64) & 1;
  }
  return borrow;
}

/* to = mask ? a : b, mask all ones or 0. */
static void select(p384_number to, u64 mask, const p384_number a, const p384_number b) {
  for (u32 i = 0; i < P384_LIMBS; i++)
    to[i] = (a[i] & mask) | (b[i] & ~mask);
}

u64 p384_less(const p384_number a, const p384_number b) {
  p384_number unused;
  return -subtract(unused, a, b);
}

u64 p384_is_zero(const p384_number a) {
  u64 bits = 0;
  for (u32 i = 0; i < P384_LIMBS; i++)
    bits |= a[i];
  return ((bits | -bits) >> 63) - 1;
}

void p384_reduce(const struct p384_modulus *m, p384_number to, const p384_number a) {
  p384_number less;
  u64 borrow = subtract(less, a, m->m);
  select(to, -borrow, a, less);
}

void p384_add(const struct p384_modulus *m, p384_number to, const p384_number a, const p384_number b) {
  p384_number sum;
  p384_number less;
  u64 carry = 0;
  for (u32 i = 0; i < P384_LIMBS; i++) {
    u128 limb = (u128)a[i] + b[i] + carry;
    sum[i] = (u64)limb;
    carry = (u64)(limb >> 64);
  }
  u64 borrow = subtract(less, sum, m->m);
  /* Below the modulus only where the subtraction borrows and nothing was carried out. */
  select(to, -(borrow & ~carry & 1), sum, less);
}

void p384_subtract(const struct p384_modulus *m, p384_number to, const p384_number a, const p384_number b) {
  p384_number difference;
  u64 mask = -subtract(difference, a, b);
  u64 carry = 0;
  for (u32 i = 0; i < P384_LIMBS; i++) {
    u128 limb = (u128)difference[i] + (m->m[i] & mask) + carry;
    to[i] = (u64)limb;
    carry = (u64)(limb >> 64);
  }
}

/* Coarsely integrated operand scanning: one limb of b, then one limb of reduction. */
void p384_multiply(const struct p384_modulus *m, p384_number to, const p384_number a, const p384_number b) {
  u64 t[P384_LIMBS + 2] = {0};
  for (u32 i = 0; i < P384_LIMBS; i++) {
    u64 carry = 0;
    for (u32 j = 0; j < P384_LIMBS; j++) {
      u128 limb = (u128)a[j] * b[i] + t[j] + carry;
      t[j] = (u64)limb;
      carry = (u64)(limb >> 64);
    }
    u128 top = (u128)t[P384_LIMBS] + carry;
    t[P384_LIMBS] = (u64)top;
    t[P384_LIMBS + 1] = (u64)(top >> 64);
    u64 factor = t[0] * m->inverse;
    carry = (u64)(((u128)factor * m->m[0] + t[0]) >> 64);
    for (u32 j = 1; j < P384_LIMBS; j++) {
      u128 limb = (u128)factor * m->m[j] + t[j] + carry;
      t[j - 1] = (u64)limb;
      carry = (u64)(limb >> 64);
    }
    top = (u128)t[P384_LIMBS] + carry;
    t[P384_LIMBS - 1] = (u64)top;
    t[P384_LIMBS] = t[P384_LIMBS + 1] + (u64)(top >> 64);
  }
  p384_number less;
  u64 borrow = subtract(less, t, m->m);
  select(to, -(borrow & ~t[P384_LIMBS] & 1), t, less);
}

void p384_to_montgomery(const struct p384_modulus *m, p384_number to, const p384_number a) {
  p384_multiply(m, to, a, m->r2);
}

void p384_from_montgomery(const struct p384_modulus *m, p384_number to, const p384_number a) {
  static const p384_number one = {1};
  p384_multiply(m, to, a, one);
}

void p384_invert(const struct p384_modulus *m, p384_number to, const p384_number a) {
  /* The exponent m - 2 is public: its bits may steer. The lowest limb of both moduli exceeds 2. */
  p384_number exponent;
  p384_number result;
  memcpy(exponent, m->m, sizeof exponent);
  exponent[0] -= 2;
  memcpy(result, m->one, sizeof result);
  for (u32 bit = 64 * P384_LIMBS; bit-- > 0;) {
    p384_multiply(m, result, result, result);
    if (exponent[bit / 64] >> (bit % 64) & 1)
      p384_multiply(m, result, result, a);
  }
  memcpy(to, result, sizeof result);
}

#define MULTIPLY(to, a, b) p384_multiply(&p384_field, to, a, b)
#define ADD(to, a, b) p384_add(&p384_field, to, a, b)
#define SUBTRACT(to, a, b) p384_subtract(&p384_field, to, a, b)

/*
 * Complete addition on y^2 = x^3 - 3x + b for all points, equal ones and the neutral one too (Renes, Costello, Batina,
 * "Complete addition formulas for prime order elliptic curves", algorithm 4).
 */
static void add_points(struct p384_point *to, const struct p384_point *p, const struct p384_point *q) {
  p384_number xx, yy, zz, xy, yz, xz, t, x3, y3, z3;
  MULTIPLY(xx, p->x, q->x);
  MULTIPLY(yy, p->y, q->y);
  MULTIPLY(zz, p->z, q->z);
  /* Cross products: xy = x1 y2 + x2 y1 and so on. */
  ADD(xy, p->x, p->y);
  ADD(t, q->x, q->y);
  MULTIPLY(xy, xy, t);
  ADD(t, xx, yy);
  SUBTRACT(xy, xy, t);
  ADD(yz, p->y, p->z);
  ADD(t, q->y, q->z);
  MULTIPLY(yz, yz, t);
  ADD(t, yy, zz);
  SUBTRACT(yz, yz, t);
  ADD(xz, p->x, p->z);
  ADD(t, q->x, q->z);
  MULTIPLY(xz, xz, t);
  ADD(t, xx, zz);
  SUBTRACT(xz, xz, t);
  /* x3 and z3 hold yy + 3 (xz - b zz) and yy - 3 (xz - b zz). */
  MULTIPLY(z3, curve_b, zz);
  SUBTRACT(x3, xz, z3);
  ADD(z3, x3, x3);
  ADD(x3, x3, z3);
  SUBTRACT(z3, yy, x3);
  ADD(x3, yy, x3);
  /* y3 = 3 (b xz - 3 zz - xx); xx becomes 3 xx - 3 zz. */
  MULTIPLY(y3, curve_b, xz);
  ADD(t, zz, zz);
  ADD(zz, t, zz);
  SUBTRACT(y3, y3, zz);
  SUBTRACT(y3, y3, xx);
  ADD(t, y3, y3);
  ADD(y3, t, y3);
  ADD(t, xx, xx);
  ADD(xx, t, xx);
  SUBTRACT(xx, xx, zz);
  MULTIPLY(t, yz, y3);
  MULTIPLY(zz, xx, y3);
  MULTIPLY(y3, x3, z3);
  ADD(to->y, y3, zz);
  MULTIPLY(x3, xy, x3);
  SUBTRACT(to->x, x3, t);
  MULTIPLY(z3, yz, z3);
  MULTIPLY(t, xy, xx);
  ADD(to->z, z3, t);
}

void p384_product_start(struct p384_product *product, const p384_number scalar) {
  memcpy(product->scalar, scalar, sizeof product->scalar);
  product->sum = base_multiples[0];
  product->step = 0;
}

bool p384_product_step(struct p384_product *product) {
  if (product->step == P384_STEPS)
    return true;
  u32 shift = 4 * (P384_STEPS - 1 - product->step);
  u64 digit = product->scalar[shift / 64] >> (shift % 64) & 15;
  for (u32 i = 0; i < 4; i++)
    add_points(&product->sum, &product->sum, &product->sum);
  /* All entries are read; the one that is meant is kept. */
  struct p384_point term = base_multiples[0];
  for (u64 i = 1; i < 16; i++) {
    u64 other = i ^ digit;
    u64 mask = ((other | -other) >> 63) - 1;
    select(term.x, mask, base_multiples[i].x, term.x);
    select(term.y, mask, base_multiples[i].y, term.y);
    select(term.z, mask, base_multiples[i].z, term.z);
  }
  add_points(&product->sum, &product->sum, &term);
  wipe(&term, sizeof term);
  return ++product->step == P384_STEPS;
}

void p384_product_result(const struct p384_product *product, p384_number x, p384_number y) {
  p384_number z;
  p384_invert(&p384_field, z, product->sum.z);
  MULTIPLY(x, product->sum.x, z);
  MULTIPLY(y, product->sum.y, z);
  p384_from_montgomery(&p384_field, x, x);
  p384_from_montgomery(&p384_field, y, y);
}
