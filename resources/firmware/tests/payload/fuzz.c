/*
 * Random RMI calls from all cores at once, for a fixed count. Each core has granules of its own and a model of what state
 * they are in: a call that succeeds must be one that their states allow. At the end the states are printed, for whoever
 * looks at the granule protection table from outside.
 */
#include "fuzz.h"

#include "harness.h"

enum state { UNDELEGATED, DELEGATED, RD, REC, AUX, DATA, RTT, STATES };
static const char letters[STATES] = {'.', 'd', 'R', 'e', 'x', 'p', 't'};

#define GRANULES 96
#define FUZZ_BASE 0x58000000UL
#define NOBODY 0xff
#define STARTS_AT_MOST 4

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
static struct fuzz fuzzers[MAX_CORES] __attribute__((aligned(4096)));

static u64 next(struct fuzz *f) {
  /* xorshift64 */
  f->random ^= f->random << 13;
  f->random ^= f->random >> 7;
  f->random ^= f->random << 17;
  return f->random;
}
static u64 below(struct fuzz *f, u64 limit) {
  return (next(f) >> 11) % limit;
}

static u64 at(const struct fuzz *f, u64 index) {
  return f->base + index * 0x1000;
}
/* Index of a granule of this core's, or NOBODY. */
static u32 index_of(const struct fuzz *f, u64 pa) {
  return pa - f->base < GRANULES * 0x1000 && !(pa & 0xfff) ? (u32)((pa - f->base) / 0x1000) : NOBODY;
}

/* What no call may take for a granule of the host's. */
static u64 junk(struct fuzz *f) {
  static const u64 values[] = {0, 8, ~0UL, 1UL << 63, UART0, RMM_MEMORY, 0x0e000000, 0x4000000000, 0x800, ~0xfffUL};
  u64 value = values[below(f, ARRAY_SIZE(values))];
  return below(f, 4) ? value : value ^ (1UL << below(f, 3));
}

/* Mostly a granule that is in the state. */
static u64 pick(struct fuzz *f, enum state state) {
  u64 luck = below(f, 32);
  if (luck == 0)
    return junk(f);
  u32 start = (u32)below(f, GRANULES);
  if (luck > 2)
    for (u32 i = 0; i < GRANULES; i++)
      if (f->state[(start + i) % GRANULES] == state)
        return at(f, (start + i) % GRANULES);
  return at(f, start) + (luck == 1 ? 8 : 0);
}

static u64 ipa(struct fuzz *f) {
  static const u64 bases[] = {REALM_BASE, 0, REALM_UNPROTECTED, 0x40000000, 1UL << REALM_IPA_BITS};
  u64 luck = below(f, 16);
  u64 base = luck < 10 ? REALM_BASE : bases[below(f, ARRAY_SIZE(bases))];
  if (luck == 15)
    return junk(f);
  return base + (below(f, 4) ? 0 : 0x200000) + (below(f, 2) ? 0 : below(f, 8) * 0x1000) + (below(f, 32) ? 0 : 8);
}
static u64 level(struct fuzz *f) {
  return below(f, 16) ? 1 + below(f, 3) : below(f, 2) ? junk(f) : 4;
}
static u64 page(struct fuzz *f, const void *own) {
  return below(f, 32) ? (u64)own : below(f, 2) ? pick(f, DELEGATED) : junk(f);
}

/* Changes a valid structure here and there. */
static void spoil(struct fuzz *f) {
  if (below(f, 8) == 0)
    for (u64 n = below(f, 4); n; n--)
      *(u64 *)(void *)(f->params + below(f, 512) * 8) = next(f) >> below(f, 64);
}

static void realm_params(struct fuzz *f) {
  struct rmi_realm_params *p = (struct rmi_realm_params *)(void *)f->params;
  memset(p, 0, sizeof *p);
  p->s2sz = REALM_IPA_BITS;
  p->rtt_level_start = 1;
  p->rtt_num_start = 1;
  p->hash_algo = below(f, 3) ? RMI_HASH_SHA256 : RMI_HASH_SHA512;
  p->rtt_base = pick(f, DELEGATED);
  p->vmid = (u16)(1 + core_index() * 60 + below(f, 60));
  p->mecid = has_mec() ? (s64)(core_index() * 60 + below(f, 60)) : 0;
  spoil(f);
}

static void rec_parameters(struct fuzz *f) {
  struct rmi_rec_params *p = (struct rmi_rec_params *)(void *)f->params;
  memset(p, 0, sizeof *p);
  p->flags = below(f, 4) ? RMI_REC_FLAG_RUNNABLE : 0;
  p->mpidr = below(f, 3);
  p->pc = ipa(f);
  p->gprs[0] = RSI_FID(below(f, 16));
  p->num_aux = 1;
  p->aux[0] = pick(f, DELEGATED);
  spoil(f);
}

#define MOVZ(register, value, half) (0xd2800000U | (u32)(half) << 21 | (u32)(value) << 5 | (u32)(register))
#define MOVK(register, value, half) (0xf2800000U | (u32)(half) << 21 | (u32)(value) << 5 | (u32)(register))
#define SMC 0xd4000003U

/* Code for realms: calls of RSI and PSCI with arguments that may do, and now and then a word of any kind. */
static void source_page(struct fuzz *f) {
  u32 *words = (u32 *)(void *)f->source;
  for (u32 i = 0; i < 1024; i += 4) {
    bool psci = below(f, 4) == 0;
    words[i] = MOVZ(0, psci ? below(f, 16) : 0x190 + below(f, 12), 0);
    words[i + 1] = MOVK(0, psci && below(f, 2) ? 0x8400 : 0xc400, 1);
    words[i + 2] = below(f, 2) ? MOVZ(1 + below(f, 4), 0x8000 + below(f, 3), 1) : MOVZ(1 + below(f, 10), below(f, 65536), below(f, 4));
    words[i + 3] = below(f, 4) ? SMC : (u32)next(f);
  }
}

static void wrong(struct fuzz *f, u32 number, const u64 *a, const char *what) {
  if (f->wrong++ < 10)
    printf("FAIL: core %u, call %lu, RMI 0x%x(%lx, %lx, %lx, %lx): %s\n", core_index(), f->calls, number, a[1], a[2], a[3], a[4], what);
}

/* A granule that the call took or gave back: in the model it must have been in a state, and of a realm, if one is named. */
static void move(struct fuzz *f, u32 number, const u64 *a, u64 pa, enum state from, enum state to, u64 rd) {
  u32 index = index_of(f, pa);
  u32 owner = index_of(f, rd);
  if (index == NOBODY) {
    wrong(f, number, a, "a granule that is not this core's");
    return;
  }
  if (f->state[index] != from)
    wrong(f, number, a, "a granule in another state");
  bool leaves = to == DELEGATED && from != UNDELEGATED && from != RD;
  if (leaves && rd && f->owner[index] != owner)
    wrong(f, number, a, "a granule of another realm");
  f->state[index] = (u8)to;
  f->owner[index] = (u8)(to == DELEGATED || to == UNDELEGATED ? NOBODY : owner);
}

static bool owns_any(const struct fuzz *f, u32 realm, bool but_starts) {
  for (u32 i = 0; i < GRANULES; i++)
    if (f->owner[i] == realm && i != realm && !(but_starts && i == f->starts[realm]))
      return true;
  return false;
}

/* A successful call's effect on the model. */
static void learn(struct fuzz *f, u32 number, const u64 *a) {
  const struct rmi_realm_params *realm = (const struct rmi_realm_params *)(void *)f->params;
  const struct rmi_rec_params *rec = (const struct rmi_rec_params *)(void *)f->params;
  u32 index = index_of(f, a[1]);
  switch (number) {
  case RMI_GRANULE_DELEGATE:
    move(f, number, a, a[1], UNDELEGATED, DELEGATED, 0);
    break;
  case RMI_GRANULE_UNDELEGATE:
    move(f, number, a, a[1], DELEGATED, UNDELEGATED, 0);
    break;
  case RMI_REALM_CREATE:
    move(f, number, a, a[1], DELEGATED, RD, a[1]);
    move(f, number, a, realm->rtt_base, DELEGATED, RTT, a[1]);
    if (index != NOBODY)
      f->starts[index] = (u8)index_of(f, realm->rtt_base);
    break;
  case RMI_REALM_DESTROY:
    if (index == NOBODY)
      wrong(f, number, a, "no granule of this core's");
    else {
      if (owns_any(f, index, true))
        wrong(f, number, a, "the realm has granules");
      move(f, number, a, at(f, f->starts[index]), RTT, DELEGATED, a[1]);
      move(f, number, a, a[1], RD, DELEGATED, 0);
    }
    break;
  case RMI_REC_CREATE:
    move(f, number, a, a[2], DELEGATED, REC, a[1]);
    move(f, number, a, rec->aux[0], DELEGATED, AUX, a[1]);
    if (index_of(f, a[2]) != NOBODY)
      f->aux_of[index_of(f, a[2])] = (u8)index_of(f, rec->aux[0]);
    break;
  case RMI_REC_DESTROY:
    move(f, number, a, a[1], REC, DELEGATED, 0);
    if (index != NOBODY)
      move(f, number, a, at(f, f->aux_of[index]), AUX, DELEGATED, 0);
    break;
  case RMI_RTT_CREATE:
    move(f, number, a, a[2], DELEGATED, RTT, a[1]);
    break;
  case RMI_RTT_DESTROY:
  case RMI_RTT_FOLD:
    move(f, number, a, out.x[1], RTT, DELEGATED, a[1]);
    break;
  case RMI_DATA_CREATE:
  case RMI_DATA_CREATE_UNKNOWN:
    move(f, number, a, a[2], DELEGATED, DATA, a[1]);
    break;
  case RMI_DATA_DESTROY:
    move(f, number, a, out.x[1], DATA, DELEGATED, a[1]);
    break;
  default:
    break;
  }
}

static void entry(struct fuzz *f) {
  memset(&f->run.enter, 0, sizeof f->run.enter);
  f->run.enter.flags = below(f, 4) ? REC_ENTRY_TRAP_WFI | REC_ENTRY_TRAP_WFE : next(f) >> 58 | REC_ENTRY_TRAP_WFI | REC_ENTRY_TRAP_WFE;
  for (u32 i = 0; i < REC_GPRS; i++)
    f->run.enter.gprs[i] = next(f);
  if (below(f, 8) == 0)
    f->run.enter.gicv3_lrs[below(f, 16)] = next(f);
  if (below(f, 16) == 0)
    f->run.enter.gicv3_hcr = next(f) >> below(f, 64);
}

/* Arguments that a call may well take. */
static u32 propose(struct fuzz *f, u64 *a) {
  static const struct {
    u8 number;
    u8 weight;
  } usual[] = {
    {RMI_GRANULE_DELEGATE, 6}, {RMI_REALM_CREATE, 3}, {RMI_RTT_CREATE, 8},     {RMI_RTT_INIT_RIPAS, 4}, {RMI_DATA_CREATE, 8},
    {RMI_DATA_CREATE_UNKNOWN, 2}, {RMI_REC_CREATE, 6}, {RMI_REALM_ACTIVATE, 1}, {RMI_REC_ENTER, 12},     {RMI_RTT_SET_RIPAS, 2},
    {RMI_PSCI_COMPLETE, 2},
  };
  enum { WEIGHTS = 54 };
  u32 number = (u32)below(f, 0x40);
  if (below(f, 8) > 1) {
    u32 luck = (u32)below(f, WEIGHTS);
    u32 i = 0;
    for (; luck >= usual[i].weight; i++)
      luck -= usual[i].weight;
    number = usual[i].number;
  }
  for (u32 i = 1; i < 6; i++)
    a[i] = below(f, 2) ? junk(f) : ipa(f);
  switch (number) {
  case RMI_GRANULE_DELEGATE:
    a[1] = pick(f, UNDELEGATED);
    break;
  case RMI_GRANULE_UNDELEGATE:
    a[1] = pick(f, DELEGATED);
    break;
  case RMI_REALM_CREATE:
    realm_params(f);
    a[1] = pick(f, DELEGATED);
    a[2] = page(f, f->params);
    break;
  case RMI_REC_CREATE:
    rec_parameters(f);
    a[1] = pick(f, RD);
    a[2] = pick(f, DELEGATED);
    a[3] = page(f, f->params);
    break;
  case RMI_REC_ENTER:
    a[1] = pick(f, REC);
    a[2] = page(f, &f->run);
    entry(f);
    break;
  case RMI_REC_DESTROY:
    a[1] = pick(f, REC);
    break;
  case RMI_PSCI_COMPLETE:
    a[1] = pick(f, REC);
    a[2] = pick(f, REC);
    a[3] = below(f, 2) ? 0 : PSCI_DENIED;
    break;
  case RMI_RTT_SET_RIPAS:
    a[1] = pick(f, RD);
    a[2] = pick(f, REC);
    a[3] = f->run.exit.ripas_base;
    a[4] = f->run.exit.ripas_top;
    break;
  case RMI_RTT_INIT_RIPAS:
    a[1] = pick(f, RD);
    a[2] = ipa(f);
    a[3] = a[2] + (below(f, 2) ? 0x1000 : 0x200000);
    break;
  case RMI_DATA_CREATE:
    a[5] = below(f, 8) ? below(f, 2) : next(f);
    source_page(f);
    __attribute__((fallthrough));
  case RMI_DATA_CREATE_UNKNOWN:
    a[1] = pick(f, RD);
    a[2] = pick(f, DELEGATED);
    a[3] = ipa(f);
    a[4] = page(f, f->source);
    break;
  case RMI_RTT_CREATE:
    a[1] = pick(f, RD);
    a[2] = pick(f, DELEGATED);
    a[3] = ipa(f);
    a[4] = level(f);
    break;
  case RMI_DATA_DESTROY:
  case RMI_RTT_DESTROY:
  case RMI_RTT_FOLD:
  case RMI_RTT_READ_ENTRY:
  case RMI_RTT_UNMAP_UNPROTECTED:
  case RMI_RTT_MAP_UNPROTECTED:
    a[1] = pick(f, RD);
    a[2] = ipa(f);
    a[3] = level(f);
    a[4] = below(f, 4) ? (u64)f->source | 6 << 2 | 3 << 6 : next(f);
    break;
  case RMI_REALM_ACTIVATE:
  case RMI_REALM_DESTROY:
  case RMI_REC_AUX_COUNT:
    a[1] = pick(f, RD);
    break;
  case RMI_MEC_SET_PRIVATE:
  case RMI_MEC_SET_SHARED:
    a[1] = below(f, 20);
    break;
  default:
    break;
  }
  return number;
}

/* A realm's code may never end: this core's EL2 timer takes it out. */
#define TIMER_INTID 26
static void timer_start(void) {
  write_sysreg(cnthp_tval_el2, read_sysreg(cntfrq_el0) / 5000);
  write_sysreg(cnthp_ctl_el2, 1);
  isb();
}
static void timer_stop(void) {
  write_sysreg(cnthp_ctl_el2, 0);
  isb();
}

static u64 attempt(struct fuzz *f, u32 number, const u64 *a) {
  timer_start();
  u64 status = rmi(number, a[1], a[2], a[3], a[4], a[5]);
  timer_stop();
  f->calls++;
  if (status == RMI_SUCCESS) {
    f->successes++;
    f->entries += number == RMI_REC_ENTER;
    learn(f, number, a);
  } else if (status != SMC_NOT_SUPPORTED && (RMI_STATUS(status) > RMI_ERROR_RTT || status >> 16))
    wrong(f, number, a, "a status that is none");
  return status;
}

/* A realm that runs: by luck alone there are few of them. */
static void grow(struct fuzz *f) {
  u64 rd = pick(f, DELEGATED);
  realm_params(f);
  if (attempt(f, RMI_REALM_CREATE, (u64[6]){0, rd, (u64)f->params}))
    return;
  for (u64 level = 2; level <= 3; level++)
    attempt(f, RMI_RTT_CREATE, (u64[6]){0, rd, pick(f, DELEGATED), REALM_BASE, level});
  attempt(f, RMI_RTT_INIT_RIPAS, (u64[6]){0, rd, REALM_BASE, REALM_BASE + 0x3000});
  for (u64 page = 0; page < 2; page++) {
    source_page(f);
    attempt(f, RMI_DATA_CREATE, (u64[6]){0, rd, pick(f, DELEGATED), REALM_BASE + page * 0x1000, (u64)f->source, page});
  }
  u64 first = 0;
  for (u64 rec = 0; rec < 2; rec++) {
    rec_parameters(f);
    ((struct rmi_rec_params *)(void *)f->params)->mpidr = rec;
    ((struct rmi_rec_params *)(void *)f->params)->pc = REALM_BASE + below(f, 256) * 16;
    u64 granule = pick(f, DELEGATED);
    first = first ? first : granule;
    attempt(f, RMI_REC_CREATE, (u64[6]){0, rd, granule, (u64)f->params});
  }
  attempt(f, RMI_REALM_ACTIVATE, (u64[6]){0, rd});
  for (u64 entries = below(f, 16); entries; entries--) {
    entry(f);
    attempt(f, RMI_REC_ENTER, (u64[6]){0, first, (u64)&f->run});
  }
}

/* Takes a realm apart, as far as it goes. */
static void shrink(struct fuzz *f) {
  static const u64 bases[] = {REALM_BASE, 0, 0x40000000, REALM_UNPROTECTED};
  u64 rd = pick(f, RD);
  u32 realm = index_of(f, rd);
  for (u32 i = 0; i < GRANULES; i++)
    if (f->state[i] == REC && f->owner[i] == realm)
      attempt(f, RMI_REC_DESTROY, (u64[6]){0, at(f, i)});
  for (u32 i = 0; i < ARRAY_SIZE(bases); i++) {
    u64 top = bases[i] + 0x400000;
    for (u64 ipa = bases[i]; ipa < top; ipa = out.x[2] > ipa ? out.x[2] : top)
      if (attempt(f, RMI_DATA_DESTROY, (u64[6]){0, rd, ipa}) == RMI_ERROR_INPUT)
        break;
    for (u64 ipa = bases[i]; ipa < top; ipa += 0x200000)
      attempt(f, RMI_RTT_DESTROY, (u64[6]){0, rd, ipa, 3});
    attempt(f, RMI_RTT_DESTROY, (u64[6]){0, rd, bases[i], 2});
  }
  attempt(f, RMI_REALM_DESTROY, (u64[6]){0, rd});
}

static void fuzz(u64 count) {
  struct fuzz *f = &fuzzers[core_index()];
  interrupts_on(BIT(TIMER_INTID));
  while (f->calls < count) {
    u64 a[6];
    if (below(f, 32) == 0)
      grow(f);
    if (below(f, 48) == 0)
      shrink(f);
    u32 number = propose(f, a);
    attempt(f, number, a);
  }
}

/* The host reads what it has and nothing else; and the model says what that is. */
static void probe(const struct fuzz *f) {
  char map[GRANULES + 1];
  u32 bad = 0;
  for (u32 i = 0; i < GRANULES; i++) {
    bool reads = probe_read(at(f, i)) == 0;
    bad += reads != (f->state[i] == UNDELEGATED);
    map[i] = letters[f->state[i]];
  }
  map[GRANULES] = 0;
  check("the host reads its own granules, and no other", bad, 0);
  check("no call did what it must not", f->wrong, 0);
  printf("GRANULES: %lx %s\n", f->base, map);
  printf("CALLS: %lu, of which %lu succeeded, %lu into realms\n", f->calls, f->successes, f->entries);
}

void test_fuzz(u64 seed, u64 count) {
  u32 all = cores();
  printf("Fuzzing: seed %lu, %lu calls on each of %u cores\n", seed, count, all);
  for (u32 core = 0; core < all; core++) {
    struct fuzz *f = &fuzzers[core];
    f->base = FUZZ_BASE + core * GRANULES * 0x1000UL;
    f->random = (seed + 1) * 0x9e3779b97f4a7c15UL + core;
    memset(f->owner, NOBODY, sizeof f->owner);
    for (u32 i = 0; i < 4; i++)
      next(f);
  }
  for (u32 core = 1; core < all; core++)
    check("CPU_ON", core_start(core, fuzz, count), PSCI_SUCCESS);
  fuzz(count);
  for (u32 core = 1; core < all; core++)
    core_wait(core);
  for (u32 core = 0; core < all; core++)
    probe(&fuzzers[core]);
}
