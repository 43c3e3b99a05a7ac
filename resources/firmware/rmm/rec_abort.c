/* Aborts of a realm: whose they are, what the host learns of them, and how it answers. */
#include "rmm.h"

/* What the host may know of an abort: its class and fault status; of one it can emulate also the access. */
#define ESR_ABORT_BASIC (0x3fUL << 26 | BIT(25) | 0x3fUL)
#define ESR_ABORT_EMULATABLE (ESR_ABORT_BASIC | ISS_ISV | 3UL << 22 | ISS_SSE | ISS_SF | ISS_WNR)
#define FSC_GPF 0x28
#define FSC_LEVEL_MASK 0x3cUL
#define FSC_TRANSLATION 0x04UL
#define FSC_ACCESS 0x08UL
#define FSC_PERMISSION 0x0cUL

/*
 * The IPA of a virtual address by the realm's own stage 1: a granule protection fault on the final output of an access
 * leaves HPFAR_EL2 as it was. PAR_EL1 is the realm's.
 */
static bool translate(u64 va, u64 *ipa) {
  u64 kept = read_sysreg(par_el1);
  __asm__ volatile("at s1e1r, %0" : : "r"(va));
  isb();
  u64 par = read_sysreg(par_el1);
  write_sysreg(par_el1, kept);
  *ipa = FIELD(par, 51, 12) << 12 | (va & 0xfff);
  return !(par & 1);
}

static enum after_exit abort_exit(struct rec *rec, struct rmi_rec_exit *exit, u64 esr, u64 ipa) {
  const struct rd *rd = rd_at(rec->rd);
  bool data = ESR_EC(esr) == EC_DATA_ABORT;
  bool emulatable = data && !ipa_is_protected(rd, ipa) && (esr & ISS_ISV) && ISS_FSC(esr) != FSC_GPF;
  exit->reason = RMI_EXIT_SYNC;
  exit->esr = esr & (emulatable ? ESR_ABORT_EMULATABLE : ESR_ABORT_BASIC);
  exit->hpfar = ipa >> 12 << 4;
  if (emulatable) {
    exit->far = read_sysreg(far_el2) & 0xfff;
    if ((esr & ISS_WNR) && ISS_SRT(esr) != 31)
      exit->gprs[0] = emulated_store(esr, rec->x[ISS_SRT(esr)]);
  }
  rec->exit_is_abort = true;
  rec->exit_esr = emulatable ? esr : esr & ~ISS_ISV;
  rec->exit_far = read_sysreg(far_el2);
  rec->exit_ipa = ipa;
  return RETURN_TO_HOST;
}

enum after_exit realm_abort(struct rec *rec, struct rmi_rec_exit *exit, u64 esr) {
  bool instruction = ESR_EC(esr) == EC_INSTRUCTION_ABORT;
  u64 fsc = ISS_FSC(esr);
  u64 kind = fsc & FSC_LEVEL_MASK;
  u64 far = read_sysreg(far_el2);
  /* The final output of a mapping of host memory was not the host's any more: the host may know. */
  if (fsc == FSC_GPF) {
    u64 ipa;
    if (translate(far, &ipa))
      return abort_exit(rec, exit, esr, ipa);
    inject_abort(rec, instruction, far, FSC_SEA);
    return RESUME_REALM;
  }
  if (kind != FSC_TRANSLATION && kind != FSC_ACCESS && kind != FSC_PERMISSION) {
    /* External aborts and the like are the realm's own. */
    inject_abort(rec, instruction, far, FSC_SEA);
    return RESUME_REALM;
  }
  u64 ipa = fault_ipa();
  struct rd *rd = rd_at(rec->rd);
  if (!ipa_in_range(rd, ipa)) {
    /* Beyond its address space: an address size fault of its own, stage 1, level 0. */
    inject_abort(rec, instruction, far, 0);
    return RESUME_REALM;
  }
  if (!ipa_is_protected(rd, ipa)) {
    if (!instruction)
      return abort_exit(rec, exit, esr, ipa);
    inject_abort(rec, true, far, FSC_SEA);
    return RESUME_REALM;
  }
  struct granule *lock = granule_lock(rec->rd, GRANULE_RD);
  u64 end;
  u32 ripas = rtt_ripas(rd, ALIGN_DOWN(ipa, GRANULE_SIZE), ALIGN_DOWN(ipa, GRANULE_SIZE) + GRANULE_SIZE, &end);
  granule_unlock(lock);
  if (ripas == RIPAS_EMPTY) {
    inject_abort(rec, instruction, far, FSC_SEA);
    return RESUME_REALM;
  }
  return abort_exit(rec, exit, esr, ipa);
}

bool abort_complete(struct rec *rec, const struct rmi_rec_enter *enter, bool *inject_sea) {
  u64 esr = rec->exit_esr;
  *inject_sea = false;
  if (enter->flags & REC_ENTRY_INJECT_SEA) {
    if (!rec->exit_is_abort || ESR_EC(esr) != EC_DATA_ABORT || ipa_is_protected(rd_at(rec->rd), rec->exit_ipa))
      return false;
    *inject_sea = true;
    return true;
  }
  if (!(enter->flags & REC_ENTRY_EMUL_MMIO))
    return true;
  if (!rec->exit_is_abort || ESR_EC(esr) != EC_DATA_ABORT || !(esr & ISS_ISV))
    return false;
  u64 rt = ISS_SRT(esr);
  if (!(esr & ISS_WNR) && rt != 31)
    rec->x[rt] = emulated_load(esr, enter->gprs[0]);
  rec->pc += 4;
  return true;
}
