#include "ecdsa.h"

#include "bytes.h"
#include "sha2.h"

static bool key_valid(const p384_number key) {
  return (p384_less(key, p384_order.m) & ~p384_is_zero(key)) != 0;
}

/* V and K are replaced by keyed hashes of each other (RFC 6979 3.2, steps d to g). */
static void mix(u8 k[48], u8 v[48], u8 separator, const u8 *key, const u8 *digest) {
  struct hmac_sha384 hmac;
  hmac_sha384_start(&hmac, k, 48);
  hmac_sha384_update(&hmac, v, 48);
  hmac_sha384_update(&hmac, &separator, 1);
  if (key) {
    hmac_sha384_update(&hmac, key, 48);
    hmac_sha384_update(&hmac, digest, 48);
  }
  hmac_sha384_finish(&hmac, k);
  hmac_sha384_start(&hmac, k, 48);
  hmac_sha384_update(&hmac, v, 48);
  hmac_sha384_finish(&hmac, v);
  wipe(&hmac, sizeof hmac);
}

static void make_nonce(p384_number nonce, const u8 key[48], const p384_number digest) {
  u8 k[48];
  u8 v[48];
  u8 reduced[48];
  struct hmac_sha384 hmac;
  memset(k, 0, sizeof k);
  memset(v, 1, sizeof v);
  p384_store(reduced, digest);
  mix(k, v, 0, key, reduced);
  mix(k, v, 1, key, reduced);
  for (;;) {
    hmac_sha384_start(&hmac, k, 48);
    hmac_sha384_update(&hmac, v, 48);
    hmac_sha384_finish(&hmac, v);
    p384_load(nonce, v);
    /* Refused with probability 2^-190: whether it was says nothing of the nonce that is used. */
    if (key_valid(nonce))
      break;
    mix(k, v, 0, NULL, NULL);
  }
  wipe(k, sizeof k);
  wipe(v, sizeof v);
  wipe(&hmac, sizeof hmac);
}

bool ecdsa_start(struct ecdsa *ecdsa, const u8 key[48], const u8 digest[48]) {
  p384_number whole;
  p384_load(ecdsa->key, key);
  if (!key_valid(ecdsa->key))
    return false;
  p384_load(whole, digest);
  p384_reduce(&p384_order, ecdsa->digest, whole);
  make_nonce(ecdsa->nonce, key, ecdsa->digest);
  p384_product_start(&ecdsa->product, ecdsa->nonce);
  return true;
}

static void finish(struct ecdsa *ecdsa, u8 signature[96]) {
  const struct p384_modulus *n = &p384_order;
  p384_number r, y, s, t;
  p384_product_result(&ecdsa->product, r, y);
  p384_reduce(n, r, r);
  /* s = (digest + r * key) / nonce. */
  p384_to_montgomery(n, t, r);
  p384_to_montgomery(n, s, ecdsa->key);
  p384_multiply(n, s, s, t);
  p384_to_montgomery(n, t, ecdsa->digest);
  p384_add(n, s, s, t);
  p384_to_montgomery(n, t, ecdsa->nonce);
  p384_invert(n, t, t);
  p384_multiply(n, s, s, t);
  p384_from_montgomery(n, s, s);
  p384_store(signature, r);
  p384_store(signature + 48, s);
  wipe(t, sizeof t);
  wipe(ecdsa, sizeof *ecdsa);
}

bool ecdsa_step(struct ecdsa *ecdsa, u8 signature[96]) {
  if (!p384_product_step(&ecdsa->product))
    return false;
  finish(ecdsa, signature);
  return true;
}

bool ecdsa_sign(const u8 key[48], const u8 digest[48], u8 signature[96]) {
  struct ecdsa ecdsa;
  if (!ecdsa_start(&ecdsa, key, digest))
    return false;
  while (!ecdsa_step(&ecdsa, signature)) {
  }
  return true;
}

bool ecdsa_public_key(const u8 key[48], u8 x[48], u8 y[48]) {
  struct p384_product product;
  p384_number scalar, px, py;
  p384_load(scalar, key);
  if (!key_valid(scalar))
    return false;
  p384_product_start(&product, scalar);
  while (!p384_product_step(&product)) {
  }
  p384_product_result(&product, px, py);
  p384_store(x, px);
  p384_store(y, py);
  wipe(&product, sizeof product);
  wipe(scalar, sizeof scalar);
  return true;
}
