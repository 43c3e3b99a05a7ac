/* Reading CBOR (RFC 8949): one item after the other, and the CCA token's two maps of claims (DEN0137, A7.2). */
#ifndef CBOR_READ_H
#define CBOR_READ_H

#include "types.h"

struct cbor_item {
  /* 0 unsigned, 1 negative, 2 bytes, 3 text, 4 array, 5 map, 6 tag, 7 simple. */
  u8 major;
  /* The number, length, count or tag. */
  u64 value;
  /* Of bytes and text. */
  const u8 *data;
};
struct cbor_reader {
  const u8 *at, *end;
};

/* False at the end or where the encoding is damaged or of indefinite length. */
bool cbor_next(struct cbor_reader *reader, struct cbor_item *item);
/* Steps over one whole item with all that it holds. */
bool cbor_skip(struct cbor_reader *reader);
/* Finds a key (an unsigned number) in the map that reader stands at; then value stands at its value. */
bool cbor_map_find(struct cbor_reader reader, u64 key, struct cbor_reader *value);
/* Claim of a map as bytes or text. */
bool cbor_claim(struct cbor_reader map, u64 key, struct cbor_item *item);

/* Finds the maps of claims of platform and realm within a token. */
bool token_open(const u8 *token, u64 size, struct cbor_reader *platform, struct cbor_reader *realm);

#endif
