/* RMM's own translation regime (Realm EL2, stage 1) and access to the host's memory. */
#include "mmu.h"
#include "rmm.h"

extern const u8 __image_start[], __rodata_start[], __data_start[], __image_end[];

static u64 table_pool[16][512] __attribute__((aligned(4096)));
static u64 root_table[512] __attribute__((aligned(4096)));
static struct page_tables tables = {root_table, 0, table_pool, ARRAY_SIZE(table_pool), 0};

#define DATA (PTE_AF | PTE_AP1 | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL) | PTE_XN)
#define CODE (PTE_AF | PTE_AP1 | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL) | PTE_RO)
#define DEVICE (PTE_AF | PTE_AP1 | PTE_ATTR(ATTR_DEVICE) | PTE_XN)

/*
 * Realm granules at their own address, again with the alternate encryption context 512 GB higher, and host memory
 * (Non-secure PA space) another 512 GB higher. All of it is mapped once: changing a context is one register, no TLBI.
 */
void memory_map(u64 console) {
  u64 amec = mec_present() ? PTE_AMEC : 0;
  for (u32 i = 0; i < bank_count; i++) {
    u64 base = ALIGN_DOWN(banks[i].base, 0x200000);
    u64 size = ALIGN_UP(banks[i].base + banks[i].size, 0x200000) - base;
    mmu_map(&tables, base, base, size, DATA);
    mmu_map(&tables, base + ALIAS_MEC, base, size, DATA | amec);
    mmu_map(&tables, base + ALIAS_NS, base, size, DATA | PTE_NS);
  }
  u64 start = (u64)__image_start;
  mmu_map(&tables, start, start, (u64)__rodata_start - start, CODE);
  mmu_map(&tables, (u64)__rodata_start, (u64)__rodata_start, (u64)(__data_start - __rodata_start), DATA | PTE_RO);
  if (console)
    mmu_map(&tables, ALIGN_DOWN(console, GRANULE_SIZE), ALIGN_DOWN(console, GRANULE_SIZE), GRANULE_SIZE, DEVICE);
}

/* 41-bit input addresses, inner-shareable write-back walks, 4 KB granule; bits 23 and 31 are RES1. */
#define TCR_EL2_BASE (23UL | 1UL << 8 | 1UL << 10 | 3UL << 12 | BIT(23) | BIT(31))
#define SCTLR_EL2_ON (0x30c50830UL | BIT(0) | BIT(2) | BIT(3) | BIT(12) | BIT(19))
#define TCR2_AMEC0 BIT(12)

void memory_enable(void) {
  u64 pa_range = MIN(FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0), 5UL);
  write_sysreg(mair_el2, MAIR_VALUE);
  write_sysreg(tcr_el2, TCR_EL2_BASE | pa_range << 16);
  write_sysreg(ttbr0_el2, (u64)root_table);
  if (mec_present())
    write_sysreg(SYS_TCR2_EL2, TCR2_AMEC0);
  isb();
  __asm__ volatile("tlbi alle2" : : : "memory");
  dsb(nsh);
  isb();
  write_sysreg(sctlr_el2, SCTLR_EL2_ON);
  isb();
}

void zero_granule(void *granule) {
  u64 dczid = read_sysreg(dczid_el0);
  if (dczid & BIT(4)) {
    memset(granule, 0, GRANULE_SIZE);
    return;
  }
  u64 step = 4UL << (dczid & 0xf);
  for (u64 at = (u64)granule; at < (u64)granule + GRANULE_SIZE; at += step)
    __asm__ volatile("dc zva, %0" : : "r"(at) : "memory");
}

bool ns_copy_in(void *to, const void *ns, u64 size);
bool ns_copy_out(void *ns, const void *from, u64 size);

/* The range must stay in one granule that the host has. */
static bool ns_range(u64 pa, u64 size) {
  u64 offset = pa & (GRANULE_SIZE - 1);
  struct granule *granule = granule_of(pa - offset);
  return granule && granule_state(granule) == GRANULE_UNDELEGATED && size <= GRANULE_SIZE - offset;
}

bool ns_read(void *to, u64 pa, u64 size) {
  return ns_range(pa, size) && ns_copy_in(to, (const void *)(pa + ALIAS_NS), size);
}

bool ns_write(u64 pa, const void *from, u64 size) {
  return ns_range(pa, size) && ns_copy_out((void *)(pa + ALIAS_NS), from, size);
}
