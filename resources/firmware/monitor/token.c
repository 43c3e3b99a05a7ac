/* Attestation as the platform's root of trust does it: the realm attestation key and the signed platform token. */
#include "attest.h"
#include "cbor.h"
#include "ecdsa.h"
#include "lib.h"
#include "monitor.h"
#include "sha2.h"
#include "test_keys.h"

enum { COMPONENT_TYPE = 1, COMPONENT_MEASUREMENT = 2, COMPONENT_VERSION = 4, COMPONENT_SIGNER = 5, COMPONENT_ALGORITHM = 6 };
enum { MAX_CHALLENGE = 64 };

extern const u8 __image_start[], __image_end[];

u64 attest_realm_key(u8 *buffer, u64 size) {
  if (size < sizeof realm_attestation_key)
    return 0;
  memcpy(buffer, realm_attestation_key, sizeof realm_attestation_key);
  return sizeof realm_attestation_key;
}

/* A boot stage as it lies in flash. The signer is what nobody signed: zero. */
static void put_component(struct cbor *cbor, const char *type, const void *image, u64 size) {
  static const u8 signer[32];
  u8 digest[32];
  sha256(image, size, digest);
  cbor_map(cbor, 5);
  cbor_int(cbor, COMPONENT_TYPE);
  cbor_text(cbor, type);
  cbor_int(cbor, COMPONENT_MEASUREMENT);
  cbor_bytes(cbor, digest, sizeof digest);
  cbor_int(cbor, COMPONENT_VERSION);
  cbor_text(cbor, MONITOR_VERSION);
  cbor_int(cbor, COMPONENT_SIGNER);
  cbor_bytes(cbor, signer, sizeof signer);
  cbor_int(cbor, COMPONENT_ALGORITHM);
  cbor_text(cbor, "sha-256");
}

static void put_claims(struct cbor *cbor, const u8 *challenge, u64 challenge_size) {
  static const u8 config[] = {0};
  const struct flash_image *rmm = flash_find("rmm");
  cbor_map(cbor, 8);
  cbor_int(cbor, CLAIM_CHALLENGE);
  cbor_bytes(cbor, challenge, challenge_size);
  cbor_int(cbor, CLAIM_INSTANCE_ID);
  cbor_bytes(cbor, instance_id, sizeof instance_id);
  cbor_int(cbor, CLAIM_PROFILE);
  cbor_text(cbor, PLATFORM_PROFILE);
  cbor_int(cbor, CLAIM_LIFECYCLE);
  cbor_int(cbor, LIFECYCLE_SECURED);
  cbor_int(cbor, CLAIM_IMPLEMENTATION_ID);
  cbor_bytes(cbor, implementation_id, sizeof implementation_id);
  cbor_int(cbor, CLAIM_COMPONENTS);
  cbor_array(cbor, rmm ? 2 : 1);
  put_component(cbor, "MONITOR", (const void *)FLASH_BASE, (u64)(__image_end - __image_start));
  if (rmm)
    put_component(cbor, "RMM", (const void *)rmm->offset, rmm->size);
  cbor_int(cbor, CLAIM_CONFIG);
  cbor_bytes(cbor, config, sizeof config);
  cbor_int(cbor, CLAIM_HASH_ALGORITHM);
  cbor_text(cbor, "sha-256");
}

u64 attest_platform_token(u8 *buffer, u64 size, u64 challenge_size) {
  u8 challenge[MAX_CHALLENGE];
  u8 digest[48];
  u8 signature[COSE_SIGNATURE_SIZE];
  struct cbor cbor;
  if (challenge_size != 32 && challenge_size != 48 && challenge_size != 64)
    return 0;
  if (challenge_size > size)
    return 0;
  /* RMM leaves the challenge where the token will stand. */
  memcpy(challenge, buffer, challenge_size);
  cbor_start(&cbor, buffer, size);
  cose_sign1_begin(&cbor);
  size_t payload = cbor_bytes_begin(&cbor);
  put_claims(&cbor, challenge, challenge_size);
  cbor_bytes_end(&cbor, payload);
  if (cbor.failed)
    return 0;
  cose_sign1_digest(buffer + payload, cbor.length - payload, digest);
  if (!ecdsa_sign(platform_attestation_key, digest, signature))
    return 0;
  cbor_bytes(&cbor, signature, sizeof signature);
  return cbor.failed ? 0 : cbor.length;
}
