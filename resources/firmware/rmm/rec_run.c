/* Entering a realm and leaving it. */
#include "rmm.h"

u64 realm_run(u64 *x);

/* HCR_EL2 while a realm runs. */
#define HCR_REALM \
  (HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TID1 | HCR_TID3 | HCR_TSC | \
   HCR_TIDCP | HCR_TACR | HCR_TSW | HCR_RW | HCR_TLOR | HCR_TERR | HCR_TEA | HCR_APK | HCR_API | HCR_FWB | HCR_GPF)
#define HCR_IDLE HCR_RW
enum { VECTOR_SYNC, VECTOR_IRQ, VECTOR_FIQ, VECTOR_SERROR };

static void host_el1_save(struct el1_registers *to, bool keys) {
#define X(name) to->name = read_sysreg(name);
  WORLD_REGISTERS(X)
  if (keys) {
    KEY_REGISTERS(X)
  }
#undef X
}

static void el1_load(const struct el1_registers *from, bool keys) {
#define X(name) write_sysreg(name, from->name);
  WORLD_REGISTERS(X)
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
  hcrx_write();
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
    return realm_abort(rec, exit, esr);
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
  if (!abort_complete(rec, enter, &sea))
    return RMI_ERROR_REC;
  memset(exit, 0, sizeof *exit);
  if (rec->exit_is_sysreg_read) {
    u64 rt = SYSREG_RT(rec->exit_esr);
    if (rt != 31)
      rec->x[rt] = enter->gprs[0];
    rec->exit_is_sysreg_read = false;
  }
  complete_ripas_change(rec, enter);
  if (host_call_complete(rec, enter, exit) == RESUME_REALM)
    run(rec, enter, exit, sea);
  else {
    /* The realm is where it was: so are its interrupts and timers. */
    gic_not_entered(rec, enter, exit);
    timer_not_entered(rec, exit);
  }
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
