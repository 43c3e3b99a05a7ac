/* PSCI 1.1 (DEN0022) as a guest sees it. */
#include "test.h"

static volatile u32 started[MAX_GUEST_CPUS];

static void count_start(void) {
  __atomic_fetch_add(&started[cpu_index()], 1, __ATOMIC_SEQ_CST);
}

static void basics(void) {
  u64 version = psci(PSCI_VERSION, 0, 0, 0);
  report(version >= VERSION_MAKE(1, 0), "version %lu.%lu", VERSION_MAJOR(version), VERSION_MINOR(version));
  report(psci(PSCI_FEATURES, PSCI_CPU_ON_64, 0, 0) == PSCI_SUCCESS, "CPU_ON is there");
  report(psci(PSCI_FEATURES, PSCI_SYSTEM_OFF, 0, 0) == PSCI_SUCCESS, "SYSTEM_OFF is there");
  report(psci(PSCI_FEATURES, 0x84000099, 0, 0) == PSCI_NOT_SUPPORTED, "what is not there is not supported");
  report(psci(0x84000099, 0, 0, 0) == PSCI_NOT_SUPPORTED, "an unknown function is not supported");
}

static void affinity(void) {
  report(psci(PSCI_AFFINITY_INFO_64, 0, 0, 0) == 0, "this core is on");
  for (u32 cpu = 1; cpu < guest.cpus; cpu++)
    report(psci(PSCI_AFFINITY_INFO_64, cpu, 0, 0) == 1, "core %u is off", cpu);
  report(psci(PSCI_AFFINITY_INFO_64, guest.cpus + 3, 0, 0) == PSCI_INVALID_PARAMETERS, "a core that does not exist");
}

static void on_and_off(void) {
  u64 entry = (u64)__image_start;
  report(psci(PSCI_CPU_ON_64, guest.cpus + 3, entry, 0) == PSCI_INVALID_PARAMETERS, "a core that does not exist is not started");
  report(psci(PSCI_CPU_ON_64, 0, entry, 0) == PSCI_ALREADY_ON, "a core that is on is not started");
  for (u32 cpu = 1; cpu < guest.cpus; cpu++) {
    for (u32 time = 1; time <= 3; time++) {
      u64 status = cpu_start(cpu, count_start);
      report(status == PSCI_SUCCESS && wait_for(started[cpu] == time), "core %u starts (%u)", cpu, time);
      report(cpu_wait_off(cpu), "core %u is off again (%u)", cpu, time);
    }
  }
  if (guest.cpus == 1)
    skip("one core: no other to start");
}

static volatile bool hold;
static void stay(void) {
  count_start();
  while (hold)
    __asm__ volatile("yield");
}

static void twice(void) {
  if (guest.cpus == 1) {
    skip("one core: no other to start");
    return;
  }
  hold = true;
  u32 before = started[1];
  u64 first = cpu_start(1, stay);
  u64 second = psci(PSCI_CPU_ON_64, 1, (u64)__image_start, 0);
  report(first == PSCI_SUCCESS && (second == PSCI_ALREADY_ON || second == PSCI_ON_PENDING), "a core is not started twice");
  report(wait_for(started[1] == before + 1) && psci(PSCI_AFFINITY_INFO_64, 1, 0, 0) == 0, "it runs");
  hold = false;
  report(cpu_wait_off(1), "it turns itself off");
}

static const struct test tests[] = {{"basics", basics}, {"affinity-info", affinity}, {"cpu-on", on_and_off}, {"cpu-on-twice", twice}};

void guest_main(void) {
  tests_run("psci", tests, ARRAY_SIZE(tests));
}
