/* What the tests of the firmware share: checks, calls, memory, cores. */
#include "harness.h"

#include "mmu.h"

u32 passed;
u32 failed;

struct rmi_realm_params params __attribute__((aligned(4096)));
struct rmi_rec_params rec_params __attribute__((aligned(4096)));
struct rmi_rec_run runs[2] __attribute__((aligned(4096)));
u8 shared_page[4096] __attribute__((aligned(4096)));
u8 lost_page[4096] __attribute__((aligned(4096)));

void check(const char *what, u64 actual, u64 expected) {
  if (actual == expected) {
    passed++;
    printf("PASS: %s\n", what);
  } else {
    failed++;
    printf("FAIL: %s: 0x%lx, expected 0x%lx\n", what, actual, expected);
  }
}

void panic_end(const char *file, int line, const char *text) {
  printf("FAIL: %s:%d: %s\n", file, line, text);
  smc1(PSCI_SYSTEM_OFF, 0);
  for (;;)
    wfi();
}

void unexpected_exception(void) {
  printf("FAIL: exception at EL2: ESR 0x%lx ELR 0x%lx FAR 0x%lx\n", read_sysreg(esr_el2), read_sysreg(elr_el2), read_sysreg(far_el2));
  smc1(PSCI_SYSTEM_OFF, 0);
}

static u64 table_pool[4][512] __attribute__((aligned(4096)));
static u64 root_table[512] __attribute__((aligned(4096)));

void mmu_build(void) {
  struct page_tables tables = {root_table, 1, table_pool, ARRAY_SIZE(table_pool), 0};
  u64 data = PTE_AF | PTE_AP1 | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL);
  mmu_map(&tables, 0, 0, 0x40000000, PTE_AF | PTE_AP1 | PTE_ATTR(ATTR_DEVICE) | PTE_XN);
  mmu_map(&tables, 0x40000000, 0x40000000, 0x40000000, data);
}

void mmu_on(void) {
  write_sysreg(mair_el2, MAIR_VALUE);
  write_sysreg(tcr_el2, 25UL | 1UL << 8 | 1UL << 10 | 3UL << 12 | 2UL << 16 | BIT(23) | BIT(31));
  write_sysreg(ttbr0_el2, (u64)root_table);
  isb();
  __asm__ volatile("tlbi alle2");
  dsb(sy);
  isb();
  write_sysreg(sctlr_el2, 0x30c50830UL | BIT(0) | BIT(2) | BIT(12));
  isb();
}

u32 core_index(void) {
  return (u32)FIELD(read_sysreg(mpidr_el1), 7, 0);
}

struct smc_result *rmi_out(void) {
  static struct smc_result results[MAX_CORES];
  return &results[core_index()];
}

u64 rmi(u32 number, u64 a, u64 b, u64 c, u64 d, u64 e) {
  return smc(RMI_FID(number), a, b, c, d, e, 0, 0, rmi_out());
}

u64 granule(void) {
  static u64 next = POOL;
  u64 pa = __atomic_fetch_add(&next, 0x1000, __ATOMIC_RELAXED);
  if (pa >= POOL + POOL_SIZE)
    panic("no granules are left");
  return pa;
}

u64 delegated(void) {
  u64 pa = granule();
  if (rmi(RMI_GRANULE_DELEGATE, pa, 0, 0, 0, 0))
    panic("a granule could not be delegated");
  return pa;
}

bool wiped(u64 page, u64 secret) {
  u64 first = *(volatile u64 *)page;
  /* Memory that is encrypted shows noise where zeros were written in another context. */
  return has_mec() ? first != secret : first == 0;
}

/* What a further core is given in x0: its stack first (start.S). */
struct job {
  u64 stack_top;
  void (*work)(u64);
  u64 argument;
};
static struct job jobs[MAX_CORES];
static u8 stacks[MAX_CORES][0x4000] __attribute__((aligned(16)));
extern u8 secondary_start[];

void secondary_main(const struct job *job) {
  mmu_on();
  job->work(job->argument);
  smc1(PSCI_CPU_OFF, 0);
}

void interrupts_on(u64 intids) {
  u64 sgi_base = 0x080a0000UL + core_index() * 0x20000UL + 0x10000;
  *(volatile u32 *)(sgi_base + 0x100) = (u32)intids;
  write_sysreg(SYS_ICC_PMR_EL1, 0xff);
  write_sysreg(SYS_ICC_IGRPEN1_EL1, 1);
  isb();
}

u64 core_start(u32 core, void (*work)(u64), u64 argument) {
  jobs[core] = (struct job){(u64)stacks[core] + sizeof stacks[core], work, argument};
  /* The other core reads it with its MMU off. */
  dcache_clean_invalidate(&jobs[core], sizeof jobs[core]);
  return smc(PSCI_CPU_ON_64, core, (u64)secondary_start, (u64)&jobs[core], 0, 0, 0, 0, NULL);
}

void core_wait(u32 core) {
  while (smc(PSCI_AFFINITY_INFO_64, core, 0, 0, 0, 0, 0, 0, NULL) != 1) {
  }
}

u32 cores(void) {
  u32 count = 1;
  while (count < MAX_CORES && smc(PSCI_AFFINITY_INFO_64, count, 0, 0, 0, 0, 0, 0, NULL) != PSCI_INVALID_PARAMETERS)
    count++;
  return count;
}
