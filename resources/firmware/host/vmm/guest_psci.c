/* PSCI of normal virtual machines. */
#include "smccc.h"
#include "vmm.h"

u64 vm_psci(struct vcpu *vcpu, u64 *x) {
  struct vm *vm = vcpu->vm;
  u32 function = (u32)x[0];
  bool wide = function & BIT(30);
  u64 a = wide ? x[1] : (u32)x[1];
  switch (function) {
  case PSCI_VERSION:
    return VERSION_MAKE(1, 1);
  case SMCCC_VERSION:
    return VERSION_MAKE(1, 1);
  case PSCI_CPU_SUSPEND_32:
  case PSCI_CPU_SUSPEND_64:
    vcpu->waits = true;
    return PSCI_SUCCESS;
  case PSCI_CPU_OFF:
    /* From here on another core may give it a new state. */
    normal_vcpu_put(vcpu);
    vcpu->on = false;
    return PSCI_SUCCESS;
  case PSCI_CPU_ON_32:
  case PSCI_CPU_ON_64: {
    u64 entry = wide ? x[2] : (u32)x[2];
    if (a >= vm->vcpu_count)
      return PSCI_INVALID_PARAMETERS;
    return vcpu_power_on(&vm->vcpus[a], entry, wide ? x[3] : (u32)x[3]) ? PSCI_SUCCESS : PSCI_ALREADY_ON;
  }
  case PSCI_AFFINITY_INFO_32:
  case PSCI_AFFINITY_INFO_64:
    return a < vm->vcpu_count ? !vm->vcpus[a].on : PSCI_INVALID_PARAMETERS;
  case PSCI_MIGRATE_INFO_TYPE:
    return 2;
  case PSCI_SYSTEM_OFF:
    vm_stop(vm, VM_POWERED_OFF);
    return PSCI_SUCCESS;
  case PSCI_SYSTEM_RESET:
    vm_stop(vm, VM_RESET);
    return PSCI_SUCCESS;
  case PSCI_FEATURES:
    switch ((u32)x[1]) {
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND_32:
    case PSCI_CPU_SUSPEND_64:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON_32:
    case PSCI_CPU_ON_64:
    case PSCI_AFFINITY_INFO_32:
    case PSCI_AFFINITY_INFO_64:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
    case SMCCC_VERSION:
      return PSCI_SUCCESS;
    }
    return PSCI_NOT_SUPPORTED;
  default:
    return SMC_NOT_SUPPORTED;
  }
}
