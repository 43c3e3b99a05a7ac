/* PSCI 1.1 (DEN0022): cores on and off, the system off and reset. */
#include "arch.h"
#include "gpt.h"
#include "lib.h"
#include "monitor.h"
#include "smccc.h"

extern u8 warm_entry[];
NORETURN void enter_pen(void);

static spinlock lock;

struct mailbox {
  volatile u64 entry;
  volatile u64 waits;
};

static struct mailbox *mailbox_of(u32 index) {
  return (struct mailbox *)MAILBOX_BASE + index;
}

static u64 cpu_on(u64 mpidr, u64 entry, u64 context_id) {
  u32 index = cpu_index_of(mpidr);
  if (index == MAX_CPUS)
    return PSCI_INVALID_PARAMETERS;
  struct cpu *target = &cpus[index];
  spin_lock(&lock);
  u32 state = target->state;
  if (state == CPU_OFF) {
    target->state = CPU_ON_PENDING;
    target->entry = entry;
    target->context_id = context_id;
  }
  spin_unlock(&lock);
  if (state != CPU_OFF)
    return state == CPU_ON ? PSCI_ALREADY_ON : PSCI_ON_PENDING;
  /* The other core reads this with its caches off. */
  dcache_clean_invalidate(target, offsetof(struct cpu, stack));
  struct mailbox *mailbox = mailbox_of(index);
  /* A core that has not reached the pen yet would wipe an address left too early. */
  while (!mailbox->waits)
    sev();
  mailbox->entry = (u64)warm_entry;
  dsb(sy);
  sev();
  return PSCI_SUCCESS;
}

static NORETURN void cpu_off(struct cpu *cpu) {
  write_sysreg(SYS_ICC_IGRPEN1_EL3, 0);
  isb();
  spin_lock(&lock);
  cpu->state = CPU_OFF;
  spin_unlock(&lock);
  enter_pen();
}

static u64 affinity_info(u64 mpidr, u64 level) {
  u32 index = cpu_index_of(mpidr);
  if (level != 0 || index == MAX_CPUS)
    return PSCI_INVALID_PARAMETERS;
  switch (cpus[index].state) {
  case CPU_ON:
    return 0;
  case CPU_OFF:
    return 1;
  default:
    return 2;
  }
}

static const u32 functions[] = {
  PSCI_VERSION,      PSCI_CPU_SUSPEND_32,   PSCI_CPU_SUSPEND_64,   PSCI_CPU_OFF,    PSCI_CPU_ON_32,    PSCI_CPU_ON_64,
  PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_MIGRATE_INFO_TYPE, PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET, PSCI_FEATURES,
  SMCCC_VERSION,
};

static u64 psci_features(u32 function) {
  for (u32 i = 0; i < ARRAY_SIZE(functions); i++)
    if (functions[i] == function)
      return PSCI_SUCCESS;
  return PSCI_NOT_SUPPORTED;
}

/* PL061: data register at (mask << 2), direction at 0x400; line 0 is power off, line 1 reset. */
static void pulse(u32 line) {
  volatile u32 *direction = (volatile u32 *)(SECURE_GPIO_BASE + 0x400);
  volatile u32 *data = (volatile u32 *)(SECURE_GPIO_BASE + (4UL << line));
  *direction |= 1U << line;
  *data = 0;
  *data = 1U << line;
  dsb(sy);
}

void platform_power_off(void) {
  LOG_NOTICE("System off\n");
  pulse(0);
  for (;;)
    wfi();
}

void platform_reset(void) {
  LOG_NOTICE("System reset\n");
  pulse(1);
  for (;;)
    wfi();
}

bool psci_call(struct cpu *cpu, struct frame *frame) {
  u64 *x = frame->x;
  u32 function = (u32)x[0];
  /* A 32-bit call's arguments are the low halves. */
  bool wide = function & BIT(30);
  u64 a = wide ? x[1] : (u32)x[1];
  u64 b = wide ? x[2] : (u32)x[2];
  u64 c = wide ? x[3] : (u32)x[3];
  switch (function) {
  case PSCI_VERSION:
    x[0] = VERSION_MAKE(1, 1);
    return true;
  case PSCI_CPU_SUSPEND_32:
  case PSCI_CPU_SUSPEND_64:
    /* Only a standby state is offered; a request for a deeper one may be met by it (5.4.3). */
    dsb(sy);
    wfi();
    x[0] = PSCI_SUCCESS;
    return true;
  case PSCI_CPU_OFF:
    cpu_off(cpu);
  case PSCI_CPU_ON_32:
  case PSCI_CPU_ON_64:
    x[0] = cpu_on(a, b, c);
    return true;
  case PSCI_AFFINITY_INFO_32:
  case PSCI_AFFINITY_INFO_64:
    x[0] = affinity_info(a, b);
    return true;
  case PSCI_MIGRATE_INFO_TYPE:
    /* There is no Trusted OS that would have to migrate. */
    x[0] = 2;
    return true;
  case PSCI_SYSTEM_OFF:
    platform_power_off();
  case PSCI_SYSTEM_RESET:
    platform_reset();
  case PSCI_FEATURES:
    x[0] = psci_features((u32)a);
    return true;
  default:
    return false;
  }
}
