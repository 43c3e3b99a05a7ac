/*
 * Random RMI calls from all cores at once, for a fixed count. Each core has granules of its own and a model of what state
 * they are in: a call that succeeds must be one that their states allow. At the end the states are printed, for whoever
 * looks at the granule protection table from outside.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "harness.h"

/* Random calls of RMI, count on each core; the same seed gives each core the same ones. */
void test_fuzz(u64 seed, u64 count);

enum fuzz_state { UNDELEGATED, DELEGATED, RD, REC, AUX, DATA, RTT, STATES };

#define GRANULES 96
#define NOBODY 0xff

struct fuzz {
  u64 base;
  u64 random;
  u64 calls;
  u64 successes;
  u64 entries;
  u32 wrong;
  u8 state[GRANULES];
  /* The granule of the realm it belongs to; of a realm's own, the first of its start tables and how many there are. */
  u8 owner[GRANULES];
  u8 starts[GRANULES];
  u8 aux_of[GRANULES];
  u8 params[4096] __attribute__((aligned(4096)));
  u8 source[4096] __attribute__((aligned(4096)));
  struct rmi_rec_run run __attribute__((aligned(4096)));
};

/* Evenly from 0 to limit - 1. */
u64 fuzz_below(struct fuzz *f, u64 limit);
u64 fuzz_next(struct fuzz *f);
static inline u64 fuzz_at(const struct fuzz *f, u64 index) {
  return f->base + index * 0x1000;
}
/* Index of a granule of this core's, or NOBODY. */
static inline u32 fuzz_index(const struct fuzz *f, u64 pa) {
  return pa - f->base < GRANULES * 0x1000 && !(pa & 0xfff) ? (u32)((pa - f->base) / 0x1000) : NOBODY;
}

/* fuzz_calls.c: a call's number, and arguments (from a[1] on) that it may well take. */
u32 fuzz_propose(struct fuzz *f, u64 *a);
/* Mostly a granule that is in the state. */
u64 fuzz_pick(struct fuzz *f, enum fuzz_state state);
/* Fill params, source and run. */
void fuzz_realm(struct fuzz *f);
void fuzz_rec(struct fuzz *f);
void fuzz_code(struct fuzz *f);
void fuzz_entry(struct fuzz *f);

/* fuzz_model.c: a successful call's effect; it counts and prints what RMM must not have done. */
void fuzz_learn(struct fuzz *f, u32 number, const u64 *a);
void fuzz_wrong(struct fuzz *f, u32 number, const u64 *a, const char *what);

#endif
