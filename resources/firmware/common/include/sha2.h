/* SHA-256, SHA-384, SHA-512 (FIPS 180-4) and HMAC (FIPS 198-1). */
#ifndef SHA2_H
#define SHA2_H

#include "types.h"

struct sha256 {
  u32 state[8];
  u64 length;
  u8 block[64];
};

struct sha512 {
  u64 state[8];
  u64 length;
  u8 block[128];
};

void sha256_start(struct sha256 *hash);
void sha256_update(struct sha256 *hash, const void *data, size_t size);
void sha256_finish(struct sha256 *hash, u8 digest[32]);

void sha512_start(struct sha512 *hash);
void sha384_start(struct sha512 *hash);
void sha512_update(struct sha512 *hash, const void *data, size_t size);
/* 64 bytes; SHA-384 is the first 48 of what it gives. */
void sha512_finish(struct sha512 *hash, u8 digest[64]);

void sha256(const void *data, size_t size, u8 digest[32]);
void sha384(const void *data, size_t size, u8 digest[48]);
void sha512(const void *data, size_t size, u8 digest[64]);

struct hmac_sha384 {
  struct sha512 inner;
  u8 key[128];
};
void hmac_sha384_start(struct hmac_sha384 *hmac, const u8 *key, size_t key_size);
void hmac_sha384_update(struct hmac_sha384 *hmac, const void *data, size_t size);
void hmac_sha384_finish(struct hmac_sha384 *hmac, u8 digest[48]);

#endif
