/* The CCA attestation token: RMM signs what a realm is, EL3 what the platform is. */
#include "attest.h"
#include "cbor.h"
#include "ecdsa.h"
#include "rmm.h"
#include "sha2.h"

enum attest_state { ATTEST_NONE, ATTEST_SIGNING, ATTEST_READY };

/* What a REC keeps of its token in its auxiliary granule. */
struct attest {
  enum attest_state state;
  u32 length;
  u32 copied;
  /* Where in the token the realm's payload begins and ends while it is being signed. */
  u32 realm_start;
  struct ecdsa ecdsa;
  struct cbor cbor;
  u8 token[3072];
};
static_assert(sizeof(struct attest) <= GRANULE_SIZE, "attestation state is one granule");

enum { COSE_KEY_TYPE = 1, COSE_KEY_EC2 = 2, COSE_KEY_CURVE = -1, COSE_KEY_X = -2, COSE_KEY_Y = -3, COSE_CURVE_P384 = 2 };
#define COSE_KEY_MAX 128
#define PLATFORM_TOKEN_MAX 1536

/* What EL3 gives once: fetched when the first realm asks. */
static spinlock lock;
static bool fetched;
static u8 key[48];
static u8 public_key[COSE_KEY_MAX];
static size_t public_key_size;
static u8 platform_token[PLATFORM_TOKEN_MAX];
static u64 platform_token_size;

static bool encode_public_key(void) {
  u8 x[48];
  u8 y[48];
  struct cbor cbor;
  if (!ecdsa_public_key(key, x, y))
    return false;
  cbor_start(&cbor, public_key, sizeof public_key);
  cbor_map(&cbor, 4);
  cbor_int(&cbor, COSE_KEY_TYPE);
  cbor_int(&cbor, COSE_KEY_EC2);
  cbor_int(&cbor, COSE_KEY_CURVE);
  cbor_int(&cbor, COSE_CURVE_P384);
  cbor_int(&cbor, COSE_KEY_X);
  cbor_bytes(&cbor, x, sizeof x);
  cbor_int(&cbor, COSE_KEY_Y);
  cbor_bytes(&cbor, y, sizeof y);
  public_key_size = cbor.length;
  return !cbor.failed;
}

static bool fetch(void) {
  struct smc_result result;
  u8 *buffer = shared_buffer();
  if (smc(RMM_ATTEST_GET_REALM_KEY, (u64)buffer, GRANULE_SIZE, 0, 0, 0, 0, 0, &result) != E_RMM_OK || result.x[1] != sizeof key)
    return false;
  memcpy(key, buffer, sizeof key);
  wipe(buffer, sizeof key);
  if (!encode_public_key())
    return false;
  /* The platform token's challenge binds it to the realm attestation key. */
  sha256(public_key, public_key_size, buffer);
  if (smc(RMM_ATTEST_GET_PLAT_TOKEN, (u64)buffer, GRANULE_SIZE, 32, 0, 0, 0, 0, &result) != E_RMM_OK ||
      result.x[1] > sizeof platform_token)
    return false;
  platform_token_size = result.x[1];
  memcpy(platform_token, buffer, platform_token_size);
  return true;
}

static bool fetch_once(void) {
  spin_lock(&lock);
  if (!fetched)
    fetched = fetch();
  bool done = fetched;
  spin_unlock(&lock);
  return done;
}

static void put_realm_claims(struct cbor *cbor, const struct rd *rd, const u8 challenge[64]) {
  u32 size = hash_size(rd->hash_algo);
  cbor_map(cbor, 8);
  cbor_int(cbor, CLAIM_CHALLENGE);
  cbor_bytes(cbor, challenge, 64);
  cbor_int(cbor, CLAIM_PROFILE);
  cbor_text(cbor, REALM_PROFILE);
  cbor_int(cbor, CLAIM_REALM_PERSONALIZATION);
  cbor_bytes(cbor, rd->rpv, sizeof rd->rpv);
  cbor_int(cbor, CLAIM_REALM_HASH_ALGORITHM);
  cbor_text(cbor, rd->hash_algo == RMI_HASH_SHA256 ? "sha-256" : "sha-512");
  cbor_int(cbor, CLAIM_REALM_PUBLIC_KEY);
  cbor_bytes(cbor, public_key, public_key_size);
  cbor_int(cbor, CLAIM_REALM_INITIAL_MEASUREMENT);
  cbor_bytes(cbor, rd->measurement[0], size);
  cbor_int(cbor, CLAIM_REALM_MEASUREMENTS);
  cbor_array(cbor, MEASUREMENTS - 1);
  for (u32 i = 1; i < MEASUREMENTS; i++)
    cbor_bytes(cbor, rd->measurement[i], size);
  cbor_int(cbor, CLAIM_REALM_PUBLIC_KEY_HASH_ALGORITHM);
  cbor_text(cbor, "sha-256");
}

static struct attest *attest_of(const struct rec *rec) {
  return (struct attest *)rec->aux[0];
}

/* Builds the token up to the realm's signature: platform token whole, realm token open. */
u64 attestation_token_init(struct rec *rec, const struct rd *rd, const u8 challenge[64], u64 *size) {
  struct attest *attest = attest_of(rec);
  struct cbor *cbor = &attest->cbor;
  u8 digest[48];
  attest->state = ATTEST_NONE;
  if (!fetch_once())
    return RSI_ERROR_UNKNOWN;
  cbor_start(cbor, attest->token, sizeof attest->token);
  cbor_tag(cbor, CCA_TAG_TOKEN);
  cbor_map(cbor, 2);
  cbor_int(cbor, CCA_PLATFORM_TOKEN);
  cbor_array(cbor, 2);
  cbor_int(cbor, CCA_CONTENT_EAT);
  cbor_bytes(cbor, platform_token, platform_token_size);
  cbor_int(cbor, CCA_REALM_TOKEN);
  cbor_array(cbor, 2);
  cbor_int(cbor, CCA_CONTENT_EAT);
  attest->realm_start = (u32)cbor_bytes_begin(cbor);
  cose_sign1_begin(cbor);
  size_t payload = cbor_bytes_begin(cbor);
  put_realm_claims(cbor, rd, challenge);
  cbor_bytes_end(cbor, payload);
  if (cbor->failed)
    return RSI_ERROR_UNKNOWN;
  cose_sign1_digest(attest->token + payload, cbor->length - payload, digest);
  if (!ecdsa_start(&attest->ecdsa, key, digest))
    return RSI_ERROR_UNKNOWN;
  attest->state = ATTEST_SIGNING;
  *size = sizeof attest->token;
  return RSI_SUCCESS;
}

/* An interrupt for the host waits (ISR_EL1): signing must not hold it up. */
static bool interrupt_waits(void) {
  return read_sysreg(isr_el1) != 0;
}

u64 attestation_token_continue(struct rec *rec, u8 *to, u64 size, u64 *copied, bool *interrupted) {
  struct attest *attest = attest_of(rec);
  u8 signature[COSE_SIGNATURE_SIZE];
  *copied = 0;
  if (attest->state == ATTEST_NONE)
    return RSI_ERROR_STATE;
  while (attest->state == ATTEST_SIGNING) {
    if (ecdsa_step(&attest->ecdsa, signature)) {
      cbor_bytes(&attest->cbor, signature, sizeof signature);
      cbor_bytes_end(&attest->cbor, attest->realm_start);
      if (attest->cbor.failed) {
        attest->state = ATTEST_NONE;
        return RSI_ERROR_UNKNOWN;
      }
      attest->length = (u32)attest->cbor.length;
      attest->copied = 0;
      attest->state = ATTEST_READY;
    } else if (interrupt_waits()) {
      *interrupted = true;
      return RSI_INCOMPLETE;
    }
  }
  *copied = MIN(size, (u64)(attest->length - attest->copied));
  memcpy(to, attest->token + attest->copied, *copied);
  attest->copied += (u32)*copied;
  if (attest->copied < attest->length)
    return RSI_INCOMPLETE;
  attest->state = ATTEST_NONE;
  return RSI_SUCCESS;
}
