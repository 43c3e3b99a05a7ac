/* Versions, features, granules, encryption contexts. */
#include "harness.h"

void test_versions(void) {
  check("PSCI_VERSION", smc1(PSCI_VERSION, 0), 0x10001);
  check("PSCI_FEATURES(CPU_ON)", smc1(PSCI_FEATURES, PSCI_CPU_ON_64), 0);
  check("PSCI_FEATURES(unknown)", smc1(PSCI_FEATURES, 0x84000077), PSCI_NOT_SUPPORTED);
  check("SMCCC_VERSION", smc1(SMCCC_VERSION, 0), 0x10005);
  check("SMCCC_ARCH_FEATURES(SMCCC_ARCH_WORKAROUND_1)", smc1(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_1), SMC_NOT_SUPPORTED);
  check("RMI_VERSION 1.0", rmi(RMI_VERSION, RMI_ABI_1_0, 0, 0, 0, 0), RMI_SUCCESS);
  check("RMI_VERSION 1.0: lower", out.x[1], RMI_ABI_1_0);
  check("RMI_VERSION 1.0: higher", out.x[2], RMI_ABI_1_1);
  check("RMI_VERSION 2.0", rmi(RMI_VERSION, 0x20000, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("RMI_VERSION 2.0: lower, higher", out.x[1] << 32 | out.x[2], RMI_ABI_1_1 << 32 | RMI_ABI_1_1);
  check("RMI_VERSION 1.1", rmi(RMI_VERSION, RMI_ABI_1_1, 0, 0, 0, 0), RMI_SUCCESS);
  check("RMI_FEATURES 0", rmi(RMI_FEATURES, 0, 0, 0, 0, 0), RMI_SUCCESS);
  check("RMI_FEATURES 0: hash algorithms", FIELD(out.x[1], 33, 32), 3);
  check("RMI_FEATURES 0: address bits", FIELD(out.x[1], 7, 0), 48);
  check("RMI_FEATURES 99", rmi(RMI_FEATURES, 99, 0, 0, 0, 0), RMI_SUCCESS);
  check("RMI_FEATURES 99: value", out.x[1], 0);
  check("a call that RMI does not have", rmi(0x3f, 0, 0, 0, 0, 0), SMC_NOT_SUPPORTED);
  rmi(RMI_GRANULE_DELEGATE, 1, 2, 3, 4, 5);
  check("registers that are no results are kept", out.x[1] == 1 && out.x[2] == 2 && out.x[3] == 3 && out.x[4] == 4 && out.x[5] == 5, 1);
}

void test_granules(void) {
  u64 pa = granule();
  *(volatile u64 *)pa = 0x5ec7e7;
  check("DELEGATE", rmi(RMI_GRANULE_DELEGATE, pa, 0, 0, 0, 0), RMI_SUCCESS);
  check("DELEGATE again", rmi(RMI_GRANULE_DELEGATE, pa, 0, 0, 0, 0), RMI_ERROR_INPUT);
  u64 esr = probe_read(pa);
  check("reading a delegated granule: data abort", FAULT_CLASS(esr), 0x25);
  check("reading a delegated granule: granule protection fault", FAULT_STATUS(esr), 0x28);
  check("writing a delegated granule: granule protection fault", FAULT_STATUS(probe_write(pa)), 0x28);
  check("UNDELEGATE", rmi(RMI_GRANULE_UNDELEGATE, pa, 0, 0, 0, 0), RMI_SUCCESS);
  check("reading it again", probe_read(pa), 0);
  check("it was wiped", wiped(pa, 0x5ec7e7), true);
  check("UNDELEGATE again", rmi(RMI_GRANULE_UNDELEGATE, pa, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE unaligned", rmi(RMI_GRANULE_DELEGATE, pa + 8, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE a device", rmi(RMI_GRANULE_DELEGATE, UART0, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE outside memory", rmi(RMI_GRANULE_DELEGATE, 0x4000000000, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE RMM's memory", rmi(RMI_GRANULE_DELEGATE, RMM_MEMORY, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("reading RMM's memory: fault", FAULT_STATUS(probe_read(RMM_MEMORY)), 0x28);
  check("reading the monitor's memory: fault", FAULT_STATUS(probe_read(0x0e000000)), 0x28);
}

void test_mec(void) {
  rmi(RMI_FEATURES, 1, 0, 0, 0, 0);
  u64 max = out.x[1];
  if (!has_mec()) {
    check("RMI_FEATURES 1: no MECIDs", max, 0);
    check("MEC_SET_SHARED without FEAT_MEC", rmi(RMI_MEC_SET_SHARED, 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
    check("MEC_SET_PRIVATE without FEAT_MEC", rmi(RMI_MEC_SET_PRIVATE, 0, 0, 0, 0, 0), RMI_ERROR_INPUT);
    return;
  }
  printf("MECIDs: 0 to %lu\n", max);
  check("MEC_SET_SHARED: there is a shared one", rmi(RMI_MEC_SET_SHARED, 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("MEC_SET_PRIVATE: not the shared one", rmi(RMI_MEC_SET_PRIVATE, 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("MEC_SET_PRIVATE", rmi(RMI_MEC_SET_PRIVATE, 0, 0, 0, 0, 0), RMI_SUCCESS);
  check("MEC_SET_SHARED", rmi(RMI_MEC_SET_SHARED, 0, 0, 0, 0, 0), RMI_SUCCESS);
  check("MEC_SET_PRIVATE: too large", rmi(RMI_MEC_SET_PRIVATE, max + 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
}
