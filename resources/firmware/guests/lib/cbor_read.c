#include "cbor_read.h"

#include "attest.h"

enum { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG };
enum { TAG_SIGN1 = 18 };

bool cbor_next(struct cbor_reader *reader, struct cbor_item *item) {
  if (reader->at >= reader->end)
    return false;
  u8 head = *reader->at++;
  u32 code = head & 31, size = code < 24 ? 0 : code < 28 ? 1U << (code - 24) : 99;
  if (size == 99 || (u64)(reader->end - reader->at) < size)
    return false;
  *item = (struct cbor_item){.major = head >> 5, .value = code};
  for (u32 i = 0; i < size; i++)
    item->value = (i ? item->value << 8 : 0) | reader->at[i];
  reader->at += size;
  if (item->major == MAJOR_BYTES || item->major == MAJOR_TEXT) {
    if ((u64)(reader->end - reader->at) < item->value)
      return false;
    item->data = reader->at;
    reader->at += item->value;
  }
  return true;
}

bool cbor_skip(struct cbor_reader *reader) {
  u64 left = 1;
  while (left--) {
    struct cbor_item item;
    if (!cbor_next(reader, &item) || item.value > 0x10000)
      return false;
    left += item.major == MAJOR_ARRAY ? item.value : item.major == MAJOR_MAP ? 2 * item.value : item.major == MAJOR_TAG;
  }
  return true;
}

bool cbor_map_find(struct cbor_reader reader, u64 key, struct cbor_reader *value) {
  struct cbor_item item;
  if (!cbor_next(&reader, &item) || item.major != MAJOR_MAP)
    return false;
  for (u64 left = item.value; left; left--) {
    struct cbor_item name;
    if (!cbor_next(&reader, &name))
      return false;
    if (name.major == MAJOR_UINT && name.value == key) {
      *value = reader;
      return true;
    }
    if (!cbor_skip(&reader))
      return false;
  }
  return false;
}

bool cbor_claim(struct cbor_reader map, u64 key, struct cbor_item *item) {
  struct cbor_reader value;
  return cbor_map_find(map, key, &value) && cbor_next(&value, item);
}

/* The payload of the COSE_Sign1 message in a byte string. */
static bool payload(struct cbor_reader value, struct cbor_reader *claims) {
  struct cbor_item item;
  if (!cbor_next(&value, &item) || item.major != MAJOR_BYTES)
    return false;
  struct cbor_reader in = {item.data, item.data + item.value};
  if (!cbor_next(&in, &item) || item.major != MAJOR_TAG || item.value != TAG_SIGN1)
    return false;
  if (!cbor_next(&in, &item) || item.major != MAJOR_ARRAY || item.value != 4)
    return false;
  if (!cbor_skip(&in) || !cbor_skip(&in) || !cbor_next(&in, &item) || item.major != MAJOR_BYTES)
    return false;
  *claims = (struct cbor_reader){item.data, item.data + item.value};
  return true;
}

/* The two parts are CMW records or bare byte strings: [content type, bytes]. */
static bool part(struct cbor_reader map, u64 key, struct cbor_reader *claims) {
  struct cbor_reader value, inner;
  struct cbor_item item;
  if (!cbor_map_find(map, key, &value))
    return false;
  inner = value;
  if (cbor_next(&inner, &item) && item.major == MAJOR_ARRAY && item.value >= 2 && cbor_skip(&inner))
    value = inner;
  return payload(value, claims);
}

bool token_open(const u8 *token, u64 size, struct cbor_reader *platform, struct cbor_reader *realm) {
  struct cbor_reader map = {token, token + size};
  struct cbor_item item;
  if (!cbor_next(&map, &item) || item.major != MAJOR_TAG || item.value != CCA_TAG_TOKEN)
    return false;
  return part(map, CCA_PLATFORM_TOKEN, platform) && part(map, CCA_REALM_TOKEN, realm);
}
