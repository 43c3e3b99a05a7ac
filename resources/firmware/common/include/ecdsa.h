/* ECDSA on P-384 with SHA-384 (FIPS 186-5), nonces by RFC 6979, in steps so that a caller can yield between them. */
#ifndef ECDSA_H
#define ECDSA_H

#include "p384.h"

struct ecdsa {
  p384_number key;
  p384_number digest;
  p384_number nonce;
  struct p384_product product;
};

/* key: 48 big-endian bytes, below the order and not 0; false if it is not. */
bool ecdsa_start(struct ecdsa *ecdsa, const u8 key[48], const u8 digest[48]);
/* True when signature holds r and s, 48 big-endian bytes each; secrets are then wiped. */
bool ecdsa_step(struct ecdsa *ecdsa, u8 signature[96]);
/* All steps at once. */
bool ecdsa_sign(const u8 key[48], const u8 digest[48], u8 signature[96]);
/* The public point's coordinates, 48 big-endian bytes each. */
bool ecdsa_public_key(const u8 key[48], u8 x[48], u8 y[48]);

#endif
