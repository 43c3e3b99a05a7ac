/* Memory and string functions the compiler and the images need. */
#include "lib.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  u8 *out = to;
  const u8 *in = from;
  if ((((uintptr_t)out | (uintptr_t)in) & 7) == 0) {
    for (; size >= 8; size -= 8, out += 8, in += 8)
      *(u64 *)(void *)out = *(const u64 *)(const void *)in;
  }
  for (; size; size--)
    *out++ = *in++;
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  u8 *out = to;
  const u8 *in = from;
  if (out <= in || out >= in + size)
    return memcpy(to, from, size);
  while (size--)
    out[size] = in[size];
  return to;
}

void *memset(void *to, int value, size_t size) {
  u8 *out = to;
  u64 word = (u8)value * 0x0101010101010101UL;
  for (; size && ((uintptr_t)out & 7); size--)
    *out++ = (u8)value;
  for (; size >= 8; size -= 8, out += 8)
    *(u64 *)(void *)out = word;
  for (; size; size--)
    *out++ = (u8)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const u8 *x = a;
  const u8 *y = b;
  for (; size; size--, x++, y++)
    if (*x != *y)
      return *x < *y ? -1 : 1;
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length])
    length++;
  return length;
}

int strcmp(const char *a, const char *b) {
  for (; *a && *a == *b; a++, b++) {
  }
  return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t size) {
  for (; size && *a && *a == *b; a++, b++, size--) {
  }
  return size ? (u8)*a - (u8)*b : 0;
}
