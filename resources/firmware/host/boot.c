/* Boot: one core after the other, the log, the login. */
#include "fs.h"
#include "mmu.h"
#include "pl011.h"
#include "rmi.h"
#include "shell.h"
#include "smccc.h"
#include "tty.h"
#include "virtio.h"
#include "vmm/vmm.h"

struct cpu cpus[MAX_CPUS];
void secondary_start(void);

static u64 boot_count;
static char log_text[32768];
static u32 log_length;
static bool log_shown = true;
static spinlock log_lock;

u64 microseconds(u64 count) {
  return count * (read_sysreg(cntfrq_el0) / 1000) / 1000;
}

u64 uptime_us(void) {
  return (now() - boot_count) * 1000 / (read_sysreg(cntfrq_el0) / 1000);
}

void klog(const char *format, ...) {
  char text[256];
  u64 time = uptime_us();
  int head = snprintf(text, sizeof text, "[%5lu.%06lu] ", time / 1000000, time % 1000000);
  va_list arguments;
  va_start(arguments, format);
  int length = head + vsnprintf(text + head, sizeof text - (size_t)head - 1, format, arguments);
  va_end(arguments);
  length = MIN(length, (int)sizeof text - 2);
  text[length++] = '\n';
  spin_lock(&log_lock);
  if (log_length + (u32)length > sizeof log_text) {
    memmove(log_text, log_text + sizeof log_text / 4, sizeof log_text - sizeof log_text / 4);
    log_length -= sizeof log_text / 4;
  }
  memcpy(log_text + log_length, text, (size_t)length);
  log_length += (u32)length;
  spin_unlock(&log_lock);
  if (log_shown)
    tty_write(&login_tty, text, (size_t)length);
}

void klog_quiet(void) {
  log_shown = false;
}

void dmesg(void) {
  for (u32 at = 0; at < log_length; at += 512)
    tty_write(task_self()->tty, log_text + at, MIN(log_length - at, 512U));
}

void panic_end(const char *file, int line, const char *text) {
  printf("\nHost panic, core %u, %s:%d: %s\n", this_cpu() ? this_cpu()->index : 0, file, line, text);
  for (;;)
    wfi();
}

void unexpected_exception(u64 vector, const u64 *x) {
  printf("\nHost exception, vector %lu: ESR %lx ELR %lx FAR %lx\n", vector, read_sysreg(esr_el2), read_sysreg(elr_el2),
         read_sysreg(far_el2));
  for (u32 i = 0; i < 31; i++)
    printf("x%-2u %016lx%s", i, x[i], i % 4 == 3 || i == 30 ? "\n" : "  ");
  panic("unexpected exception");
}

void power_off(void) {
  smc1(PSCI_SYSTEM_OFF, 0);
  panic("PSCI SYSTEM_OFF came back");
}

void power_reset(void) {
  smc1(PSCI_SYSTEM_RESET, 0);
  panic("PSCI SYSTEM_RESET came back");
}

/* What guests need of EL2 besides their own state: nothing here is trapped that the host would not handle. */
static void el2_init(void) {
  write_sysreg(hcr_el2, BIT(31));
  write_sysreg(cptr_el2, 0x33ff & ~BIT(10));
  write_sysreg(mdcr_el2, FIELD(read_sysreg(id_aa64dfr0_el1), 11, 8) ? read_sysreg(mdcr_el2) & 0x1f : 0);
  write_sysreg(cnthctl_el2, 3);
  write_sysreg(cnthp_ctl_el2, 0);
  write_sysreg(cntv_ctl_el0, 0);
  write_sysreg(cntp_ctl_el0, 0);
  isb();
}

static void cpu_init(struct cpu *cpu) {
  cpu->mpidr = mpidr_affinity();
  el2_init();
  gic_init_cpu();
  tasks_init_cpu(cpu);
}

void secondary_main(struct cpu *cpu) {
  mmu_enable_cpu();
  write_sysreg(tpidr_el2, cpu);
  cpu_init(cpu);
  __atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
  task_idle();
}

static void start_cores(void) {
  u32 online = 1;
  for (u32 i = 1; i < machine.cpus; i++) {
    struct cpu *cpu = &cpus[i];
    cpu->index = i;
    cpu->idle_sp = (u64)pages_alloc(TASK_STACK_PAGES, 1) + TASK_STACK_PAGES * PAGE_SIZE;
    /* The other core's first reads are made with its caches off. */
    dcache_clean_invalidate(cpu, sizeof *cpu);
    u64 status = smc(PSCI_CPU_ON_64, machine.cpu_mpidr[i], (u64)secondary_start, (u64)cpu, 0, 0, 0, 0, NULL);
    if (status != PSCI_SUCCESS) {
      klog("smp: core %u does not start: PSCI %ld", i, (s64)status);
      continue;
    }
    while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE)) {
    }
    online++;
  }
  klog("smp: Brought up 1 node, %u CPU%s", online, online == 1 ? "" : "s");
  klog("CPU: All CPU(s) started at EL2");
}

static void firmware_report(void) {
  struct smc_result result;
  u64 version = smc1(PSCI_VERSION, 0);
  klog("psci: PSCIv%lu.%lu detected in firmware.", VERSION_MAJOR(version), VERSION_MINOR(version));
  u64 status = smc(RMI_FID(RMI_VERSION), RMI_ABI_1_0, 0, 0, 0, 0, 0, 0, &result);
  if (status == SMC_NOT_SUPPORTED) {
    klog("rmi: no RMM: normal virtual machines only");
    return;
  }
  realms_init(&result);
}

static void login(void *unused) {
  char name[64];
  tprintf("\n");
  for (;;) {
    if (!line_read(name, sizeof name, &(struct line_options){.prompt = "host login: "}))
      continue;
    if (strcmp(name, "root") == 0)
      shell_session();
    else if (*name)
      tprintf("Login incorrect (there is one user, root, without a password)\n");
  }
}

void host_main(const void *tree) {
  struct cpu *cpu = &cpus[0];
  write_sysreg(tpidr_el2, cpu);
  cpu->current = NULL;
  boot_count = now();
  if (!machine_read(tree ? tree : (const void *)0x40000000UL))
    panic("no usable device tree");
  console_init(machine.uart);
  memory_init();
  cpu->online = true;
  cpu->mpidr = mpidr_affinity();
  gic_init();
  cpu_init(cpu);
  klog("Trireme host %s on core %lx [0x%lx]", HOST_VERSION, cpu->mpidr, read_sysreg(midr_el1));
  klog("Machine model: %s", machine.model);
  for (u32 i = 0; i < machine.reserveds; i++)
    klog("reserved mem: 0x%lx..0x%lx", machine.reserved[i].base, machine.reserved[i].base + machine.reserved[i].size - 1);
  for (u32 i = 0; i < machine.memories; i++)
    klog("memory: [mem 0x%lx-0x%lx]", machine.memory[i].base, machine.memory[i].base + machine.memory[i].size - 1);
  klog("memory: %lu KiB of %lu KiB available", (pages_total() - pages_used()) * 4, pages_total() * 4);
  klog("Kernel command line: %s", machine.bootargs);
  klog("GICv3: distributor at 0x%lx, redistributors at 0x%lx", machine.distributor.base, machine.redistributors.base);
  klog("arch_timer: running at %lu.%02luMHz", read_sysreg(cntfrq_el0) / 1000000, read_sysreg(cntfrq_el0) / 10000 % 100);
  start_cores();
  firmware_report();
  vmm_init();
  fs_init();
  virtio_init();
  console_start();
  klog("uart0: PL011 at 0x%lx (irq %u), console", machine.uart, machine.uart_intid);
  klog("Run /sbin/login");
  klog_quiet();
  cpu->current->tty = &login_tty;
  cpu->current->cwd = fs_root();
  if (!task_create("login", login, NULL))
    panic("no memory for the login");
  task_idle();
}
