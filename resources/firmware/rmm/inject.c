/* Exceptions RMM gives to the realm on the core: entry to EL1 as the architecture makes it (Arm ARM D1.3). */
#include "rmm.h"

#define EC_UNKNOWN 0UL
#define ISS_EA BIT(9)

#define PSTATE_MODE 0x1fUL
#define PSTATE_EL0T 0x00UL
#define PSTATE_EL1T 0x04UL
#define PSTATE_EL1H 0x05UL
#define PSTATE_DAIF 0x3c0UL
#define PSTATE_PAN BIT(22)
#define PSTATE_SSBS BIT(12)
#define PSTATE_NZCV_DIT (0xfUL << 28 | BIT(24))
#define SCTLR_SPAN BIT(23)
#define SCTLR_DSSBS BIT(44)

static void enter_el1(struct rec *rec, u64 esr) {
  u64 mode = rec->pstate & PSTATE_MODE;
  u64 vector = mode == PSTATE_EL1T ? 0x000 : mode == PSTATE_EL1H ? 0x200 : 0x400;
  u64 sctlr = read_sysreg(sctlr_el1);
  write_sysreg(esr_el1, esr);
  write_sysreg(elr_el1, rec->pc);
  write_sysreg(spsr_el1, rec->pstate);
  u64 pstate = (rec->pstate & PSTATE_NZCV_DIT) | PSTATE_DAIF | PSTATE_EL1H;
  if (!(sctlr & SCTLR_SPAN) || (rec->pstate & PSTATE_PAN))
    pstate |= PSTATE_PAN;
  if (sctlr & SCTLR_DSSBS)
    pstate |= PSTATE_SSBS;
  rec->pstate = pstate;
  rec->pc = read_sysreg(vbar_el1) + vector;
}

void inject_undef(struct rec *rec) {
  enter_el1(rec, EC_UNKNOWN << 26 | ESR_IL);
}

void inject_abort(struct rec *rec, bool instruction, u64 far, u64 fsc) {
  bool from_el0 = (rec->pstate & PSTATE_MODE) == PSTATE_EL0T;
  /* An abort from EL1 itself has the next higher class. */
  u64 class = (instruction ? EC_INSTRUCTION_ABORT : EC_DATA_ABORT) + !from_el0;
  write_sysreg(far_el1, far);
  enter_el1(rec, class << 26 | ESR_IL | ISS_EA | fsc);
}
