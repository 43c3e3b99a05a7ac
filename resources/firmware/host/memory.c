/* Physical memory: the host's translation tables, pages, a heap. */
#include "host.h"
#include "mmu.h"

extern const u8 __host_start[], __host_end[];

static u64 table_pool[16][512] __attribute__((aligned(4096)));
static u64 root_table[512] __attribute__((aligned(4096)));
static struct page_tables tables = {root_table, 1, table_pool, ARRAY_SIZE(table_pool), 0};

#define HOST_MEMORY (PTE_AF | PTE_AP1 | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL))
#define HOST_DEVICE (PTE_AF | PTE_AP1 | PTE_ATTR(ATTR_DEVICE) | PTE_XN)
#define SCTLR_EL2_ON (0x30c50830UL | BIT(0) | BIT(2) | BIT(12))

/* One bit for each page of all banks, from the lowest bank's base; 1: taken. */
static u64 *taken;
static u64 first_page, page_count, used_pages, total_pages, hint;
static spinlock page_lock;

void mmu_enable_cpu(void) {
  u64 ps = MIN(FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0), 5UL);
  write_sysreg(mair_el2, MAIR_VALUE);
  /* 39 bits, 4 KB granule, write-back inner-shareable walks; bits 31 and 23 are RES1. */
  write_sysreg(tcr_el2, 25UL | 1UL << 8 | 1UL << 10 | 3UL << 12 | ps << 16 | BIT(23) | BIT(31));
  write_sysreg(ttbr0_el2, root_table);
  dsb(ish);
  __asm__ volatile("tlbi alle2\n dsb nsh\n isb" : : : "memory");
  write_sysreg(sctlr_el2, SCTLR_EL2_ON);
  isb();
}

static void mark(u64 base, u64 size, bool value) {
  u64 from = MAX(base / PAGE_SIZE, first_page);
  u64 to = MIN(ALIGN_UP(base + size, PAGE_SIZE) / PAGE_SIZE, first_page + page_count);
  for (u64 page = from; page < to; page++) {
    u64 at = page - first_page;
    /* Whole words at once where all of their pages change. */
    if (IS_ALIGNED(at, 64) && to - page >= 64 && taken[at / 64] == (value ? 0 : ~0UL)) {
      taken[at / 64] = value ? ~0UL : 0;
      used_pages += value ? 64UL : -64UL;
      page += 63;
      continue;
    }
    bool was = taken[at / 64] >> (at % 64) & 1;
    if (was == value)
      continue;
    taken[at / 64] ^= 1UL << (at % 64);
    used_pages += value ? 1UL : -1UL;
  }
}

void memory_init(void) {
  u64 low = ~0UL, high = 0;
  mmu_map(&tables, 0, 0, 0x40000000, HOST_DEVICE);
  for (u32 i = 0; i < machine.memories; i++) {
    const struct range *bank = &machine.memory[i];
    mmu_map(&tables, bank->base, bank->base, ALIGN_UP(bank->size, 0x200000), HOST_MEMORY);
    low = MIN(low, bank->base);
    high = MAX(high, bank->base + bank->size);
  }
  mmu_enable_cpu();
  first_page = low / PAGE_SIZE;
  page_count = (high - low) / PAGE_SIZE;
  taken = (u64 *)ALIGN_UP((u64)__host_end, PAGE_SIZE);
  u64 map_bytes = ALIGN_UP(page_count, 64) / 8;
  memset(taken, 0xff, map_bytes);
  used_pages = page_count;
  for (u32 i = 0; i < machine.memories; i++) {
    mark(machine.memory[i].base, machine.memory[i].size, false);
    total_pages += machine.memory[i].size / PAGE_SIZE;
  }
  used_pages = 0;
  /* The device tree, what others reserved, the host itself with this map. */
  mark(low, 0x200000, true);
  for (u32 i = 0; i < machine.reserveds; i++)
    mark(machine.reserved[i].base, machine.reserved[i].size, true);
  mark((u64)__host_start, (u64)taken + map_bytes - (u64)__host_start, true);
}

static bool free_run(u64 at, u64 count, u64 *blocked) {
  for (u64 i = 0; i < count; i++)
    if (taken[(at + i) / 64] >> ((at + i) % 64) & 1) {
      *blocked = at + i;
      return false;
    }
  return true;
}

static void *find(u64 from, u64 to, u64 count, u64 align) {
  u64 at = ALIGN_UP(first_page + from, align) - first_page;
  while (at + count <= to) {
    u64 blocked;
    if (free_run(at, count, &blocked)) {
      mark((first_page + at) * PAGE_SIZE, count * PAGE_SIZE, true);
      hint = at + count;
      return (void *)((first_page + at) * PAGE_SIZE);
    }
    /* Whole words that are taken are stepped over at once. */
    u64 next = blocked + 1;
    while (next + 64 <= to && IS_ALIGNED(next, 64) && taken[next / 64] == ~0UL)
      next += 64;
    at = ALIGN_UP(first_page + next, align) - first_page;
  }
  return NULL;
}

void *pages_alloc(u64 count, u64 align_pages) {
  spin_lock(&page_lock);
  void *found = find(hint, page_count, count, align_pages);
  if (!found)
    found = find(0, page_count, count, align_pages);
  spin_unlock(&page_lock);
  return found;
}

void pages_free(void *pages, u64 count) {
  spin_lock(&page_lock);
  mark((u64)pages, count * PAGE_SIZE, false);
  spin_unlock(&page_lock);
}

u64 pages_total(void) {
  return total_pages;
}
u64 pages_used(void) {
  return used_pages;
}

void zero(void *memory, u64 size) {
  u64 id = read_sysreg(dczid_el0);
  u64 line = 4UL << FIELD(id, 3, 0);
  if ((id & BIT(4)) || !IS_ALIGNED((u64)memory | size, line)) {
    memset(memory, 0, size);
    return;
  }
  for (u64 at = (u64)memory; at < (u64)memory + size; at += line)
    __asm__ volatile("dc zva, %0" : : "r"(at) : "memory");
}

/* The heap: blocks of powers of two with a word in front that says which; large ones are pages. */
enum { SMALLEST = 5, LARGEST = 11 };
#define WHOLE_PAGES (1UL << 63)
static void *free_blocks[LARGEST + 1];
static spinlock heap_lock;

void *heap_alloc(size_t size) {
  u64 needed = size + 16;
  if (needed > 1UL << LARGEST) {
    u64 count = ALIGN_UP(needed, PAGE_SIZE) / PAGE_SIZE;
    u64 *block = pages_alloc(count, 1);
    if (!block)
      panic("out of memory (%lu bytes)", size);
    block[0] = WHOLE_PAGES | count;
    return block + 2;
  }
  u32 order = SMALLEST;
  while (1UL << order < needed)
    order++;
  spin_lock(&heap_lock);
  if (!free_blocks[order]) {
    u8 *page = pages_alloc(1, 1);
    if (!page)
      panic("out of memory (%lu bytes)", size);
    for (u64 at = 0; at < PAGE_SIZE; at += 1UL << order) {
      *(void **)(void *)(page + at) = free_blocks[order];
      free_blocks[order] = page + at;
    }
  }
  u64 *block = free_blocks[order];
  free_blocks[order] = *(void **)block;
  spin_unlock(&heap_lock);
  memset(block, 0, 1UL << order);
  block[0] = order;
  return block + 2;
}

void heap_free(void *memory) {
  if (!memory)
    return;
  u64 *block = (u64 *)memory - 2;
  if (block[0] & WHOLE_PAGES) {
    pages_free(block, block[0] & ~WHOLE_PAGES);
    return;
  }
  u64 order = block[0];
  spin_lock(&heap_lock);
  *(void **)block = free_blocks[order];
  free_blocks[order] = block;
  spin_unlock(&heap_lock);
}
