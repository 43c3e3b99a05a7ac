/* The run: calls one after the other, realms that grow and shrink, and at the end what is left. */
#include "fuzz.h"

#define FUZZ_BASE 0x58000000UL
static const char letters[STATES] = {'.', 'd', 'R', 'e', 'x', 'p', 't'};
static struct fuzz fuzzers[MAX_CORES] __attribute__((aligned(4096)));

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
    fuzz_learn(f, number, a);
  } else if (status != SMC_NOT_SUPPORTED && (RMI_STATUS(status) > RMI_ERROR_RTT || status >> 16))
    fuzz_wrong(f, number, a, "a status that is none");
  return status;
}

/* A realm that runs: by luck alone there are few of them. */
static void grow(struct fuzz *f) {
  u64 rd = fuzz_pick(f, DELEGATED);
  fuzz_realm(f);
  if (attempt(f, RMI_REALM_CREATE, (u64[6]){0, rd, (u64)f->params}))
    return;
  for (u64 level = 2; level <= 3; level++)
    attempt(f, RMI_RTT_CREATE, (u64[6]){0, rd, fuzz_pick(f, DELEGATED), REALM_BASE, level});
  attempt(f, RMI_RTT_INIT_RIPAS, (u64[6]){0, rd, REALM_BASE, REALM_BASE + 0x3000});
  for (u64 page = 0; page < 2; page++) {
    fuzz_code(f);
    attempt(f, RMI_DATA_CREATE, (u64[6]){0, rd, fuzz_pick(f, DELEGATED), REALM_BASE + page * 0x1000, (u64)f->source, page});
  }
  u64 first = 0;
  for (u64 rec = 0; rec < 2; rec++) {
    fuzz_rec(f);
    ((struct rmi_rec_params *)(void *)f->params)->mpidr = rec;
    ((struct rmi_rec_params *)(void *)f->params)->pc = REALM_BASE + fuzz_below(f, 256) * 16;
    u64 granule = fuzz_pick(f, DELEGATED);
    first = first ? first : granule;
    attempt(f, RMI_REC_CREATE, (u64[6]){0, rd, granule, (u64)f->params});
  }
  attempt(f, RMI_REALM_ACTIVATE, (u64[6]){0, rd});
  for (u64 entries = fuzz_below(f, 16); entries; entries--) {
    fuzz_entry(f);
    attempt(f, RMI_REC_ENTER, (u64[6]){0, first, (u64)&f->run});
  }
}

/* Takes a realm apart, as far as it goes. */
static void shrink(struct fuzz *f) {
  static const u64 bases[] = {REALM_BASE, 0, 0x40000000, REALM_UNPROTECTED};
  u64 rd = fuzz_pick(f, RD);
  u32 realm = fuzz_index(f, rd);
  for (u32 i = 0; i < GRANULES; i++)
    if (f->state[i] == REC && f->owner[i] == realm)
      attempt(f, RMI_REC_DESTROY, (u64[6]){0, fuzz_at(f, i)});
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
    if (fuzz_below(f, 32) == 0)
      grow(f);
    if (fuzz_below(f, 48) == 0)
      shrink(f);
    u32 number = fuzz_propose(f, a);
    attempt(f, number, a);
  }
}

/* The host reads what it has and nothing else; and the model says what that is. */
static void probe(const struct fuzz *f) {
  char map[GRANULES + 1];
  u32 bad = 0;
  for (u32 i = 0; i < GRANULES; i++) {
    bool reads = probe_read(fuzz_at(f, i)) == 0;
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
      fuzz_next(f);
  }
  for (u32 core = 1; core < all; core++)
    check("CPU_ON", core_start(core, fuzz, count), PSCI_SUCCESS);
  fuzz(count);
  for (u32 core = 1; core < all; core++)
    core_wait(core);
  for (u32 core = 0; core < all; core++)
    probe(&fuzzers[core]);
}
