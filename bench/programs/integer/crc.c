// SPDX-License-Identifier: Apache-2.0
// CRC-32 by table, by shifts, and by four tables a word; CRC-64 by table.
#include "../rt/rt.h"

const char bench_name[] = "crc";
const u32 bench_rounds = 12000;

#define SIZE 16384

static u8 data[SIZE] ALIGNED(8);
static u32 table[4][256];
static u64 table64[256];

static NOINLINE u32 crc_shifts(u32 crc, const u8 *bytes, u32 size) {
  while (size--) {
    crc ^= *bytes++;
    for (u32 bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return crc;
}

static NOINLINE u32 crc_table(u32 crc, const u8 *bytes, u32 size) {
  while (size--)
    crc = crc >> 8 ^ table[0][(crc ^ *bytes++) & 255];
  return crc;
}

static NOINLINE u32 crc_words(u32 crc, const u32 *words, u32 count) {
  while (count--) {
    crc ^= *words++;
    crc = table[3][crc & 255] ^ table[2][crc >> 8 & 255] ^ table[1][crc >> 16 & 255] ^ table[0][crc >> 24];
  }
  return crc;
}

static NOINLINE u64 crc64_table(u64 crc, const u8 *bytes, u32 size) {
  while (size--)
    crc = crc << 8 ^ table64[crc >> 56 ^ *bytes++];
  return crc;
}

void bench_setup(void) {
  u64 seed = 0x5eed;
  for (u32 i = 0; i < SIZE; i++)
    data[i] = (u8)(next_random(&seed) >> 24);
  for (u32 i = 0; i < 256; i++) {
    u32 crc = i;
    u64 crc64 = (u64)i << 56;
    for (u32 bit = 0; bit < 8; bit++) {
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
      crc64 = crc64 << 1 ^ (crc64 >> 63 ? 0x42f0e1eba9ea3693UL : 0);
    }
    table[0][i] = crc;
    table64[i] = crc64;
  }
  for (u32 i = 0; i < 256; i++)
    for (u32 k = 1; k < 4; k++)
      table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

u64 bench_run(u32 rounds) {
  u64 hash = 1;
  for (u32 round = 0; round < rounds; round++) {
    data[round % SIZE] ^= (u8)round;
    hash = mix(hash, crc_table(~0U, data, SIZE));
    hash = mix(hash, crc_shifts(~0U, data, SIZE / 8));
    hash = mix(hash, crc_words(~0U, (const u32 *)data, SIZE / 4));
    hash = mix(hash, crc64_table(0, data, SIZE / 2));
  }
  return hash;
}
