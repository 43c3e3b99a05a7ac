/*
 * State that is swapped only for realms that use it: SIMD registers and breakpoints. Until the first use in an entry
 * the registers are the host's and the access traps.
 */
#include "rmm.h"

void simd_save(struct simd_registers *to);
void simd_load(const struct simd_registers *from);
void sve_save(u8 *z, u8 *p);
void sve_load(const u8 *z, const u8 *p);

/* CPTR_EL2 with HCR_EL2.E2H == 0: RES1 bits, and traps of SIMD, SVE, SME, trace, AMU. */
#define CPTR_RES1 0x000002ffUL
#define CPTR_TZ BIT(8)
#define CPTR_TFP BIT(10)
#define CPTR_TSM BIT(12)
#define CPTR_TTA BIT(20)
#define CPTR_TAM BIT(30)
#define CPTR_REALM (CPTR_RES1 | CPTR_TZ | CPTR_TSM | CPTR_TTA | CPTR_TAM)
#define SVCR_SM BIT(0)

static void simd_untrapped(void) {
  write_sysreg(cptr_el2, CPTR_RES1 & ~CPTR_TZ);
  isb();
}

bool simd_enterable(void) {
  if (!has_sme())
    return true;
  simd_untrapped();
  return !(read_sysreg(SYS_SVCR) & SVCR_SM);
}

static bool simd_in_use(void) {
  return !(read_sysreg(cptr_el2) & CPTR_TFP);
}

void simd_start(void) {
  write_sysreg(cptr_el2, CPTR_REALM | CPTR_TFP);
}

/* With no traps: the host's registers at the full length its worlds may use. */
static void host_simd_save(struct cpu *cpu) {
  simd_untrapped();
  struct sve_registers *sve = &cpu->host.sve;
  if (!has_sve()) {
    simd_save(&cpu->host.simd);
    return;
  }
  sve->zcr_el2 = read_sysreg(SYS_ZCR_EL2);
  write_sysreg(SYS_ZCR_EL2, 0xf);
  isb();
  sve_save(sve->z, sve->p);
  sve->fpsr = read_sysreg(fpsr);
  sve->fpcr = read_sysreg(fpcr);
}

static void host_simd_load(struct cpu *cpu) {
  simd_untrapped();
  struct sve_registers *sve = &cpu->host.sve;
  if (!has_sve()) {
    simd_load(&cpu->host.simd);
    return;
  }
  sve_load(sve->z, sve->p);
  write_sysreg(fpsr, sve->fpsr);
  write_sysreg(fpcr, sve->fpcr);
  write_sysreg(SYS_ZCR_EL2, sve->zcr_el2);
}

void simd_use(struct rec *rec) {
  host_simd_save(this_cpu());
  simd_load(&rec->simd);
  write_sysreg(cptr_el2, CPTR_REALM);
}

void simd_stop(struct rec *rec) {
  if (!simd_in_use())
    return;
  simd_save(&rec->simd);
  host_simd_load(this_cpu());
}

#define MDSCR_MDE BIT(15)
/* Traps of all debug registers; of OS lock and PMU always. */
#define MDCR_TPMCR BIT(5)
#define MDCR_TPM BIT(6)
#define MDCR_TDA BIT(9)
#define MDCR_TDOSA BIT(10)
#define MDCR_TDRA BIT(11)
#define MDCR_TTRF BIT(19)
#define MDCR_TDCC BIT(27)
#define MDCR_REALM (MDCR_TPMCR | MDCR_TPM | MDCR_TDOSA | MDCR_TDRA | MDCR_TTRF | MDCR_TDCC)

/* HPMN stays: the counters are the host's. */
#define MDCR_HPMN 0x1fUL
static void debug_traps(u64 more) {
  write_sysreg(mdcr_el2, MDCR_REALM | more | (read_sysreg(mdcr_el2) & MDCR_HPMN));
}

/* Registers n, n - 1, … 0: an encoding is part of the instruction, so each has its own. */
#define EACH_REGISTER(X) X(15) X(14) X(13) X(12) X(11) X(10) X(9) X(8) X(7) X(6) X(5) X(4) X(3) X(2) X(1) X(0)

static void debug_save(struct debug_registers *to) {
  switch (hardware_breakpoints()) {
#define X(n) \
  case n: \
    to->bvr[n] = read_sysreg(dbgbvr##n##_el1); \
    to->bcr[n] = read_sysreg(dbgbcr##n##_el1); \
    __attribute__((fallthrough));
    EACH_REGISTER(X)
#undef X
  default:
    break;
  }
  switch (hardware_watchpoints()) {
#define X(n) \
  case n: \
    to->wvr[n] = read_sysreg(dbgwvr##n##_el1); \
    to->wcr[n] = read_sysreg(dbgwcr##n##_el1); \
    __attribute__((fallthrough));
    EACH_REGISTER(X)
#undef X
  default:
    break;
  }
}

static void debug_load(const struct debug_registers *from) {
  switch (hardware_breakpoints()) {
#define X(n) \
  case n: \
    write_sysreg(dbgbvr##n##_el1, from->bvr[n]); \
    write_sysreg(dbgbcr##n##_el1, from->bcr[n]); \
    __attribute__((fallthrough));
    EACH_REGISTER(X)
#undef X
  default:
    break;
  }
  switch (hardware_watchpoints()) {
#define X(n) \
  case n: \
    write_sysreg(dbgwvr##n##_el1, from->wvr[n]); \
    write_sysreg(dbgwcr##n##_el1, from->wcr[n]); \
    __attribute__((fallthrough));
    EACH_REGISTER(X)
#undef X
  default:
    break;
  }
}

void debug_use(struct rec *rec) {
  debug_save(&this_cpu()->host_debug);
  debug_load(&rec->debug);
  debug_traps(0);
  isb();
}

/* A realm that has monitor debug on may hit its breakpoints without touching a register. */
void debug_start(struct rec *rec) {
  if (rec->el1.mdscr_el1 & MDSCR_MDE)
    debug_use(rec);
  else
    debug_traps(MDCR_TDA);
}

void debug_stop(struct rec *rec) {
  if (read_sysreg(mdcr_el2) & MDCR_TDA)
    return;
  debug_save(&rec->debug);
  debug_load(&this_cpu()->host_debug);
}
