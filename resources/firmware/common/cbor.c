#include "cbor.h"

#include "bytes.h"
#include "sha2.h"

enum { MAJOR_UINT = 0, MAJOR_NEGATIVE = 1, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4, MAJOR_MAP = 5, MAJOR_TAG = 6 };
enum { TAG_COSE_SIGN1 = 18, COSE_HEADER_ALG = 1, COSE_ALG_ES384 = -35 };

/* The protected header {alg: ES384}, encoded. */
static const u8 protected_header[] = {0xa1, 0x01, 0x38, 0x22};

void cbor_start(struct cbor *cbor, u8 *to, size_t size) {
  *cbor = (struct cbor){.to = to, .size = size};
}

static void put(struct cbor *cbor, const void *bytes, size_t size) {
  if (cbor->failed || size > cbor->size - cbor->length) {
    cbor->failed = true;
    return;
  }
  memcpy(cbor->to + cbor->length, bytes, size);
  cbor->length += size;
}

/* Encodes a head in its shortest form; returns its length. */
static size_t encode_head(u8 head[9], u8 major, u64 value) {
  u8 wide[8];
  write_be64(wide, value);
  size_t size = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : value < 0x100000000 ? 4 : 8;
  u8 code = size == 0 ? (u8)value : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
  head[0] = (u8)(major << 5 | code);
  memcpy(head + 1, wide + 8 - size, size);
  return size + 1;
}

static void put_head(struct cbor *cbor, u8 major, u64 value) {
  u8 head[9];
  size_t size = encode_head(head, major, value);
  put(cbor, head, size);
}

void cbor_int(struct cbor *cbor, s64 value) {
  if (value < 0)
    put_head(cbor, MAJOR_NEGATIVE, ~(u64)value);
  else
    put_head(cbor, MAJOR_UINT, (u64)value);
}

void cbor_bytes(struct cbor *cbor, const void *bytes, size_t size) {
  put_head(cbor, MAJOR_BYTES, size);
  put(cbor, bytes, size);
}

void cbor_text(struct cbor *cbor, const char *text) {
  put_head(cbor, MAJOR_TEXT, strlen(text));
  put(cbor, text, strlen(text));
}

void cbor_array(struct cbor *cbor, size_t items) {
  put_head(cbor, MAJOR_ARRAY, items);
}

void cbor_map(struct cbor *cbor, size_t pairs) {
  put_head(cbor, MAJOR_MAP, pairs);
}

void cbor_tag(struct cbor *cbor, u64 tag) {
  put_head(cbor, MAJOR_TAG, tag);
}

size_t cbor_bytes_begin(struct cbor *cbor) {
  static const u8 head[3] = {MAJOR_BYTES << 5 | 25};
  put(cbor, head, sizeof head);
  return cbor->length;
}

void cbor_bytes_end(struct cbor *cbor, size_t mark) {
  if (cbor->failed)
    return;
  size_t size = cbor->length - mark;
  cbor->to[mark - 2] = (u8)(size >> 8);
  cbor->to[mark - 1] = (u8)size;
}

void cose_sign1_begin(struct cbor *cbor) {
  cbor_tag(cbor, TAG_COSE_SIGN1);
  cbor_array(cbor, 4);
  cbor_bytes(cbor, protected_header, sizeof protected_header);
  cbor_map(cbor, 0);
}

void cose_sign1_digest(const u8 *payload, size_t size, u8 digest[48]) {
  u8 start[32];
  u8 head[9];
  u8 whole[64];
  struct cbor cbor;
  struct sha512 hash;
  cbor_start(&cbor, start, sizeof start);
  cbor_array(&cbor, 4);
  cbor_text(&cbor, "Signature1");
  cbor_bytes(&cbor, protected_header, sizeof protected_header);
  cbor_bytes(&cbor, NULL, 0);
  sha384_start(&hash);
  sha512_update(&hash, start, cbor.length);
  sha512_update(&hash, head, encode_head(head, MAJOR_BYTES, size));
  sha512_update(&hash, payload, size);
  sha512_finish(&hash, whole);
  memcpy(digest, whole, 48);
}
