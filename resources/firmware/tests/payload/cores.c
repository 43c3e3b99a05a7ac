/* PSCI: other cores on and off, each with an RMM of its own to call. */
#include "harness.h"

static volatile u64 saw[MAX_CORES];

static void call_rmm(u64 argument) {
  saw[core_index()] = argument + rmi(RMI_FEATURES, 0, 0, 0, 0, 0);
  dsb(sy);
}

static u64 affinity_info(u64 mpidr, u64 level) {
  return smc(PSCI_AFFINITY_INFO_64, mpidr, level, 0, 0, 0, 0, 0, NULL);
}

void test_cores(void) {
  u32 count = cores();
  printf("Cores: %u\n", count);
  check("AFFINITY_INFO of this core: on", affinity_info(0, 0), 0);
  check("AFFINITY_INFO: level", affinity_info(0, 1), PSCI_INVALID_PARAMETERS);
  check("CPU_ON of a core that is not there", smc(PSCI_CPU_ON_64, 0x500, 0x48000000, 0, 0, 0, 0, 0, NULL), PSCI_INVALID_PARAMETERS);
  check("CPU_ON of this core", smc(PSCI_CPU_ON_64, 0, 0x48000000, 0, 0, 0, 0, 0, NULL), PSCI_ALREADY_ON);
  for (u64 round = 1; round <= 2; round++) {
    for (u32 core = 1; core < count; core++) {
      check("AFFINITY_INFO of another core: off", affinity_info(core, 0), 1);
      saw[core] = 0;
      dsb(sy);
      check("CPU_ON", core_start(core, call_rmm, 0x55 * round + core), PSCI_SUCCESS);
    }
    for (u32 core = 1; core < count; core++) {
      core_wait(core);
      check("the core ran, its RMM answers, and it is off again", saw[core], 0x55 * round + core);
    }
  }
}
