/*
 * Memory encryption contexts. MECID registers hold internal numbers: 0 is RMM's own, 1 the scrub context; what a host
 * names starts behind them, so that the host's 0, which an RMI 1.0 host always gives, is the shared context at start.
 */
#include "rmm.h"

enum { MECID_RMM, MECID_SCRUB, MECIDS_RESERVED };
#define MAX_MECIDS 65536
#define NO_SHARED MAX_MECIDS
#define SCTLR2_EMEC BIT(1)
#define SCR_MECEN BIT(49)
#define SELECT_SCR_EL3 0x1e1100

static spinlock lock;
static u64 taken[MAX_MECIDS / 64];
static u32 shared_mecid = MECIDS_RESERVED;
static u64 shared_members;
static bool present;
static bool asked;

static bool is_taken(u32 mecid) {
  return taken[mecid / 64] >> (mecid % 64) & 1;
}
static void set_taken(u32 mecid, bool value) {
  u64 bit = 1UL << (mecid % 64);
  taken[mecid / 64] = value ? taken[mecid / 64] | bit : taken[mecid / 64] & ~bit;
}

/* EL3 gives the context a new key: bit 0 says whether it was created or destroyed. */
static void refresh(u32 mecid, bool destroyed) {
  smc1(RMM_MEC_REFRESH, (u64)mecid << 32 | (destroyed ? 1 : 0));
}

bool mec_present(void) {
  if (!asked) {
    struct smc_result result;
    present = has_mec() && has_sctlr2() && has_tcr2();
    /* An EL3 that does not enable the registers hides the feature. */
    if (present && smc(SMCCC_ARCH_FEATURE_AVAILABILITY_64, SELECT_SCR_EL3, 0, 0, 0, 0, 0, 0, &result) == 0)
      present = result.x[1] & SCR_MECEN;
    asked = true;
  }
  return present;
}

static u32 mecids(void) {
  return 1U << (FIELD(read_sysreg(SYS_MECIDR_EL2), 3, 0) + 1);
}

u64 mec_max(void) {
  return mec_present() ? mecids() - MECIDS_RESERVED - 1 : 0;
}

void mec_init_cpu(void) {
  printf("RMM_MEM_SCRUB_METHOD 2 is selected.\n");
  if (!mec_present()) {
    printf("RMM_MEM_SCRUB_METHOD=2 is set but FEAT_MEC is not present.\n");
    return;
  }
  write_sysreg(SYS_MECID_P0_EL2, MECID_RMM);
  write_sysreg(SYS_MECID_A0_EL2, MECID_RMM);
  write_sysreg(SYS_MECID_P1_EL2, MECID_RMM);
  write_sysreg(SYS_MECID_A1_EL2, MECID_RMM);
  write_sysreg(SYS_VMECID_P_EL2, MECID_RMM);
  write_sysreg(SYS_VMECID_A_EL2, MECID_RMM);
  isb();
  write_sysreg(SYS_SCTLR2_EL2, read_sysreg(SYS_SCTLR2_EL2) | SCTLR2_EMEC);
  isb();
  this_cpu()->mecid = MECID_RMM;
  if (!is_taken(MECID_SCRUB)) {
    set_taken(MECID_SCRUB, true);
    set_taken(shared_mecid, true);
    refresh(MECID_SCRUB, false);
    refresh(shared_mecid, false);
  }
}

static bool to_internal(u64 mecid, u32 *internal) {
  if (!mec_present() || mecid > mec_max())
    return false;
  *internal = (u32)mecid + MECIDS_RESERVED;
  return true;
}

bool mec_set_shared(u64 mecid) {
  u32 internal;
  if (!to_internal(mecid, &internal))
    return false;
  spin_lock(&lock);
  bool done = shared_mecid == NO_SHARED && !is_taken(internal);
  if (done) {
    set_taken(internal, true);
    shared_mecid = internal;
    shared_members = 0;
    refresh(internal, false);
  }
  spin_unlock(&lock);
  return done;
}

bool mec_set_private(u64 mecid) {
  u32 internal;
  if (!to_internal(mecid, &internal))
    return false;
  spin_lock(&lock);
  bool done = shared_mecid == internal && shared_members == 0;
  if (done) {
    refresh(internal, true);
    set_taken(internal, false);
    shared_mecid = NO_SHARED;
  }
  spin_unlock(&lock);
  return done;
}

bool mec_take(u64 mecid, u32 *internal) {
  if (!mec_present()) {
    *internal = MECID_RMM;
    return mecid == 0;
  }
  if (!to_internal(mecid, internal))
    return false;
  spin_lock(&lock);
  bool done = true;
  if (*internal == shared_mecid)
    shared_members++;
  else if (is_taken(*internal))
    done = false;
  else {
    set_taken(*internal, true);
    refresh(*internal, false);
  }
  spin_unlock(&lock);
  return done;
}

void mec_give(u32 internal) {
  if (!mec_present())
    return;
  spin_lock(&lock);
  if (internal == shared_mecid)
    shared_members--;
  else {
    refresh(internal, true);
    set_taken(internal, false);
  }
  spin_unlock(&lock);
}

static void select(u32 internal) {
  struct cpu *cpu = this_cpu();
  if (cpu->mecid == internal)
    return;
  write_sysreg(SYS_MECID_A0_EL2, internal);
  isb();
  cpu->mecid = internal;
}

void *mec_map(u32 internal, u64 pa) {
  if (!mec_present())
    return (void *)pa;
  select(internal);
  return (void *)(pa + ALIAS_MEC);
}

void mec_leave(void) {
  if (mec_present())
    select(MECID_RMM);
}

/* DC CIPAE: operand as for the PA space Realm, NS in bit 63 and NSE in bit 62. */
void mec_clean(u64 pa) {
  if (!mec_present())
    return;
  FOR_EACH_LINE(address, pa, GRANULE_SIZE)
  __asm__ volatile("sys #4, c7, c14, #0, %0" : : "r"(address | 3UL << 62) : "memory");
  dsb(ish);
}

void mec_scrub(u64 pa) {
  zero_granule(mec_map(MECID_SCRUB, pa));
  mec_clean(pa);
}
