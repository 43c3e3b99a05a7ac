/* CBOR (RFC 8949) into a buffer, and COSE_Sign1 (RFC 9052) with ES384. */
#ifndef CBOR_H
#define CBOR_H

#include "types.h"

struct cbor {
  u8 *to;
  size_t size;
  size_t length;
  /* Something did not fit. */
  bool failed;
};

void cbor_start(struct cbor *cbor, u8 *to, size_t size);
void cbor_int(struct cbor *cbor, s64 value);
void cbor_bytes(struct cbor *cbor, const void *bytes, size_t size);
void cbor_text(struct cbor *cbor, const char *text);
void cbor_array(struct cbor *cbor, size_t items);
void cbor_map(struct cbor *cbor, size_t pairs);
void cbor_tag(struct cbor *cbor, u64 tag);

/* A byte string whose content is written in place: two bytes of length are kept, as for 256 bytes and more. */
size_t cbor_bytes_begin(struct cbor *cbor);
void cbor_bytes_end(struct cbor *cbor, size_t mark);

/* The head of a COSE_Sign1 message up to its payload, which follows as a byte string. */
void cose_sign1_begin(struct cbor *cbor);
/* SHA-384 of the Sig_structure of a payload (RFC 9052 4.4). */
void cose_sign1_digest(const u8 *payload, size_t size, u8 digest[48]);

#define COSE_SIGNATURE_SIZE 96

#endif
