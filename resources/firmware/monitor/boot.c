/* Cold boot of the first core, warm boot of the others, and the images in flash. */
#include "arch.h"
#include "fw_cfg.h"
#include "gpt.h"
#include "lib.h"
#include "mmu.h"
#include "monitor.h"
#include "pl011.h"

extern const u8 __image_start[], __rodata_start[], __data_start[], __monitor_end[];

static u64 table_pool[10][512] __attribute__((aligned(4096)));
static u64 root_table[512] __attribute__((aligned(4096)));
static struct page_tables tables = {root_table, 1, table_pool, ARRAY_SIZE(table_pool), 0};

/* The PA spaces of EL3's own mappings: {NSE, NS} in bits 11 and 5. */
#define PAS_ROOT PTE_NSE
#define PAS_REALM (PTE_NSE | PTE_NS)
#define PAS_NS PTE_NS
#define EL3_DATA (PTE_AF | PTE_AP1 | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL) | PTE_XN)
#define EL3_CODE (PTE_AF | PTE_AP1 | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL) | PTE_RO)
#define EL3_DEVICE (PTE_AF | PTE_AP1 | PTE_ATTR(ATTR_DEVICE) | PTE_XN)
#define EL3_NONCACHEABLE (PTE_AF | PTE_AP1 | PTE_ATTR(ATTR_NONCACHEABLE) | PTE_XN)

static void map(u64 base, u64 size, u64 attributes) {
  mmu_map(&tables, base, base, size, attributes);
}

/*
 * What the monitor needs to look around. The device tree is Non-secure memory: with the MMU off EL3 would access it as
 * Root, which reads something else where memory is encrypted.
 */
static void map_boot(void) {
  u64 start = (u64)__image_start;
  map(FLASH_BASE, FLASH_SIZE, EL3_DATA | PTE_RO | PAS_ROOT);
  map(DEVICES_BASE, DEVICES_END - DEVICES_BASE, EL3_DEVICE | PAS_ROOT);
  map(start, (u64)__rodata_start - start, EL3_CODE | PAS_ROOT);
  map((u64)__rodata_start, (u64)(__data_start - __rodata_start), EL3_DATA | PTE_RO | PAS_ROOT);
  map((u64)__data_start, MAILBOX_BASE - (u64)__data_start, EL3_DATA | PAS_ROOT);
  map(MAILBOX_BASE, PAGE_SIZE, EL3_NONCACHEABLE | PAS_ROOT);
  map(start + MONITOR_SIZE, SECURE_RAM_SIZE - MONITOR_SIZE, EL3_DATA | PAS_ROOT);
  map(DEVICE_TREE_BASE, DEVICE_TREE_LIMIT, EL3_DATA | PAS_NS);
}

static void tlbi_el3(void) {
  dsb(sy);
  __asm__ volatile("tlbi alle3" : : : "memory");
  dsb(sy);
  isb();
}

static void map_memory(void) {
  for (u32 i = 0; i < platform.dram_banks; i++)
    map(platform.dram[i].base, ALIGN_UP(platform.dram[i].size, 0x200000), EL3_DATA | PAS_NS);
  map(RMM_BASE, platform.rmm_size, EL3_DATA | PAS_REALM);
  tlbi_el3();
}

/* Behind all memory. */
#define WINDOW 0x7f00000000UL

const u64 *el3_window(u64 pa, bool realm) {
  mmu_map(&tables, WINDOW, ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE, EL3_DATA | PTE_RO | (realm ? PAS_REALM : PAS_NS));
  tlbi_el3();
  return (const u64 *)(WINDOW + pa % PAGE_SIZE);
}

#define SCTLR_EL3_ON (0x30c50830UL | BIT(0) | BIT(2) | BIT(12) | BIT(19))
/* 39-bit input addresses, inner-shareable write-back walks, 4 KB granule, RES1 bits 23 and 31. */
#define TCR_EL3_BASE (25UL | 1UL << 8 | 1UL << 10 | 3UL << 12 | BIT(23) | BIT(31))

static void el3_mmu_enable(void) {
  u64 pa_range = MIN(FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0), 5UL);
  write_sysreg(mair_el3, MAIR_VALUE);
  write_sysreg(tcr_el3, TCR_EL3_BASE | pa_range << 16);
  write_sysreg(ttbr0_el3, (u64)root_table);
  tlbi_el3();
  write_sysreg(sctlr_el3, SCTLR_EL3_ON);
  isb();
}

const struct flash_image *flash_find(const char *name) {
  const u8 *contents = (const u8 *)FLASH_CONTENTS;
  if (memcmp(contents, FLASH_MAGIC, 8) != 0)
    return NULL;
  u64 count = read_le64(contents + 8);
  const struct flash_image *images = (const struct flash_image *)(const void *)(contents + 16);
  for (u64 i = 0; i < count; i++)
    if (strncmp(images[i].name, name, sizeof images[i].name) == 0 && images[i].size)
      return &images[i];
  return NULL;
}

struct frame *normal_world_start(struct cpu *cpu) {
  context_init(cpu, WORLD_NS, cpu->entry);
  cpu->world[WORLD_NS].frame.x[0] = cpu->context_id;
  cpu->state = CPU_ON;
  return world_load(cpu, WORLD_NS);
}

static bool fw_cfg_says(const char *name, const char *text) {
  char said[8];
  return fw_cfg_text(platform.fw_cfg, name, said, sizeof said) && strcmp(said, text) == 0;
}

NORETURN void cold_boot(u64 index) {
  struct cpu *cpu = this_cpu();
  map_boot();
  el3_mmu_enable();
  bool tree = device_tree_read();
  console_init(platform.monitor_console);
  LOG_NOTICE("Trireme monitor v%s\n", MONITOR_VERSION);
  if (!tree)
    panic("no usable device tree at 0x%x", DEVICE_TREE_BASE);
  for (u32 i = 0; i < platform.dram_banks; i++)
    LOG_INFO("DRAM: [0x%lx, 0x%lx]\n", platform.dram[i].base, platform.dram[i].base + platform.dram[i].size - 1);
  LOG_INFO("Cores: %u\n", platform.cpus);
  if (FIELD(read_sysreg(id_aa64pfr0_el1), 55, 52) == 0)
    panic("this core has no FEAT_RME: the machine needs the Realm Management Extension");
  features_detect();
  cpu->index = (u32)index;
  cpu->mpidr = mpidr_affinity();
  el3_registers_init();
  map_memory();
  gpt_build();
  LOG_INFO("Enabling Granule Protection Checks\n");
  gpt_enable();
  gic_init_distributor();
  gic_init_cpu();
  platform.rmm_log_all = fw_cfg_says("opt/trireme/rmm-log", "all");
  platform.inspectable = fw_cfg_says("opt/trireme/inspect", "on");
  if (platform.inspectable)
    LOG_WARN("The host may look past granule protection\n");
  rmm_load();
  cpu->entry = payload_load();
  cpu->context_id = DEVICE_TREE_BASE;
  device_tree_patch();
  frame_resume(rmm_boot(cpu, true));
}

NORETURN void warm_boot(u64 index) {
  struct cpu *cpu = this_cpu();
  cpu->index = (u32)index;
  cpu->mpidr = mpidr_affinity();
  el3_registers_init();
  el3_mmu_enable();
  gpt_enable();
  gic_init_cpu();
  frame_resume(rmm_boot(cpu, false));
}
