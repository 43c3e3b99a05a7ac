/*
 * The elliptic curve P-384 (FIPS 186-5, SP 800-186 3.2.1.4). Numbers are six 64-bit limbs, least significant first;
 * their bytes are big-endian. Time and memory accesses do not depend on the values.
 */
#ifndef P384_H
#define P384_H

#include "types.h"

#define P384_LIMBS 6
#define P384_BYTES 48

typedef u64 p384_number[P384_LIMBS];

/* A modulus with what Montgomery multiplication needs: R = 2^384. */
struct p384_modulus {
  p384_number m;
  p384_number r2;
  p384_number one;
  /* -1 / m mod 2^64. */
  u64 inverse;
};
extern const struct p384_modulus p384_field;
extern const struct p384_modulus p384_order;

void p384_load(p384_number to, const u8 bytes[P384_BYTES]);
void p384_store(u8 bytes[P384_BYTES], const p384_number from);
/* All ones if a < b, else 0. */
u64 p384_less(const p384_number a, const p384_number b);
u64 p384_is_zero(const p384_number a);

/* Montgomery arithmetic modulo m; operands below m. Results may be operands. */
void p384_multiply(const struct p384_modulus *m, p384_number to, const p384_number a, const p384_number b);
void p384_add(const struct p384_modulus *m, p384_number to, const p384_number a, const p384_number b);
void p384_subtract(const struct p384_modulus *m, p384_number to, const p384_number a, const p384_number b);
void p384_to_montgomery(const struct p384_modulus *m, p384_number to, const p384_number a);
void p384_from_montgomery(const struct p384_modulus *m, p384_number to, const p384_number a);
/* 1 / a by Fermat's theorem; 0 for 0. */
void p384_invert(const struct p384_modulus *m, p384_number to, const p384_number a);
/* a, below 2^384, reduced to below m (both moduli exceed 2^383). */
void p384_reduce(const struct p384_modulus *m, p384_number to, const p384_number a);

/* A point in projective coordinates, Montgomery form. */
struct p384_point {
  p384_number x;
  p384_number y;
  p384_number z;
};

/* A multiple of the base point in the making: 96 steps of four bits each. */
#define P384_STEPS 96
struct p384_product {
  p384_number scalar;
  struct p384_point sum;
  u32 step;
};
void p384_product_start(struct p384_product *product, const p384_number scalar);
/* True when the product is complete. */
bool p384_product_step(struct p384_product *product);
/* Affine coordinates. */
void p384_product_result(const struct p384_product *product, p384_number x, p384_number y);

#endif
