/* Realm initial and extensible measurements (DEN0137, "Realm measurement and attestation"). */
#include "rmm.h"
#include "sha2.h"

enum { DESCRIPTOR_DATA, DESCRIPTOR_REC, DESCRIPTOR_RIPAS };

/* What a step of the initial measurement is made of: 256 bytes. */
struct descriptor {
  u8 type;
  u8 pad_1[7];
  u64 length;
  u8 rim[MEASUREMENT_SIZE];
  union {
    struct {
      u64 ipa;
      u64 flags;
      u8 content[64];
    } data;
    struct {
      u8 content[64];
    } rec;
    struct {
      u64 base;
      u64 top;
    } ripas;
    u8 whole[0xb0];
  };
};
static_assert(sizeof(struct descriptor) == 0x100, "a measurement descriptor is 256 bytes");

void hash_of(u32 algorithm, const void *data, u64 size, u8 digest[MEASUREMENT_SIZE]) {
  memset(digest, 0, MEASUREMENT_SIZE);
  if (algorithm == RMI_HASH_SHA256)
    sha256(data, size, digest);
  else
    sha512(data, size, digest);
}

u32 hash_size(u32 algorithm) {
  return algorithm == RMI_HASH_SHA256 ? 32 : 64;
}

static void step(struct rd *rd, struct descriptor *descriptor, u8 type) {
  descriptor->type = type;
  descriptor->length = sizeof *descriptor;
  memcpy(descriptor->rim, rd->measurement[0], MEASUREMENT_SIZE);
  hash_of(rd->hash_algo, descriptor, sizeof *descriptor, rd->measurement[0]);
}

/* Host-chosen parameters that say what the realm is; addresses and identifiers do not. */
void measure_realm(struct rd *rd, const struct rmi_realm_params *params) {
  static const struct rmi_realm_params zero;
  struct sha256 hash256;
  struct sha512 hash512;
  const u64 head[] = {params->flags,   params->s2sz,         params->sve_vl,   params->num_bps,
                      params->num_wps, params->pmu_num_ctrs, params->hash_algo};
  memset(rd->measurement[0], 0, MEASUREMENT_SIZE);
  if (rd->hash_algo == RMI_HASH_SHA256) {
    sha256_start(&hash256);
    sha256_update(&hash256, head, sizeof head);
    sha256_update(&hash256, &zero, sizeof zero - sizeof head);
    sha256_finish(&hash256, rd->measurement[0]);
  } else {
    sha512_start(&hash512);
    sha512_update(&hash512, head, sizeof head);
    sha512_update(&hash512, &zero, sizeof zero - sizeof head);
    sha512_finish(&hash512, rd->measurement[0]);
  }
}

void measure_data(struct rd *rd, u64 ipa, const void *content, u64 flags) {
  struct descriptor descriptor = {0};
  descriptor.data.ipa = ipa;
  descriptor.data.flags = flags;
  if (flags)
    hash_of(rd->hash_algo, content, GRANULE_SIZE, descriptor.data.content);
  step(rd, &descriptor, DESCRIPTOR_DATA);
}

void measure_rec(struct rd *rd, const struct rmi_rec_params *params) {
  struct rmi_rec_params measured = {.flags = params->flags, .pc = params->pc};
  struct descriptor descriptor = {0};
  memcpy(measured.gprs, params->gprs, sizeof measured.gprs);
  hash_of(rd->hash_algo, &measured, sizeof measured, descriptor.rec.content);
  step(rd, &descriptor, DESCRIPTOR_REC);
}

void measure_ripas(struct rd *rd, u64 base, u64 top) {
  struct descriptor descriptor = {0};
  descriptor.ripas.base = base;
  descriptor.ripas.top = top;
  step(rd, &descriptor, DESCRIPTOR_RIPAS);
}

void measurement_extend(struct rd *rd, u32 index, const u8 *value, u64 size) {
  u8 input[2 * MEASUREMENT_SIZE] = {0};
  u32 digest = hash_size(rd->hash_algo);
  memcpy(input, rd->measurement[index], digest);
  memcpy(input + digest, value, size);
  hash_of(rd->hash_algo, input, digest + size, rd->measurement[index]);
}
