/* Stage-1 translation tables with a 4 KB granule and 64-bit descriptors (Arm ARM D8.3). */
#ifndef MMU_H
#define MMU_H

#include "types.h"

#define PTE_VALID BIT(0)
#define PTE_TABLE BIT(1)
#define PTE_PAGE BIT(1)
#define PTE_ATTR(index) ((u64)(index) << 2)
#define PTE_NS BIT(5)
/* RES1 in a regime with one privilege level; access from EL0 in one with two. */
#define PTE_AP1 BIT(6)
#define PTE_RO BIT(7)
#define PTE_SH_INNER (3UL << 8)
#define PTE_AF BIT(10)
#define PTE_NSE BIT(11)
#define PTE_PXN BIT(53)
#define PTE_XN BIT(54)
#define PTE_AMEC BIT(63)

/* Indices into the MAIR value every image uses. */
#define ATTR_DEVICE 0
#define ATTR_NORMAL 1
#define ATTR_NONCACHEABLE 2
#define MAIR_VALUE 0x44ff04UL

/* A table tree and the pool that further tables come from. */
struct page_tables {
  u64 *root;
  unsigned start_level;
  u64 (*pool)[512];
  unsigned pool_tables;
  unsigned pool_used;
};

/*
 * Maps size bytes at va to pa with the largest blocks that fit (4 KB, 2 MB, 1 GB), replacing what was there.
 * attributes: descriptor bits besides type and address. Panics when the pool is empty. No TLB maintenance.
 */
void mmu_map(struct page_tables *tables, u64 va, u64 pa, u64 size, u64 attributes);

#endif
