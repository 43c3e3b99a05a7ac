// SPDX-License-Identifier: Apache-2.0
// Copying and filling, sizes from 1 byte to 64 KB, aligned and not: loops over bytes and words in C, pairs of general
// and of SIMD registers as library routines use them, and struct assignment as the compiler does it.
#include "../rt/rt.h"

const char bench_name[] = "memcpy";
const u32 bench_rounds = 6500;

#define SIZE 65536

static u8 from[SIZE + 64] ALIGNED(64), to[SIZE + 64] ALIGNED(64);

static NOINLINE void copy_bytes(u8 *d, const u8 *s, u64 size) {
  while (size--)
    *d++ = *s++;
}

static NOINLINE void copy_words(u8 *d, const u8 *s, u64 size) {
  for (; size >= 8; size -= 8, d += 8, s += 8)
    *(u64 *)d = *(const u64 *)s;
  copy_bytes(d, s, size);
}

static NOINLINE void copy_pairs(u8 *d, const u8 *s, u64 size) {
  for (; size >= 32; size -= 32)
    __asm__ volatile("ldp x8, x9, [%1], #16\n ldp x10, x11, [%1], #16\n"
                     "stp x8, x9, [%0], #16\n stp x10, x11, [%0], #16"
                     : "+r"(d), "+r"(s)::"x8", "x9", "x10", "x11", "memory");
  copy_words(d, s, size);
}

static NOINLINE void copy_vectors(u8 *d, const u8 *s, u64 size) {
  for (; size >= 64; size -= 64)
    __asm__ volatile("ldp q0, q1, [%1], #32\n ldp q2, q3, [%1], #32\n stp q0, q1, [%0], #32\n stp q2, q3, [%0], #32"
                     : "+r"(d), "+r"(s)::"v0", "v1", "v2", "v3", "memory");
  copy_words(d, s, size);
}

static NOINLINE void fill_bytes(u8 *d, u8 value, u64 size) {
  while (size--)
    *d++ = value;
}

static NOINLINE void fill_pairs(u8 *d, u8 value, u64 size) {
  u64 word = value * 0x0101010101010101UL;
  for (; size >= 32; size -= 32)
    __asm__ volatile("stp %1, %1, [%0], #16\n stp %1, %1, [%0], #16" : "+r"(d) : "r"(word) : "memory");
  fill_bytes(d, value, size);
}

struct block {
  u64 words[16];
};

static NOINLINE void assign(struct block *d, const struct block *s, u32 count) {
  for (u32 i = 0; i < count; i++)
    d[i] = s[i];
}

static u64 sample(u64 hash, u64 size) {
  for (u64 i = 0; i < size; i += size / 16 + 1)
    hash = mix(hash, to[i]);
  return hash;
}

void bench_setup(void) {
  u64 seed = 0xc0;
  for (u32 i = 0; i < sizeof(from); i++)
    from[i] = (u8)next_random(&seed);
}

u64 bench_run(u32 rounds) {
  static void (*const copies[])(u8 *, const u8 *, u64) = {copy_bytes, copy_words, copy_pairs, copy_vectors};
  static const u32 sizes[] = {1, 7, 16, 33, 64, 100, 200, 512, 1500, 4096};
  u64 hash = 1;
  for (u32 round = 0; round < rounds; round++) {
    u32 skew = round & 7;
    for (u32 i = 0; i < COUNT(sizes); i++) {
      for (u32 k = 0; k < COUNT(copies); k++)
        for (u32 again = 0; again < 8; again++)
          copies[k](to + (skew & again), from + skew + k, sizes[i]);
      hash = sample(hash, sizes[i]);
      for (u32 again = 0; again < 8; again++) {
        fill_bytes(to + skew, (u8)round, sizes[i]);
        fill_pairs(to + again, (u8)i, sizes[i]);
      }
      hash = sample(hash, sizes[i]);
    }
    copy_words(to, from, SIZE);
    copy_pairs(to, from + 8, SIZE);
    copy_vectors(to, from + skew, SIZE);
    hash = sample(hash, SIZE);
    fill_pairs(to, (u8)round, SIZE);
    assign((struct block *)to, (const struct block *)from, SIZE / sizeof(struct block) / 4);
    hash = sample(hash, SIZE);
  }
  return hash;
}
