/* Calls of RMI made up at random, so that many of them succeed and none is out of the question. */
#include "fuzz.h"

u64 fuzz_next(struct fuzz *f) {
  /* xorshift64 */
  f->random ^= f->random << 13;
  f->random ^= f->random >> 7;
  f->random ^= f->random << 17;
  return f->random;
}
u64 fuzz_below(struct fuzz *f, u64 limit) {
  return (fuzz_next(f) >> 11) % limit;
}

/* What no call may take for a granule of the host's. */
static u64 junk(struct fuzz *f) {
  static const u64 values[] = {0, 8, ~0UL, 1UL << 63, UART0, RMM_MEMORY, 0x0e000000, 0x4000000000, 0x800, ~0xfffUL};
  u64 value = values[fuzz_below(f, ARRAY_SIZE(values))];
  return fuzz_below(f, 4) ? value : value ^ (1UL << fuzz_below(f, 3));
}

/* Mostly a granule that is in the state. */
u64 fuzz_pick(struct fuzz *f, enum fuzz_state state) {
  u64 luck = fuzz_below(f, 32);
  if (luck == 0)
    return junk(f);
  u32 start = (u32)fuzz_below(f, GRANULES);
  if (luck > 2)
    for (u32 i = 0; i < GRANULES; i++)
      if (f->state[(start + i) % GRANULES] == state)
        return fuzz_at(f, (start + i) % GRANULES);
  return fuzz_at(f, start) + (luck == 1 ? 8 : 0);
}

static u64 ipa(struct fuzz *f) {
  static const u64 bases[] = {REALM_BASE, 0, REALM_UNPROTECTED, 0x40000000, 1UL << REALM_IPA_BITS};
  u64 luck = fuzz_below(f, 16);
  u64 base = luck < 10 ? REALM_BASE : bases[fuzz_below(f, ARRAY_SIZE(bases))];
  if (luck == 15)
    return junk(f);
  return base + (fuzz_below(f, 4) ? 0 : 0x200000) + (fuzz_below(f, 2) ? 0 : fuzz_below(f, 8) * 0x1000) + (fuzz_below(f, 32) ? 0 : 8);
}
static u64 level(struct fuzz *f) {
  return fuzz_below(f, 16) ? 1 + fuzz_below(f, 3) : fuzz_below(f, 2) ? junk(f) : 4;
}
static u64 page(struct fuzz *f, const void *own) {
  return fuzz_below(f, 32) ? (u64)own : fuzz_below(f, 2) ? fuzz_pick(f, DELEGATED) : junk(f);
}

/* Changes a valid structure here and there. */
static void spoil(struct fuzz *f) {
  if (fuzz_below(f, 8) == 0)
    for (u64 n = fuzz_below(f, 4); n; n--)
      *(u64 *)(void *)(f->params + fuzz_below(f, 512) * 8) = fuzz_next(f) >> fuzz_below(f, 64);
}

void fuzz_realm(struct fuzz *f) {
  struct rmi_realm_params *p = (struct rmi_realm_params *)(void *)f->params;
  memset(p, 0, sizeof *p);
  p->s2sz = REALM_IPA_BITS;
  p->rtt_level_start = 1;
  p->rtt_num_start = 1;
  p->hash_algo = fuzz_below(f, 3) ? RMI_HASH_SHA256 : RMI_HASH_SHA512;
  p->rtt_base = fuzz_pick(f, DELEGATED);
  p->vmid = (u16)(1 + core_index() * 60 + fuzz_below(f, 60));
  p->mecid = has_mec() ? (s64)(core_index() * 60 + fuzz_below(f, 60)) : 0;
  spoil(f);
}

void fuzz_rec(struct fuzz *f) {
  struct rmi_rec_params *p = (struct rmi_rec_params *)(void *)f->params;
  memset(p, 0, sizeof *p);
  p->flags = fuzz_below(f, 4) ? RMI_REC_FLAG_RUNNABLE : 0;
  p->mpidr = fuzz_below(f, 3);
  p->pc = ipa(f);
  p->gprs[0] = RSI_FID(fuzz_below(f, 16));
  p->num_aux = 1;
  p->aux[0] = fuzz_pick(f, DELEGATED);
  spoil(f);
}

#define MOVZ(register, value, half) (0xd2800000U | (u32)(half) << 21 | (u32)(value) << 5 | (u32)(register))
#define MOVK(register, value, half) (0xf2800000U | (u32)(half) << 21 | (u32)(value) << 5 | (u32)(register))
#define SMC 0xd4000003U

/* Code for realms: calls of RSI and PSCI with arguments that may do, and now and then a word of any kind. */
void fuzz_code(struct fuzz *f) {
  u32 *words = (u32 *)(void *)f->source;
  for (u32 i = 0; i < 1024; i += 4) {
    bool psci = fuzz_below(f, 4) == 0;
    words[i] = MOVZ(0, psci ? fuzz_below(f, 16) : 0x190 + fuzz_below(f, 12), 0);
    words[i + 1] = MOVK(0, psci && fuzz_below(f, 2) ? 0x8400 : 0xc400, 1);
    words[i + 2] = fuzz_below(f, 2) ? MOVZ(1 + fuzz_below(f, 4), 0x8000 + fuzz_below(f, 3), 1) : MOVZ(1 + fuzz_below(f, 10), fuzz_below(f, 65536), fuzz_below(f, 4));
    words[i + 3] = fuzz_below(f, 4) ? SMC : (u32)fuzz_next(f);
  }
}

void fuzz_entry(struct fuzz *f) {
  memset(&f->run.enter, 0, sizeof f->run.enter);
  f->run.enter.flags = fuzz_below(f, 4) ? REC_ENTRY_TRAP_WFI | REC_ENTRY_TRAP_WFE : fuzz_next(f) >> 58 | REC_ENTRY_TRAP_WFI | REC_ENTRY_TRAP_WFE;
  for (u32 i = 0; i < REC_GPRS; i++)
    f->run.enter.gprs[i] = fuzz_next(f);
  if (fuzz_below(f, 8) == 0)
    f->run.enter.gicv3_lrs[fuzz_below(f, 16)] = fuzz_next(f);
  if (fuzz_below(f, 16) == 0)
    f->run.enter.gicv3_hcr = fuzz_next(f) >> fuzz_below(f, 64);
}

/* Arguments that a call may well take. */
u32 fuzz_propose(struct fuzz *f, u64 *a) {
  static const struct {
    u8 number;
    u8 weight;
  } usual[] = {
    {RMI_GRANULE_DELEGATE, 6}, {RMI_REALM_CREATE, 3}, {RMI_RTT_CREATE, 8},     {RMI_RTT_INIT_RIPAS, 4}, {RMI_DATA_CREATE, 8},
    {RMI_DATA_CREATE_UNKNOWN, 2}, {RMI_REC_CREATE, 6}, {RMI_REALM_ACTIVATE, 1}, {RMI_REC_ENTER, 12},     {RMI_RTT_SET_RIPAS, 2},
    {RMI_PSCI_COMPLETE, 2},
  };
  enum { WEIGHTS = 54 };
  u32 number = (u32)fuzz_below(f, 0x40);
  if (fuzz_below(f, 8) > 1) {
    u32 luck = (u32)fuzz_below(f, WEIGHTS);
    u32 i = 0;
    for (; luck >= usual[i].weight; i++)
      luck -= usual[i].weight;
    number = usual[i].number;
  }
  for (u32 i = 1; i < 6; i++)
    a[i] = fuzz_below(f, 2) ? junk(f) : ipa(f);
  switch (number) {
  case RMI_GRANULE_DELEGATE:
    a[1] = fuzz_pick(f, UNDELEGATED);
    break;
  case RMI_GRANULE_UNDELEGATE:
    a[1] = fuzz_pick(f, DELEGATED);
    break;
  case RMI_REALM_CREATE:
    fuzz_realm(f);
    a[1] = fuzz_pick(f, DELEGATED);
    a[2] = page(f, f->params);
    break;
  case RMI_REC_CREATE:
    fuzz_rec(f);
    a[1] = fuzz_pick(f, RD);
    a[2] = fuzz_pick(f, DELEGATED);
    a[3] = page(f, f->params);
    break;
  case RMI_REC_ENTER:
    a[1] = fuzz_pick(f, REC);
    a[2] = page(f, &f->run);
    fuzz_entry(f);
    break;
  case RMI_REC_DESTROY:
    a[1] = fuzz_pick(f, REC);
    break;
  case RMI_PSCI_COMPLETE:
    a[1] = fuzz_pick(f, REC);
    a[2] = fuzz_pick(f, REC);
    a[3] = fuzz_below(f, 2) ? 0 : PSCI_DENIED;
    break;
  case RMI_RTT_SET_RIPAS:
    a[1] = fuzz_pick(f, RD);
    a[2] = fuzz_pick(f, REC);
    a[3] = f->run.exit.ripas_base;
    a[4] = f->run.exit.ripas_top;
    break;
  case RMI_RTT_INIT_RIPAS:
    a[1] = fuzz_pick(f, RD);
    a[2] = ipa(f);
    a[3] = a[2] + (fuzz_below(f, 2) ? 0x1000 : 0x200000);
    break;
  case RMI_DATA_CREATE:
    a[5] = fuzz_below(f, 8) ? fuzz_below(f, 2) : fuzz_next(f);
    fuzz_code(f);
    __attribute__((fallthrough));
  case RMI_DATA_CREATE_UNKNOWN:
    a[1] = fuzz_pick(f, RD);
    a[2] = fuzz_pick(f, DELEGATED);
    a[3] = ipa(f);
    a[4] = page(f, f->source);
    break;
  case RMI_RTT_CREATE:
    a[1] = fuzz_pick(f, RD);
    a[2] = fuzz_pick(f, DELEGATED);
    a[3] = ipa(f);
    a[4] = level(f);
    break;
  case RMI_DATA_DESTROY:
  case RMI_RTT_DESTROY:
  case RMI_RTT_FOLD:
  case RMI_RTT_READ_ENTRY:
  case RMI_RTT_UNMAP_UNPROTECTED:
  case RMI_RTT_MAP_UNPROTECTED:
    a[1] = fuzz_pick(f, RD);
    a[2] = ipa(f);
    a[3] = level(f);
    a[4] = fuzz_below(f, 4) ? DESCRIPTOR(f->source) : fuzz_next(f);
    break;
  case RMI_REALM_ACTIVATE:
  case RMI_REALM_DESTROY:
  case RMI_REC_AUX_COUNT:
    a[1] = fuzz_pick(f, RD);
    break;
  case RMI_MEC_SET_PRIVATE:
  case RMI_MEC_SET_SHARED:
    a[1] = fuzz_below(f, 20);
    break;
  default:
    break;
  }
  return number;
}
