/* One level 1 table of 1 GB blocks. */
#include "mmu.h"

#include "guest.h"

#define GB 0x40000000UL
#define SCTLR_EL1_ON (0x30d00800UL | BIT(0) | BIT(2) | BIT(12))
#define BLOCK_NORMAL (PTE_VALID | PTE_AF | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL))
#define BLOCK_DEVICE (PTE_VALID | PTE_AF | PTE_ATTR(ATTR_DEVICE) | PTE_XN | PTE_PXN)

static u64 root[512] __attribute__((aligned(4096)));

static void block(u64 va, u64 pa, u64 attributes) {
  root[va / GB] = pa | attributes;
}

void mmu_init(void) {
  u64 base = ALIGN_DOWN(guest.memory_base, GB), end = guest.memory_base + guest.memory_size;
  block(guest.shared, guest.shared, BLOCK_DEVICE);
  for (u64 at = base; at < end; at += GB) {
    block(at, at, BLOCK_NORMAL);
    block(USER_ALIAS + at, at, BLOCK_NORMAL | PTE_AP1 | PTE_PXN);
    if (guest.shared)
      block(guest.shared | at, guest.shared | at, BLOCK_NORMAL | PTE_XN | PTE_PXN);
  }
}

void mmu_on(void) {
  u64 ps = MIN(FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0), 5UL);
  write_sysreg(mair_el1, MAIR_VALUE);
  /* 39 bits below, nothing above (EPD1), write-back inner-shareable walks. */
  write_sysreg(tcr_el1, 25UL | 1UL << 8 | 1UL << 10 | 3UL << 12 | BIT(23) | ps << 32);
  write_sysreg(ttbr0_el1, root);
  dsb(ish);
  __asm__ volatile("tlbi vmalle1\n dsb nsh\n isb" : : : "memory");
  write_sysreg(sctlr_el1, SCTLR_EL1_ON);
  isb();
}
