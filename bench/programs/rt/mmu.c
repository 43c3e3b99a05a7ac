// SPDX-License-Identifier: Apache-2.0
// Page tables; runs before the MMU is on, so it is compiled for aligned accesses and general registers only.
#include "rt.h"

u64 kernel_l1[512] ALIGNED(4096);
u64 kernel_l2[512] ALIGNED(4096);

// One GB of device memory, then RAM in 2 MB blocks, executable; `extra` attribute bits are put on every entry.
void fill_tables(u64 *l1, u64 *l2, u64 extra) {
  l1[0] = PTE_VALID | PTE_DEVICE | PTE_AF | PTE_UXN | extra;
  l1[1] = (u64)l2 | PTE_TABLE;
  for (u64 i = 0; i < RAM_SIZE >> 21; i++)
    l2[i] = (RAM_BASE + (i << 21)) | PTE_RAM | extra;
}

void set_entry(u64 *slot, u64 value) {
  *(volatile u64 *)slot = 0;
  __asm__ volatile("dsb ishst\n tlbi vmalle1is\n dsb ish\n isb" ::: "memory");
  *(volatile u64 *)slot = value;
  __asm__ volatile("dsb ishst\n isb" ::: "memory");
}
