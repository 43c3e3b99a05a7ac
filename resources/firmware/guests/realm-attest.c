/* Measurements and attestation tokens. Signatures are for a verifier outside to check. */
#include "attest.h"
#include "cbor_read.h"
#include "sha2.h"
#include "test.h"

static u8 token[4096];

static u32 hash_bytes(void) {
  rsi(RSI_REALM_CONFIG, (u64)rsi_page, 0, 0, 0, NULL);
  return ((const struct rsi_realm_config *)(const void *)rsi_page)->hash_algo == RMI_HASH_SHA512 ? 64 : 32;
}

static void measurement(void) {
  u8 first[64], again[64], before[64], after[64], expected[64] = {0};
  static const u8 zeros[64];
  u32 size = hash_bytes();
  report(rsi_measurement(0, first) == RSI_SUCCESS && memcmp(first, zeros, 64) != 0, "the initial measurement is there");
  report(rsi_measurement(5, again) == RSI_ERROR_INPUT, "there is no measurement 5");
  report(rsi_extend(0, "abc", 3) == RSI_ERROR_INPUT, "the initial measurement cannot be extended");
  report(rsi_extend(1, "abc", 65) == RSI_ERROR_INPUT, "65 bytes are refused");
  report(rsi_measurement(1, before) == RSI_SUCCESS && memcmp(before, zeros, 64) == 0, "an extensible measurement starts as zeros");
  report(rsi_extend(1, "abc", 3) == RSI_SUCCESS && rsi_measurement(1, after) == RSI_SUCCESS, "it is extended");
  u8 text[67];
  memcpy(text, zeros, 64);
  memcpy(text + size, "abc", 3);
  if (size == 32)
    sha256(text, size + 3, expected);
  else
    sha512(text, size + 3, expected);
  report(memcmp(after, expected, 64) == 0, "as the hash of what it was and what was added");
  report(rsi_measurement(0, again) == RSI_SUCCESS && memcmp(first, again, 64) == 0, "the initial measurement stays");
}

static bool claim_is(struct cbor_reader map, u64 key, const void *data, u64 size) {
  struct cbor_item item;
  return cbor_claim(map, key, &item) && item.value == size && item.data && memcmp(item.data, data, size) == 0;
}

static void attest(void) {
  u8 challenge[64], value[64];
  u32 size = hash_bytes();
  for (u32 i = 0; i < 64; i++)
    challenge[i] = (u8)(i * 7 + 1);
  report(rsi(RSI_ATTESTATION_TOKEN_CONTINUE, (u64)rsi_page, 0, 64, 0, NULL) == RSI_ERROR_STATE, "no token before it is asked for");
  u64 length = rsi_token(challenge, token, sizeof token);
  report(length != 0, "a token");
  info("%lu bytes", length);
  struct cbor_reader platform, realm;
  bool open = length && token_open(token, length, &platform, &realm);
  report(open, "it holds a platform token and a realm token");
  if (!open)
    return;
  report(claim_is(realm, CLAIM_CHALLENGE, challenge, 64), "it answers the challenge");
  rsi_measurement(0, value);
  report(claim_is(realm, CLAIM_REALM_INITIAL_MEASUREMENT, value, size), "it holds the initial measurement");
  struct cbor_reader list;
  struct cbor_item item;
  bool same = cbor_map_find(realm, CLAIM_REALM_MEASUREMENTS, &list) && cbor_next(&list, &item) && item.value == 4;
  for (u32 i = 1; i <= 4; i++) {
    rsi_measurement(i, value);
    same = same && cbor_next(&list, &item) && item.value == size && memcmp(item.data, value, size) == 0;
  }
  report(same, "it holds the extensible measurements");
  rsi(RSI_REALM_CONFIG, (u64)rsi_page, 0, 0, 0, NULL);
  report(claim_is(realm, CLAIM_REALM_PERSONALIZATION, ((const struct rsi_realm_config *)(const void *)rsi_page)->rpv, 64),
         "it holds the personalization value");
  report(claim_is(realm, CLAIM_PROFILE, REALM_PROFILE, strlen(REALM_PROFILE)) &&
           claim_is(platform, CLAIM_PROFILE, PLATFORM_PROFILE, strlen(PLATFORM_PROFILE)),
         "both name their profile");
  report(cbor_claim(platform, CLAIM_LIFECYCLE, &item) && item.value == LIFECYCLE_SECURED, "the platform is secured");
  /* The platform's challenge is the hash of the realm's public key. */
  u8 digest[32];
  struct cbor_item key;
  bool bound = cbor_claim(realm, CLAIM_REALM_PUBLIC_KEY, &key) && key.data;
  if (bound) {
    sha256(key.data, key.value, digest);
    bound = claim_is(platform, CLAIM_CHALLENGE, digest, 32);
  }
  report(bound, "the platform token vouches for the realm's key");
  u8 other[64] = {1};
  length = rsi_token(other, token, sizeof token);
  report(length && token_open(token, length, &platform, &realm) && claim_is(realm, CLAIM_CHALLENGE, other, 64), "another challenge, another token");
  report(rsi(RSI_ATTESTATION_TOKEN_CONTINUE, (u64)rsi_page, 0, 64, 0, NULL) == RSI_ERROR_STATE, "a token is given once");
}

static const struct test tests[] = {{"measurement", measurement}, {"attest", attest}};

void guest_main(void) {
  if (guest.realm) {
    tests_run("realm-attest", tests, ARRAY_SIZE(tests));
    return;
  }
  test_start("realm-attest", "attest");
  skip("not in a realm");
  summary();
}
