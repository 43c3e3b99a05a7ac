// SPDX-License-Identifier: Apache-2.0
// A chained hash table with string keys and an open-addressed one with integer keys: insert, find, remove, grow.
#include "../rt/rt.h"

const char bench_name[] = "hash";
const u32 bench_rounds = 950;

#define ENTRIES 4096
#define BUCKETS 1024
#define SLOTS_MAX 16384

struct entry {
  struct entry *next;
  u32 hash;
  u32 count;
  char key[16];
};

static struct entry entries[ENTRIES];
static struct entry *buckets[BUCKETS];
static u32 used;

static NOINLINE u32 hash_string(const char *key) {
  u32 hash = 2166136261U;
  for (; *key; key++)
    hash = (hash ^ (u8)*key) * 16777619U;
  return hash;
}

static int same(const char *a, const char *b) {
  for (; *a == *b; a++, b++)
    if (!*a)
      return 1;
  return 0;
}

static NOINLINE struct entry *find(const char *key, int insert) {
  u32 hash = hash_string(key);
  struct entry **bucket = &buckets[hash & (BUCKETS - 1)];
  for (struct entry *entry = *bucket; entry; entry = entry->next)
    if (entry->hash == hash && same(entry->key, key))
      return entry;
  if (!insert)
    return NULL;
  struct entry *entry = &entries[used++];
  entry->hash = hash;
  entry->count = 0;
  for (u32 i = 0; i < sizeof(entry->key) && (entry->key[i] = key[i]); i++) {
  }
  entry->next = *bucket;
  *bucket = entry;
  return entry;
}

static NOINLINE void make_key(char *to, u32 value) {
  *to++ = 'k';
  do {
    *to++ = (char)('a' + value % 26);
    value /= 26;
  } while (value);
  *to = 0;
}

static u64 strings(u64 *seed) {
  u64 sum = 0;
  char key[16];
  used = 0;
  memset(buckets, 0, sizeof(buckets));
  for (u32 i = 0; i < 8000; i++) {
    make_key(key, (u32)(next_random(seed) % ENTRIES) * 977);
    find(key, 1)->count += i;
  }
  for (u32 i = 0; i < ENTRIES; i++) {
    make_key(key, i * 977);
    struct entry *entry = find(key, 0);
    sum += entry ? entry->count : 1;
  }
  return sum;
}

static u64 *slots, *spare;
static u64 memory[2][SLOTS_MAX];
static u32 capacity, filled;

#define REMOVED 1UL // keys are odd and above this

static NOINLINE u32 place(const u64 *table, u32 size, u64 key) {
  u32 at = (u32)(key * 0x9e3779b97f4a7c15UL >> 40) & (size - 1);
  while (table[at] != 0 && table[at] != key)
    at = (at + 1) & (size - 1);
  return at;
}

static NOINLINE void grow(void) {
  u32 size = capacity * 2;
  memset(spare, 0, size * sizeof(u64));
  filled = 0;
  for (u32 i = 0; i < capacity; i++) {
    if (slots[i] > REMOVED) {
      spare[place(spare, size, slots[i])] = slots[i];
      filled++;
    }
  }
  u64 *other = slots;
  slots = spare;
  spare = other;
  capacity = size;
}

static u64 integers(u64 *seed) {
  u64 sum = 0;
  slots = memory[0];
  spare = memory[1];
  capacity = 64;
  filled = 0;
  memset(slots, 0, capacity * sizeof(u64));
  for (u32 i = 0; i < 20000; i++) {
    u64 key = (next_random(seed) & 0x3ffe) | 0x10001;
    u32 at = place(slots, capacity, key);
    if (slots[at] == 0) {
      slots[at] = key;
      if (++filled * 4 > capacity * 3)
        grow();
    } else if (i & 3) {
      sum += at;
    } else {
      slots[at] = REMOVED;
    }
  }
  return sum + filled;
}

u64 bench_run(u32 rounds) {
  u64 hash = 1, seed = 0x4a54;
  for (u32 round = 0; round < rounds; round++) {
    hash = mix(hash, strings(&seed));
    hash = mix(hash, integers(&seed));
  }
  return hash;
}
