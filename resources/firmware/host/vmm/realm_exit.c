/* A realm's cores: entry, and what they come back for. */
#include "realm.h"

#include "el2.h"

#define ICC_SGI1R SYSREG(3, 0, 12, 11, 5)

static bool realm_abort(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct vm *vm = vcpu->vm;
  struct rmi_rec_enter *enter = &vcpu->run->enter;
  u64 alias = 1UL << (vm->rme.ipa_bits - 1);
  u64 ipa = FIELD(exit->hpfar, 47, 4) << 12 | (exit->far & 0xfff);
  u64 plain = ipa & ~alias;
  bool in_ram = plain >= GUEST_RAM_BASE && plain - GUEST_RAM_BASE < vm->ram_size;
  if (!(ipa & alias))
    return in_ram && realm_populate(vm, ipa);
  if (in_ram)
    return realm_share(vm, ipa);
  u32 size = 1U << ISS_SAS(exit->esr);
  bool write = exit->esr & ISS_WNR;
  u64 value = exit->gprs[0];
  if ((exit->esr & ISS_ISV) && vm_mmio(vcpu, plain, size, write, &value)) {
    enter->gprs[0] = value;
    enter->flags |= REC_ENTRY_EMUL_MMIO;
  } else
    enter->flags |= REC_ENTRY_INJECT_SEA;
  return true;
}

static void realm_psci(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct vm *vm = vcpu->vm;
  struct vcpu *target = exit->gprs[1] < vm->vcpu_count ? &vm->vcpus[exit->gprs[1]] : NULL;
  switch ((u32)exit->gprs[0]) {
  case PSCI_CPU_ON_32:
  case PSCI_CPU_ON_64:
  case PSCI_AFFINITY_INFO_32:
  case PSCI_AFFINITY_INFO_64: {
    if (!target)
      break;
    u64 status = rmi_call(RMI_PSCI_COMPLETE, vcpu->rec, target->rec, PSCI_SUCCESS, 0, 0, NULL);
    bool turns_on = (u32)exit->gprs[0] == PSCI_CPU_ON_32 || (u32)exit->gprs[0] == PSCI_CPU_ON_64;
    if (status)
      rmi_failed("PSCI_COMPLETE", status);
    else if (turns_on)
      vcpu_power_on(target, 0, 0);
    break;
  }
  case PSCI_CPU_OFF:
    vcpu->on = false;
    break;
  case PSCI_CPU_SUSPEND_32:
  case PSCI_CPU_SUSPEND_64:
    vcpu->waits = true;
    break;
  case PSCI_SYSTEM_OFF:
    vm_stop(vm, VM_POWERED_OFF);
    break;
  case PSCI_SYSTEM_RESET:
    vm_stop(vm, VM_RESET);
    break;
  }
}

static bool ripas_change(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct vm *vm = vcpu->vm;
  struct realm_state *r = &vm->rme;
  struct smc_result result;
  u64 at = exit->ripas_base, top = exit->ripas_top;
  bool done = true;
  mutex_lock(&r->lock);
  while (at < top && done) {
    u64 status = rmi_call(RMI_RTT_SET_RIPAS, r->rd, vcpu->rec, at, top, 0, &result);
    if (status == RMI_SUCCESS)
      at = result.x[1];
    else if (RMI_STATUS(status) == RMI_ERROR_RTT && RMI_INDEX(status) == LEVEL_PAGE)
      /* A destroyed page that the realm does not want changed: RMM tells it how far it came. */
      break;
    else
      done = realm_deepen(r, at, status, LEVEL_PAGE, "RTT_SET_RIPAS");
  }
  /* What became shared has no use for its private granules. */
  if (exit->ripas_value == RIPAS_EMPTY)
    for (u64 ipa = MAX(exit->ripas_base, GUEST_RAM_BASE); ipa < at && ipa < GUEST_RAM_BASE + vm->ram_size; ipa += PAGE_SIZE)
      realm_data_destroy(vm, ipa);
  mutex_unlock(&r->lock);
  return done;
}

static bool handle(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct rmi_rec_enter *enter = &vcpu->run->enter;
  switch (exit->reason) {
  case RMI_EXIT_SYNC:
    switch (ESR_EC(exit->esr)) {
    case EC_WFX:
      vcpu->waits = !(exit->esr & 1);
      return true;
    case EC_SYSREG:
      if (SYSREG_OF_ISS(exit->esr) == ICC_SGI1R && !(exit->esr & 1))
        vgic_sgi(vcpu, exit->gprs[0]);
      enter->gprs[0] = 0;
      return true;
    case EC_DATA_ABORT:
    case EC_INSTRUCTION_ABORT:
      return realm_abort(vcpu, exit);
    }
    return false;
  case RMI_EXIT_IRQ:
  case RMI_EXIT_FIQ:
    return true;
  case RMI_EXIT_PSCI:
    realm_psci(vcpu, exit);
    return true;
  case RMI_EXIT_RIPAS_CHANGE:
    return ripas_change(vcpu, exit);
  case RMI_EXIT_HOST_CALL:
    /* The host offers none. */
    memcpy(enter->gprs, exit->gprs, sizeof enter->gprs);
    enter->gprs[0] = SMC_NOT_SUPPORTED;
    return true;
  default:
    return false;
  }
}

static bool asserted(u64 control) {
  return (control & 7) == 5;
}
static u64 deadline_of(u64 control, u64 compare) {
  return (control & 3) == 1 ? compare : NEVER;
}

void realm_vcpu_run(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  struct rmi_rec_run *run = vcpu->run;
  gic_ppi_set(INTID_VIRTUAL_TIMER, true);
  gic_ppi_set(INTID_PHYSICAL_TIMER, true);
  run->enter.gicv3_hcr = vgic_fill(vcpu);
  memcpy(run->enter.gicv3_lrs, vcpu->lrs, sizeof run->enter.gicv3_lrs);
  run->enter.flags |= REC_ENTRY_TRAP_WFI;
  u64 status = rmi_call(RMI_REC_ENTER, vcpu->rec, (u64)run, 0, 0, 0, NULL);
  this_cpu()->in_guest = false;
  run->enter.flags = 0;
  const struct rmi_rec_exit *exit = &run->exit;
  vcpu->waits = false;
  if (status) {
    vgic_collect(vcpu, 0);
    /* Another core of the realm has powered it off. */
    if (vm->end == VM_RUNS && !(RMI_STATUS(status) == RMI_ERROR_REALM && RMI_INDEX(status) == 1)) {
      rmi_failed("REC_ENTER", status);
      vm_stop(vm, VM_FAILED);
    }
    return;
  }
  if (vm->debug)
    klog("%s/%u: exit %lu ESR 0x%lx HPFAR 0x%lx x0 0x%lx", vm->name, vcpu->index, exit->reason, exit->esr, exit->hpfar, exit->gprs[0]);
  memcpy(vcpu->lrs, exit->gicv3_lrs, sizeof vcpu->lrs);
  vgic_collect(vcpu, exit->gicv3_hcr);
  vgic_set_line(vm, vcpu, INTID_VIRTUAL_TIMER, asserted(exit->cntv_ctl));
  vgic_set_line(vm, vcpu, INTID_PHYSICAL_TIMER, asserted(exit->cntp_ctl));
  vcpu->vtimer_deadline = MIN(deadline_of(exit->cntv_ctl, exit->cntv_cval), deadline_of(exit->cntp_ctl, exit->cntp_cval));
  if (!handle(vcpu, exit)) {
    tprintf("\n  Error: realm %s: exit %lu ESR %lx HPFAR %lx cannot be handled\n", vm->name, exit->reason, exit->esr, exit->hpfar);
    vm_stop(vm, VM_FAILED);
  }
}
