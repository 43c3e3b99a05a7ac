/* Memory functions and byte orders: all that the cryptography needs, so that it also builds for tests on any machine. */
#ifndef BYTES_H
#define BYTES_H

#include "types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);

/* Zeroes memory that held a secret; the compiler may not leave it out. */
static inline void wipe(void *memory, size_t size) {
  memset(memory, 0, size);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

static inline u64 read_le64(const void *from) {
  u64 value;
  memcpy(&value, from, sizeof value);
  return value;
}

static inline u32 read_be32(const void *from) {
  u32 value;
  memcpy(&value, from, sizeof value);
  return __builtin_bswap32(value);
}

static inline u64 read_be64(const void *from) {
  u64 value;
  memcpy(&value, from, sizeof value);
  return __builtin_bswap64(value);
}

static inline void write_be32(void *to, u32 value) {
  value = __builtin_bswap32(value);
  memcpy(to, &value, sizeof value);
}

static inline void write_be64(void *to, u64 value) {
  value = __builtin_bswap64(value);
  memcpy(to, &value, sizeof value);
}

#endif
