#include "guest.h"

void guest_secondary(void);

static void (*volatile functions[MAX_GUEST_CPUS])(void);
static volatile bool finished[MAX_GUEST_CPUS];

u64 psci(u32 function, u64 a, u64 b, u64 c) {
  return smc(function, a, b, c, 0, 0, 0, 0, NULL);
}

void guest_power_off(void) {
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
  for (;;)
    wfi();
}

u64 cpu_start(u32 cpu, void (*function)(void)) {
  functions[cpu] = function;
  finished[cpu] = false;
  /* The core reads it with its MMU off at first. */
  dcache_clean_invalidate((const void *)functions, sizeof functions);
  return psci(PSCI_CPU_ON_64, cpu, (u64)guest_secondary, cpu);
}

void guest_secondary_start(u64 cpu) {
  mmu_on();
  gic_init_cpu();
  functions[cpu]();
  finished[cpu] = true;
  psci(PSCI_CPU_OFF, 0, 0, 0);
}

bool cpu_wait_off(u32 cpu) {
  /* Each question is a call that RMM logs: not before there is hope. */
  return wait_for(finished[cpu]) && wait_for(psci(PSCI_AFFINITY_INFO_64, cpu, 0, 0) == 1);
}
