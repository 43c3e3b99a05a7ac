#include "mmu.h"

#include "lib.h"

#define ADDRESS_MASK 0x0000fffffffff000UL

static u64 *next_table(struct page_tables *tables, u64 *entry, unsigned level) {
  if ((*entry & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE))
    return (u64 *)(*entry & ADDRESS_MASK);
  if (tables->pool_used == tables->pool_tables)
    panic("out of translation tables (%u)", tables->pool_tables);
  u64 *table = tables->pool[tables->pool_used++];
  /* A block that is split keeps its mapping for the parts that stay. */
  u64 step = 1UL << (12 + 9 * (3 - (level + 1)));
  for (unsigned i = 0; i < 512; i++) {
    u64 descriptor = 0;
    if (*entry & PTE_VALID) {
      descriptor = *entry + i * step;
      if (level + 1 == 3)
        descriptor |= PTE_PAGE;
    }
    table[i] = descriptor;
  }
  *entry = (u64)table | PTE_TABLE | PTE_VALID;
  return table;
}

void mmu_map(struct page_tables *tables, u64 va, u64 pa, u64 size, u64 attributes) {
  while (size) {
    u64 *table = tables->root;
    unsigned level = tables->start_level;
    for (;; level++) {
      u64 block = 1UL << (12 + 9 * (3 - level));
      u64 *entry = &table[(va / block) & (level == tables->start_level ? ~0UL : 511)];
      if (level >= 1 && IS_ALIGNED(va | pa, block) && size >= block) {
        *entry = pa | attributes | PTE_VALID | (level == 3 ? PTE_PAGE : 0);
        va += block;
        pa += block;
        size -= block;
        break;
      }
      table = next_table(tables, entry, level);
    }
  }
}
