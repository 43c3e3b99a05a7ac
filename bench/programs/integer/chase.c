// SPDX-License-Identifier: Apache-2.0
// Pointer chasing: rings of nodes in random order (32 KB and 1 MB), a list reversed in place, a binary tree searched.
#include "../rt/rt.h"

const char bench_name[] = "chase";
const u32 bench_rounds = 6000;

struct node {
  struct node *next;
  u64 value;
};

struct tree {
  struct tree *left, *right;
  u64 key;
};

#define SMALL 2048
#define LARGE 65536
#define KEYS 8192

static struct node small[SMALL], large[LARGE];
static struct tree trees[KEYS];
static u32 order[LARGE];

// One cycle through all nodes.
static void make_ring(struct node *nodes, u32 count, u64 seed) {
  for (u32 i = 0; i < count; i++)
    order[i] = i;
  for (u32 i = count - 1; i > 0; i--) {
    u32 j = (u32)(next_random(&seed) % (i + 1)), other = order[j];
    order[j] = order[i];
    order[i] = other;
  }
  for (u32 i = 0; i < count; i++) {
    nodes[order[i]].next = &nodes[order[i + 1 == count ? 0 : i + 1]];
    nodes[order[i]].value = next_random(&seed);
  }
}

void bench_setup(void) {
  u64 seed = 0x1234567;
  make_ring(small, SMALL, 11);
  make_ring(large, LARGE, 12);
  for (u32 i = 0; i < KEYS; i++) {
    struct tree *fresh = &trees[i];
    fresh->key = next_random(&seed);
    if (i == 0)
      continue;
    struct tree **at = NULL;
    for (struct tree *here = trees; here; here = *at)
      at = fresh->key < here->key ? &here->left : &here->right;
    *at = fresh;
  }
}

static NOINLINE u64 walk(struct node *node, u32 steps) {
  u64 sum = 0;
  while (steps--) {
    sum += node->value;
    node = node->next;
  }
  return sum;
}

static NOINLINE struct node *reverse(struct node *list) {
  struct node *done = NULL;
  while (list) {
    struct node *next = list->next;
    list->next = done;
    done = list;
    list = next;
  }
  return done;
}

static NOINLINE u64 search(const struct tree *tree, u64 key) {
  u64 depth = 0;
  for (; tree && tree->key != key; depth++)
    tree = key < tree->key ? tree->left : tree->right;
  return depth;
}

u64 bench_run(u32 rounds) {
  u64 hash = 1, seed = 99;
  for (u32 round = 0; round < rounds; round++) {
    u64 sum = walk(small, 40000) + walk(&large[round], 10000);
    // Open the small ring, reverse the list twice, close it.
    struct node *second = small[0].next;
    small[0].next = NULL;
    struct node *list = reverse(second);
    small[0].next = reverse(list);
    for (u32 i = 0; i < 500; i++)
      sum += search(trees, i & 1 ? next_random(&seed) : trees[i * 13].key);
    hash = mix(hash, sum);
  }
  return hash;
}
