#include "sha2.h"

#include "bytes.h"
#include "sha2_constants.h"

static inline u32 ror32(u32 x, unsigned n) {
  return x >> n | x << (32 - n);
}
static inline u64 ror64(u64 x, unsigned n) {
  return x >> n | x << (64 - n);
}

static void block256(struct sha256 *hash, const u8 *block) {
  u32 w[64];
  for (unsigned i = 0; i < 16; i++)
    w[i] = read_be32(block + 4 * i);
  for (unsigned i = 16; i < 64; i++) {
    u32 s0 = ror32(w[i - 15], 7) ^ ror32(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = ror32(w[i - 2], 17) ^ ror32(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u32 v[8];
  memcpy(v, hash->state, sizeof v);
  for (unsigned i = 0; i < 64; i++) {
    u32 sum1 = ror32(v[4], 6) ^ ror32(v[4], 11) ^ ror32(v[4], 25);
    u32 choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    u32 t1 = v[7] + sum1 + choice + k256[i] + w[i];
    u32 sum0 = ror32(v[0], 2) ^ ror32(v[0], 13) ^ ror32(v[0], 22);
    u32 majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += t1;
    v[0] = t1 + sum0 + majority;
  }
  for (unsigned i = 0; i < 8; i++)
    hash->state[i] += v[i];
}

static void block512(struct sha512 *hash, const u8 *block) {
  u64 w[80];
  for (unsigned i = 0; i < 16; i++)
    w[i] = read_be64(block + 8 * i);
  for (unsigned i = 16; i < 80; i++) {
    u64 s0 = ror64(w[i - 15], 1) ^ ror64(w[i - 15], 8) ^ w[i - 15] >> 7;
    u64 s1 = ror64(w[i - 2], 19) ^ ror64(w[i - 2], 61) ^ w[i - 2] >> 6;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u64 v[8];
  memcpy(v, hash->state, sizeof v);
  for (unsigned i = 0; i < 80; i++) {
    u64 sum1 = ror64(v[4], 14) ^ ror64(v[4], 18) ^ ror64(v[4], 41);
    u64 choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    u64 t1 = v[7] + sum1 + choice + k512[i] + w[i];
    u64 sum0 = ror64(v[0], 28) ^ ror64(v[0], 34) ^ ror64(v[0], 39);
    u64 majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += t1;
    v[0] = t1 + sum0 + majority;
  }
  for (unsigned i = 0; i < 8; i++)
    hash->state[i] += v[i];
}

void sha256_start(struct sha256 *hash) {
  memcpy(hash->state, initial256, sizeof initial256);
  hash->length = 0;
}

void sha256_update(struct sha256 *hash, const void *data, size_t size) {
  const u8 *from = data;
  size_t used = hash->length % 64;
  hash->length += size;
  while (size) {
    size_t part = MIN(size, 64 - used);
    memcpy(hash->block + used, from, part);
    used += part;
    from += part;
    size -= part;
    if (used == 64) {
      block256(hash, hash->block);
      used = 0;
    }
  }
}

void sha256_finish(struct sha256 *hash, u8 digest[32]) {
  u64 bits = hash->length * 8;
  static const u8 end[64] = {0x80};
  size_t used = hash->length % 64;
  u8 length[8];
  write_be64(length, bits);
  sha256_update(hash, end, (used < 56 ? 56 : 120) - used);
  sha256_update(hash, length, sizeof length);
  for (unsigned i = 0; i < 8; i++)
    write_be32(digest + 4 * i, hash->state[i]);
}

void sha512_start(struct sha512 *hash) {
  memcpy(hash->state, initial512, sizeof initial512);
  hash->length = 0;
}

void sha384_start(struct sha512 *hash) {
  memcpy(hash->state, initial384, sizeof initial384);
  hash->length = 0;
}

void sha512_update(struct sha512 *hash, const void *data, size_t size) {
  const u8 *from = data;
  size_t used = hash->length % 128;
  hash->length += size;
  while (size) {
    size_t part = MIN(size, 128 - used);
    memcpy(hash->block + used, from, part);
    used += part;
    from += part;
    size -= part;
    if (used == 128) {
      block512(hash, hash->block);
      used = 0;
    }
  }
}

void sha512_finish(struct sha512 *hash, u8 digest[64]) {
  u64 bits = hash->length * 8;
  static const u8 end[128] = {0x80};
  size_t used = hash->length % 128;
  /* The length is a 128-bit number; its upper half is 0. */
  u8 length[16] = {0};
  write_be64(length + 8, bits);
  sha512_update(hash, end, (used < 112 ? 112 : 240) - used);
  sha512_update(hash, length, sizeof length);
  for (unsigned i = 0; i < 8; i++)
    write_be64(digest + 8 * i, hash->state[i]);
}

void sha256(const void *data, size_t size, u8 digest[32]) {
  struct sha256 hash;
  sha256_start(&hash);
  sha256_update(&hash, data, size);
  sha256_finish(&hash, digest);
}

void sha512(const void *data, size_t size, u8 digest[64]) {
  struct sha512 hash;
  sha512_start(&hash);
  sha512_update(&hash, data, size);
  sha512_finish(&hash, digest);
}

void sha384(const void *data, size_t size, u8 digest[48]) {
  struct sha512 hash;
  u8 whole[64];
  sha384_start(&hash);
  sha512_update(&hash, data, size);
  sha512_finish(&hash, whole);
  memcpy(digest, whole, 48);
}

static void start_with_pad(struct sha512 *hash, const u8 key[128], u8 pad) {
  u8 block[128];
  for (unsigned i = 0; i < sizeof block; i++)
    block[i] = key[i] ^ pad;
  sha384_start(hash);
  sha512_update(hash, block, sizeof block);
  wipe(block, sizeof block);
}

void hmac_sha384_start(struct hmac_sha384 *hmac, const u8 *key, size_t key_size) {
  memset(hmac->key, 0, sizeof hmac->key);
  if (key_size > sizeof hmac->key)
    sha384(key, key_size, hmac->key);
  else
    memcpy(hmac->key, key, key_size);
  start_with_pad(&hmac->inner, hmac->key, 0x36);
}

void hmac_sha384_update(struct hmac_sha384 *hmac, const void *data, size_t size) {
  sha512_update(&hmac->inner, data, size);
}

void hmac_sha384_finish(struct hmac_sha384 *hmac, u8 digest[48]) {
  u8 inner[64];
  sha512_finish(&hmac->inner, inner);
  start_with_pad(&hmac->inner, hmac->key, 0x5c);
  sha512_update(&hmac->inner, inner, 48);
  sha512_finish(&hmac->inner, inner);
  memcpy(digest, inner, 48);
  wipe(inner, sizeof inner);
  wipe(hmac->key, sizeof hmac->key);
}
