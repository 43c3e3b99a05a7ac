/* System registers a realm may not reach directly. */
#include "rmm.h"

/* Fields of an ID register that a realm sees as the core reports them; all others read as 0. */
#define NIBBLE(n) (0xfUL << ((n) * 4))

static u64 keep(u64 value, u64 fields) {
  return value & fields;
}

/* At most limit in the 4-bit field n. */
static u64 cap(u64 value, u32 n, u64 limit) {
  u64 field = value >> (n * 4) & 0xf;
  return (value & ~NIBBLE(n)) | MIN(field, limit) << (n * 4);
}

static u64 id_register(const struct rd *rd, u32 register_) {
  switch (register_) {
  /* EL0 and EL1 are AArch64 only; FP, AdvSIMD, GIC, DIT, CSV2 without context numbers, CSV3. */
  case SYSREG(3, 0, 0, 4, 0): {
    u64 value = keep(read_sysreg(id_aa64pfr0_el1), NIBBLE(4) | NIBBLE(5) | NIBBLE(6) | NIBBLE(12) | NIBBLE(14) | NIBBLE(15));
    return cap(value, 14, 1) | 0x11;
  }
  /* BT, SSBS. */
  case SYSREG(3, 0, 0, 4, 1):
    return keep(read_sysreg(id_aa64pfr1_el1), NIBBLE(0) | NIBBLE(1));
  /* Debug architecture, breakpoints and watchpoints as the realm was made with. */
  case SYSREG(3, 0, 0, 5, 0): {
    u64 value = keep(read_sysreg(id_aa64dfr0_el1), NIBBLE(0) | NIBBLE(7));
    return cap(value, 7, rd->num_bps) | (u64)rd->num_bps << 12 | (u64)rd->num_wps << 20;
  }
  case SYSREG(3, 0, 0, 6, 0):
    return read_sysreg(id_aa64isar0_el1) & ~NIBBLE(6);
  case SYSREG(3, 0, 0, 6, 1):
    return read_sysreg(id_aa64isar1_el1) & ~NIBBLE(15);
  /* MOPS, RPRES, WFxT, pointer authentication, BC, CSSC. */
  case SYSREG(3, 0, 0, 6, 2):
    return keep(read_sysreg(SYS_ID_AA64ISAR2_EL1), NIBBLE(0) | NIBBLE(1) | NIBBLE(2) | NIBBLE(3) | NIBBLE(4) | NIBBLE(5) | NIBBLE(6) | NIBBLE(13));
  /* No fine-grained traps; counters without offset. */
  case SYSREG(3, 0, 0, 7, 0):
    return cap(read_sysreg(id_aa64mmfr0_el1) & ~NIBBLE(14), 15, 1);
  /* HAFDBS, VMIDBits, HPDS, PAN, ETS, AFP, nTLBPA. */
  case SYSREG(3, 0, 0, 7, 1):
    return keep(read_sysreg(id_aa64mmfr1_el1), NIBBLE(0) | NIBBLE(3) | NIBBLE(5) | NIBBLE(9) | NIBBLE(11) | NIBBLE(12));
  /* CnP, UAO, IESB, VARange, CCIDX, ST, AT, IDS, TTL, BBM, E0PD. */
  case SYSREG(3, 0, 0, 7, 2):
    return read_sysreg(id_aa64mmfr2_el1) & ~(NIBBLE(6) | NIBBLE(10) | NIBBLE(14));
  default:
    return 0;
  }
}

static bool is_id_register(u32 register_) {
  return (register_ & ~SYSREG(0, 0, 0, 7, 7)) == SYSREG(3, 0, 0, 0, 0) && FIELD(register_, 4, 1) != 0;
}

/* ICC_SGI0R, ICC_SGI1R, ICC_ASGI1R, ICC_DIR: the host emulates them. */
static bool is_host_gic_register(u32 register_) {
  return register_ == SYSREG(3, 0, 12, 11, 7) || register_ == SYSREG(3, 0, 12, 11, 5) ||
         register_ == SYSREG(3, 0, 12, 11, 6) || register_ == SYSREG(3, 0, 12, 11, 1);
}

/* Registers that read as 0 and ignore writes: ACTLR, identification of the implementation, OS lock, set/way operations. */
static bool is_ignored(u32 register_) {
  switch (register_) {
  case SYSREG(3, 0, 1, 0, 1): /* ACTLR_EL1 */
  case SYSREG(3, 0, 0, 0, 6): /* REVIDR_EL1 */
  case SYSREG(3, 1, 0, 0, 7): /* AIDR_EL1 */
  case SYSREG(3, 1, 0, 0, 6): /* SMIDR_EL1 */
  case SYSREG(2, 0, 1, 0, 4): /* OSLAR_EL1 */
  case SYSREG(2, 0, 1, 3, 4): /* OSDLR_EL1 */
  case SYSREG(2, 0, 1, 4, 4): /* DBGPRCR_EL1 */
  case SYSREG(1, 0, 7, 6, 2): /* DC ISW */
  case SYSREG(1, 0, 7, 10, 2): /* DC CSW */
  case SYSREG(1, 0, 7, 14, 2): /* DC CISW */
    return true;
  default:
    return false;
  }
}

/* The debug registers proper: op0 2, op1 0. */
static bool is_debug(u32 register_) {
  return FIELD(register_, 21, 20) == 2 && FIELD(register_, 16, 14) == 0;
}

enum after_exit realm_sysreg(struct rec *rec, struct rmi_rec_exit *exit, u64 esr) {
  u32 register_ = SYSREG_OF_ISS(esr);
  u64 rt = SYSREG_RT(esr);
  bool read = esr & SYSREG_READ;
  u64 value = rt == 31 ? 0 : rec->x[rt];

  if (is_host_gic_register(register_)) {
    exit->reason = RMI_EXIT_SYNC;
    exit->esr = esr;
    exit->gprs[0] = read ? 0 : value;
    rec->exit_is_sysreg_read = read;
    rec->exit_esr = esr;
    rec->pc += 4;
    return RETURN_TO_HOST;
  }
  u64 result = 0;
  if (is_id_register(register_) && read)
    result = id_register(rd_at(rec->rd), register_);
  else if (register_ == SYSREG(2, 0, 1, 1, 4) && read) /* OSLSR_EL1: OS lock implemented, unlocked. */
    result = BIT(3);
  else if (is_ignored(register_))
    result = 0;
  else if (is_debug(register_) && (read_sysreg(mdcr_el2) & BIT(9))) {
    /* The first use in this entry: the access is made again with the realm's registers in place. */
    debug_use(rec);
    return RESUME_REALM;
  } else {
    inject_undef(rec);
    return RESUME_REALM;
  }
  if (read && rt != 31)
    rec->x[rt] = result;
  rec->pc += 4;
  return RESUME_REALM;
}
