// SPDX-License-Identifier: Apache-2.0
// What the compiler may call. Words where both sides are aligned, bytes otherwise.
#include "rt.h"

static int both_aligned(const void *a, const void *b) {
  return (((u64)a | (u64)b) & 7) == 0;
}

void *memcpy(void *to, const void *from, u64 size) {
  u8 *d = to;
  const u8 *s = from;
  if (both_aligned(to, from))
    for (; size >= 8; size -= 8, d += 8, s += 8)
      *(u64 *)d = *(const u64 *)s;
  while (size--)
    *d++ = *s++;
  return to;
}

void *memmove(void *to, const void *from, u64 size) {
  u8 *d = to;
  const u8 *s = from;
  if (d <= s || d >= s + size)
    return memcpy(to, from, size);
  while (size--)
    d[size] = s[size];
  return to;
}

void *memset(void *to, int byte, u64 size) {
  u8 *d = to;
  u64 word = (u8)byte * 0x0101010101010101UL;
  if (((u64)d & 7) == 0)
    for (; size >= 8; size -= 8, d += 8)
      *(u64 *)d = word;
  while (size--)
    *d++ = (u8)byte;
  return to;
}

int memcmp(const void *a, const void *b, u64 size) {
  const u8 *x = a;
  const u8 *y = b;
  for (; size; size--, x++, y++)
    if (*x != *y)
      return *x - *y;
  return 0;
}
