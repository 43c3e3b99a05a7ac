/* Entering a realm and leaving it. */
#include "rmm.h"

u64 realm_run(u64 *x);

/* HCR_EL2 while a realm runs (Arm ARM D24.2.53). */
#define HCR_VM BIT(0)
#define HCR_SWIO BIT(1)
#define HCR_PTW BIT(2)
#define HCR_FMO BIT(3)
#define HCR_IMO BIT(4)
#define HCR_AMO BIT(5)
#define HCR_FB BIT(9)
#define HCR_BSU_IS (1UL << 10)
#define HCR_TWI BIT(13)
#define HCR_TWE BIT(14)
#define HCR_TID1 BIT(16)
#define HCR_TID3 BIT(18)
#define HCR_TSC BIT(19)
#define HCR_TIDCP BIT(20)
#define HCR_TACR BIT(21)
#define HCR_TSW BIT(22)
#define HCR_RW BIT(31)
#define HCR_TLOR BIT(35)
#define HCR_TERR BIT(36)
#define HCR_TEA BIT(37)
#define HCR_APK BIT(40)
#define HCR_API BIT(41)
#define HCR_FWB BIT(46)
#define HCR_GPF BIT(48)
#define HCR_REALM \
  (HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TID1 | HCR_TID3 | HCR_TSC | \
   HCR_TIDCP | HCR_TACR | HCR_TSW | HCR_RW | HCR_TLOR | HCR_TERR | HCR_TEA | HCR_APK | HCR_API | HCR_FWB | HCR_GPF)
#define HCR_IDLE HCR_RW
/* HCRX_EL2: memory copy instructions work at EL1. */
#define HCRX_MSCEN BIT(11)

enum { EC_WFX = 0x01, EC_FP = 0x07, EC_HVC = 0x16, EC_SMC = 0x17, EC_SYSREG = 0x18, EC_SVE = 0x19, EC_SME = 0x1d, EC_INSTRUCTION_ABORT = 0x20, EC_DATA_ABORT = 0x24, EC_SOFTWARE_STEP = 0x32 };
enum { VECTOR_SYNC, VECTOR_IRQ, VECTOR_FIQ, VECTOR_SERROR };

#define ESR_EC(esr) FIELD(esr, 31, 26)
#define ISS_ISV BIT(24)
#define ISS_SAS(esr) FIELD(esr, 23, 22)
#define ISS_SSE BIT(21)
#define ISS_SRT(esr) FIELD(esr, 20, 16)
#define ISS_SF BIT(15)
#define ISS_WNR BIT(6)
#define ISS_FSC(esr) FIELD(esr, 5, 0)
/* What the host may know of an abort: its class and fault status; of one it can emulate also the access. */
#define ESR_ABORT_BASIC (0x3fUL << 26 | BIT(25) | 0x3fUL)
#define ESR_ABORT_EMULATABLE (ESR_ABORT_BASIC | ISS_ISV | 3UL << 22 | ISS_SSE | ISS_SF | ISS_WNR)
#define FSC_GPF 0x28
#define FSC_LEVEL_MASK 0x3cUL
#define FSC_TRANSLATION 0x04UL
#define FSC_ACCESS 0x08UL
#define FSC_PERMISSION 0x0cUL

static void host_el1_save(struct el1_registers *to, bool keys) {
#define X(name) to->name = read_sysreg(name);
  EL1_REGISTERS(X)
  if (keys) {
    KEY_REGISTERS(X)
  }
#undef X
}

static void el1_load(const struct el1_registers *from, bool keys) {
#define X(name) write_sysreg(name, from->name);
  EL1_REGISTERS(X)
  if (keys) {
    KEY_REGISTERS(X)
  }
#undef X
}

static void enter_world(struct rec *rec, const struct rmi_rec_enter *enter) {
  struct cpu *cpu = this_cpu();
  const struct rd *rd = rd_at(rec->rd);
  bool keys = has_pauth();
  host_el1_save(&cpu->host_el1, keys);
  el1_load(&rec->el1, keys);
  u64 hcr = HCR_REALM;
  if (enter->flags & REC_ENTRY_TRAP_WFI)
    hcr |= HCR_TWI;
  if (enter->flags & REC_ENTRY_TRAP_WFE)
    hcr |= HCR_TWE;
  write_sysreg(hcr_el2, hcr);
  if (has_hcx())
    write_sysreg(SYS_HCRX_EL2, FIELD(read_sysreg(SYS_ID_AA64ISAR2_EL1), 19, 16) ? HCRX_MSCEN : 0);
  write_sysreg(vtcr_el2, rd->vtcr);
  write_sysreg(vttbr_el2, rd->vttbr);
  write_sysreg(vpidr_el2, read_sysreg(midr_el1));
  write_sysreg(vmpidr_el2, FIELD(rec->mpidr, 23, 0) | FIELD(rec->mpidr, 31, 24) << 32 | BIT(31));
  write_sysreg(cntvoff_el2, 0);
  if (mec_present())
    write_sysreg(SYS_VMECID_P_EL2, rd->mecid);
  isb();
  gic_enter(rec, enter);
  simd_start();
  debug_start(rec);
}

static void leave_world(struct rec *rec, struct rmi_rec_exit *exit) {
  struct cpu *cpu = this_cpu();
  bool keys = has_pauth();
  debug_stop(rec);
  simd_stop(rec);
  gic_leave(rec, exit);
  timer_leave(rec, exit);
  host_el1_save(&rec->el1, keys);
  write_sysreg(hcr_el2, HCR_IDLE);
  if (mec_present())
    write_sysreg(SYS_VMECID_P_EL2, 0);
  el1_load(&cpu->host_el1, keys);
  isb();
}

/* The faulting IPA: HPFAR_EL2 holds bits [55:12], the virtual address the rest. */
static u64 fault_ipa(void) {
  return FIELD(read_sysreg(hpfar_el2), 47, 4) << 12 | (read_sysreg(far_el2) & 0xfff);
}

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
    if ((esr & ISS_WNR) && ISS_SRT(esr) != 31) {
      u64 bits = 8UL << ISS_SAS(esr);
      u64 value = rec->x[ISS_SRT(esr)];
      exit->gprs[0] = bits == 64 ? value : value & ((1UL << bits) - 1);
    }
  }
  rec->exit_is_abort = true;
  rec->exit_esr = emulatable ? esr : esr & ~ISS_ISV;
  rec->exit_far = read_sysreg(far_el2);
  rec->exit_ipa = ipa;
  return RETURN_TO_HOST;
}

static enum after_exit handle_abort(struct rec *rec, struct rmi_rec_exit *exit, u64 esr) {
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

static enum after_exit handle_sync(struct rec *rec, struct rmi_rec_exit *exit) {
  u64 esr = read_sysreg(esr_el2);
  switch (ESR_EC(esr)) {
  case EC_WFX:
    exit->reason = RMI_EXIT_SYNC;
    /* Class and whether it was WFE; the rest is the realm's business. */
    exit->esr = esr & (0x3fUL << 26 | BIT(25) | 1);
    rec->pc += 4;
    return RETURN_TO_HOST;
  case EC_FP:
    simd_use(rec);
    return RESUME_REALM;
  case EC_SMC:
    return realm_smc(rec, exit);
  case EC_SYSREG:
    return realm_sysreg(rec, exit, esr);
  case EC_INSTRUCTION_ABORT:
  case EC_DATA_ABORT:
    return handle_abort(rec, exit, esr);
  default:
    /* HVC, SVE, SME and all else that a realm does not have. */
    inject_undef(rec);
    return RESUME_REALM;
  }
}

static enum after_exit handle_exit(struct rec *rec, struct rmi_rec_exit *exit, u64 vector) {
  switch (vector) {
  case VECTOR_SYNC:
    return handle_sync(rec, exit);
  case VECTOR_IRQ:
    exit->reason = RMI_EXIT_IRQ;
    return RETURN_TO_HOST;
  case VECTOR_FIQ:
    exit->reason = RMI_EXIT_FIQ;
    return RETURN_TO_HOST;
  default:
    exit->reason = RMI_EXIT_SERROR;
    exit->esr = read_sysreg(esr_el2) & (0x3fUL << 26 | BIT(25) | 0x1e3fUL);
    return RETURN_TO_HOST;
  }
}

/* The host's answer to the abort of the last exit; false if it has no right to give it. */
static bool complete_abort(struct rec *rec, const struct rmi_rec_enter *enter, bool *inject_sea) {
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
  if (!(esr & ISS_WNR) && rt != 31) {
    u64 bits = 8UL << ISS_SAS(esr);
    u64 value = bits == 64 ? enter->gprs[0] : enter->gprs[0] & ((1UL << bits) - 1);
    if ((esr & ISS_SSE) && bits < 64)
      value = (u64)((s64)(value << (64 - bits)) >> (64 - bits));
    rec->x[rt] = (esr & ISS_SF) ? value : (u32)value;
  }
  rec->pc += 4;
  return true;
}

static void complete_ripas_change(struct rec *rec, const struct rmi_rec_enter *enter) {
  if (rec->ripas_base == rec->ripas_top)
    return;
  bool rejected = (enter->flags & REC_ENTRY_RIPAS_RESPONSE) && rec->ripas_value == RIPAS_RAM && rec->ripas_next != rec->ripas_top;
  rec->x[0] = RSI_SUCCESS;
  rec->x[1] = rec->ripas_next;
  rec->x[2] = rejected ? RSI_REJECT : RSI_ACCEPT;
  rec->ripas_base = rec->ripas_top = 0;
}

/* A realm cannot be destroyed while it has RECs: its state may be read without its lock. */
static u64 realm_refuses(const struct rec *rec) {
  switch (__atomic_load_n(&rd_at(rec->rd)->state, __ATOMIC_ACQUIRE)) {
  case REALM_NEW:
    return RMI_RESULT(RMI_ERROR_REALM, 0);
  case REALM_SYSTEM_OFF:
    return RMI_RESULT(RMI_ERROR_REALM, 1);
  default:
    return RMI_SUCCESS;
  }
}

static void run(struct rec *rec, const struct rmi_rec_enter *enter, struct rmi_rec_exit *exit, bool sea) {
  enter_world(rec, enter);
  if (sea)
    inject_abort(rec, false, rec->exit_far, FSC_SEA);
  rec->exit_is_abort = false;
  enum after_exit after = RESUME_REALM;
  while (after == RESUME_REALM) {
    timer_enter(rec);
    write_sysreg(elr_el2, rec->pc);
    write_sysreg(spsr_el2, rec->pstate);
    u64 vector = realm_run(rec->x);
    rec->pc = read_sysreg(elr_el2);
    rec->pstate = read_sysreg(spsr_el2);
    after = handle_exit(rec, exit, vector);
  }
  leave_world(rec, exit);
}

static u64 enter_locked(struct rec *rec, u64 run_pa, struct rmi_rec_run *buffer) {
  struct rmi_rec_exit *exit = &buffer->exit;
  const struct rmi_rec_enter *enter = &buffer->enter;
  u64 status = realm_refuses(rec);
  if (status)
    return status;
  if (!rec->runnable || rec->psci_pending || !gic_entry_valid(enter) || !simd_enterable())
    return RMI_ERROR_REC;
  bool sea;
  if (!complete_abort(rec, enter, &sea))
    return RMI_ERROR_REC;
  memset(exit, 0, sizeof *exit);
  if (rec->exit_is_sysreg_read) {
    u64 rt = FIELD(rec->exit_esr, 9, 5);
    if (rt != 31)
      rec->x[rt] = enter->gprs[0];
    rec->exit_is_sysreg_read = false;
  }
  complete_ripas_change(rec, enter);
  if (host_call_complete(rec, enter, exit) == RESUME_REALM)
    run(rec, enter, exit, sea);
  return ns_write(run_pa + offsetof(struct rmi_rec_run, exit), exit, sizeof *exit) ? RMI_SUCCESS : RMI_ERROR_INPUT;
}

u64 rmi_rec_enter(u64 rec_pa, u64 run_pa) {
  struct rmi_rec_run *buffer = (struct rmi_rec_run *)(void *)this_cpu()->run;
  if (!IS_ALIGNED(run_pa, GRANULE_SIZE))
    return RMI_ERROR_INPUT;
  struct granule *granule = granule_lock(rec_pa, GRANULE_REC);
  if (!granule)
    return RMI_ERROR_INPUT;
  if (granule->references) {
    granule_unlock(granule);
    return RMI_ERROR_REC;
  }
  if (!ns_read(&buffer->enter, run_pa, offsetof(struct rmi_rec_enter, pad_388))) {
    granule_unlock(granule);
    return RMI_ERROR_INPUT;
  }
  granule->references = 1;
  granule_unlock(granule);
  u64 status = enter_locked(rec_at(rec_pa), run_pa, buffer);
  granule = granule_lock(rec_pa, GRANULE_REC);
  granule->references = 0;
  granule_unlock(granule);
  return status;
}
