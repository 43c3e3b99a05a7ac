/* The guest's own footing: cores and memory as ordered, exceptions at EL1 and EL0, all cores at work. */
#include "test.h"

u64 try_undefined(void), try_call(void), try_load(u64 address), try_jump(u64 address);
void user_run(u64 pc);
void user_undefined(void), user_call(void);

static void setup(void) {
  u64 wanted_cpus = 1, wanted_memory = 0;
  if (argument("smp", &wanted_cpus)) {
    report(guest.cpus == wanted_cpus, "smp: number of CPUs matches expectation");
    info("smp: found %u CPUs", guest.cpus);
  }
  if (argument("mem", &wanted_memory)) {
    report(guest.memory_size == wanted_memory << 20, "mem: memory size matches expectation");
    info("mem: found %lu MB", guest.memory_size >> 20);
  }
}

static void vectors_kernel(void) {
  exception_expect();
  try_undefined();
  report(ESR_CLASS(exception_taken(NULL)) == EC_UNKNOWN, "und");
  exception_expect();
  try_call();
  u64 esr = exception_taken(NULL);
  report(ESR_CLASS(esr) == EC_SVC && (esr & 0xffff) == 123, "svc");
  /* Nothing is mapped there: the guest's own stage 1 refuses. */
  u64 far, nowhere = USER_ALIAS - 0x1000;
  exception_expect();
  try_load(nowhere);
  esr = exception_taken(&far);
  report(ESR_CLASS(esr) == EC_DABORT && far == nowhere && (esr & 0x3c) == 4, "dabt");
  exception_expect();
  try_jump(nowhere);
  esr = exception_taken(&far);
  report(ESR_CLASS(esr) == EC_IABORT && far == nowhere && (esr & 0x3c) == 4, "pabt");
}

static void vectors_user(void) {
  exception_expect();
  user_run((u64)user_undefined + USER_ALIAS);
  report(ESR_CLASS(exception_taken(NULL)) == EC_UNKNOWN, "und");
  exception_expect();
  user_run((u64)user_call + USER_ALIAS);
  u64 esr = exception_taken(NULL);
  report(ESR_CLASS(esr) == EC_SVC && (esr & 0xffff) == 0, "svc");
}

static volatile u32 reported;
static volatile bool right[MAX_GUEST_CPUS];

static void say_hello(void) {
  u64 mpidr = read_sysreg(mpidr_el1);
  info("CPU %2u: MPIDR=%010lx", cpu_index(), mpidr);
  right[cpu_index()] = (mpidr & 0xff00ffffffUL) == cpu_index();
  __atomic_fetch_add(&reported, 1, __ATOMIC_SEQ_CST);
}

static void smp(void) {
  u64 version = psci(PSCI_VERSION, 0, 0, 0);
  info("PSCI version: %lu.%lu", VERSION_MAJOR(version), VERSION_MINOR(version));
  info("PSCI method: smc");
  for (u32 cpu = 1; cpu < guest.cpus; cpu++)
    if (cpu_start(cpu, say_hello) != PSCI_SUCCESS)
      info("CPU %2u does not start", cpu);
  say_hello();
  bool all = wait_for(reported == guest.cpus);
  for (u32 cpu = 0; cpu < guest.cpus; cpu++)
    all &= right[cpu];
  report(all, "MPIDR test on all CPUs");
  info("%u CPUs reported back", reported);
}

static const struct test tests[] = {
  {"setup", setup}, {"vectors-kernel", vectors_kernel}, {"vectors-user", vectors_user}, {"smp", smp}};

void guest_main(void) {
  tests_run("selftest", tests, ARRAY_SIZE(tests));
}
