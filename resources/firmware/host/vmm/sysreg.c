/* What normal virtual machines see of the ID registers: what the host saves and restores for them, no more. */
#include "sysreg.h"

#include "el2.h"

#define NIBBLE(n) (0xfUL << ((n) * 4))

static bool id_register(u32 name, u64 *value) {
  switch (name) {
  case SYSREG(3, 0, 0, 4, 0): { /* PFR0: EL0 and EL1 in AArch64, FP, AdvSIMD, GIC, DIT, CSV2 (at most 1), CSV3 */
    u64 pfr0 = read_sysreg(id_aa64pfr0_el1);
    u64 csv2 = FIELD(pfr0, 59, 56) ? 1 : 0;
    *value = (pfr0 & (NIBBLE(4) | NIBBLE(5) | NIBBLE(6) | NIBBLE(12) | NIBBLE(15))) | csv2 << 56 | 0x11;
    return true;
  }
  case SYSREG(3, 0, 0, 4, 1): /* PFR1: BT, SSBS */
    *value = read_sysreg(id_aa64pfr1_el1) & (NIBBLE(0) | NIBBLE(1));
    return true;
  case SYSREG(3, 0, 0, 5, 0): /* DFR0: the debug architecture with the least number of breakpoints */
    *value = 6 | 1UL << 12 | 1UL << 20;
    return true;
  case SYSREG(3, 0, 0, 6, 0):
    *value = read_sysreg(id_aa64isar0_el1) & ~NIBBLE(6);
    return true;
  case SYSREG(3, 0, 0, 6, 1): /* ISAR1 without LS64 */
    *value = read_sysreg(id_aa64isar1_el1) & ~NIBBLE(15);
    return true;
  case SYSREG(3, 0, 0, 6, 2): /* ISAR2: WFxT, RPRES, GPA3, APA3, MOPS, BC */
    *value = read_sysreg(SYS_ID_AA64ISAR2_EL1) & 0xffffffUL;
    return true;
  case SYSREG(3, 0, 0, 7, 0): /* MMFR0 without FGT; ECV without an offset */
    *value = read_sysreg(id_aa64mmfr0_el1) & ~(NIBBLE(14) | NIBBLE(15));
    return true;
  case SYSREG(3, 0, 0, 7, 1): /* MMFR1: HAFDBS, VMIDBits, HPDS, PAN, ETS, AFP */
    *value = read_sysreg(id_aa64mmfr1_el1) & (NIBBLE(0) | NIBBLE(1) | NIBBLE(3) | NIBBLE(5) | NIBBLE(9) | NIBBLE(11));
    return true;
  case SYSREG(3, 0, 0, 7, 2): /* MMFR2 without NV, EVT */
    *value = read_sysreg(id_aa64mmfr2_el1) & ~(NIBBLE(6) | NIBBLE(14));
    return true;
  }
  /* All others of the space op0 3, op1 0, CRn 0, CRm 1 - 7. */
  if ((name & ~SYSREG(0, 0, 0, 7, 7)) == SYSREG(3, 0, 0, 0, 0)) {
    *value = 0;
    return true;
  }
  return false;
}

bool guest_sysreg(u32 name, bool read, u64 *value) {
  if (read && id_register(name, value))
    return true;
  switch (name) {
  case SYSREG(3, 0, 1, 0, 1):   /* ACTLR_EL1 */
  case SYSREG(2, 0, 1, 0, 4):   /* OSLAR_EL1 */
  case SYSREG(2, 0, 1, 3, 4):   /* OSDLR_EL1 */
  case SYSREG(3, 0, 12, 11, 7): /* ICC_SGI0R_EL1 */
  case SYSREG(3, 0, 12, 11, 6): /* ICC_ASGI1R_EL1 */
    *value = 0;
    return true;
  }
  /* Performance monitors: there are none, and PMUSERENR and others that kernels clear blindly are ignored. */
  if ((name & ~SYSREG(0, 3, 0, 15, 7)) == SYSREG(3, 0, 9, 0, 0)) {
    *value = 0;
    return true;
  }
  return false;
}
