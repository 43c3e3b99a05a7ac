#include "gpt.h"

#include "arch.h"
#include "lib.h"
#include "smccc.h"

#define TABLES_BASE (SECURE_RAM_BASE + MONITOR_SIZE)
#define TABLES_END (SECURE_RAM_BASE + SECURE_RAM_SIZE)

#define L0_BLOCK 1UL
#define L0_TABLE 3UL
#define GPI_SHIFT 4

#define GPCCR_IRGN_WB (1UL << 8)
#define GPCCR_ORGN_WB (1UL << 10)
#define GPCCR_SH_INNER (3UL << 12)
#define GPCCR_GPC BIT(16)

/* Protected space: 2^40 bytes, or what the core has if that is less. */
static u32 pps_code;
static const u8 pps_bits[] = {32, 36, 40, 42, 44, 48, 52};
static u32 l0_shift;
static u64 *l0;
static u64 tables_used;

static u64 *allocate(u64 size, u64 alignment) {
  u64 base = ALIGN_UP(TABLES_BASE + tables_used, alignment);
  if (base + size > TABLES_END)
    return NULL;
  tables_used = base + size - TABLES_BASE;
  return (u64 *)base;
}

/* The level-1 table of the region that holds pa, or NULL where level 0 maps it as a block. */
static u64 *l1_of(u64 pa) {
  u64 entry = l0[pa >> l0_shift];
  return (entry & 0xf) == L0_TABLE ? (u64 *)(entry & 0x0000fffffffff000UL) : NULL;
}

static void make_l1(u64 pa) {
  if (l1_of(pa))
    return;
  u64 size = 8UL << (l0_shift - PAGE_SHIFT - 4);
  u64 *table = allocate(size, size);
  if (!table) {
    LOG_WARN("GPT: no room for a table at 0x%lx: granules there cannot be delegated\n", pa);
    return;
  }
  u64 gpi = l0[pa >> l0_shift] >> GPI_SHIFT & 0xf;
  u64 word = gpi * 0x1111111111111111UL;
  for (u64 i = 0; i < size / 8; i++)
    table[i] = word;
  l0[pa >> l0_shift] = (u64)table | L0_TABLE;
}

/* Before the checks are on: no maintenance. base and size are multiples of 64 KB, one level-1 descriptor. */
static void assign(u64 base, u64 size, enum gpi gpi) {
  for (u64 pa = base; pa < base + size; pa += 16 * PAGE_SIZE) {
    u64 *l1 = l1_of(pa);
    if (!l1)
      panic("GPT: 0x%lx has no level 1 table", pa);
    l1[FIELD(pa, l0_shift - 1, 16)] = gpi * 0x1111111111111111UL;
  }
}

static void assign_granule(u64 pa, enum gpi gpi) {
  u64 *l1 = l1_of(pa);
  u32 shift = (u32)FIELD(pa, 15, 12) * 4;
  u64 *entry = &l1[FIELD(pa, l0_shift - 1, 16)];
  /* Neighbours change under other cores: the 16 granules of a descriptor are one word. */
  u64 old = __atomic_load_n(entry, __ATOMIC_RELAXED);
  u64 wanted;
  do
    wanted = (old & ~(0xfUL << shift)) | (u64)gpi << shift;
  while (!__atomic_compare_exchange_n(entry, &old, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

static enum gpi granule_gpi(u64 pa) {
  u64 *l1 = l1_of(pa);
  return l1 ? (enum gpi)(__atomic_load_n(&l1[FIELD(pa, l0_shift - 1, 16)], __ATOMIC_RELAXED) >> FIELD(pa, 15, 12) * 4 & 0xf)
            : GPI_NONE;
}

void gpt_build(void) {
  pps_code = MIN((u32)FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0), 2U);
  u32 code = (u32)FIELD(read_sysreg(SYS_GPCCR_EL3), 23, 20);
  l0_shift = 30 + code;
  tables_used = 0;
  u32 bits = pps_bits[pps_code];
  u64 entries = bits > l0_shift ? 1UL << (bits - l0_shift) : 1;
  l0 = allocate(MAX(entries * 8, (u64)PAGE_SIZE), MAX(entries * 8, (u64)PAGE_SIZE));
  for (u64 i = 0; i < entries; i++)
    l0[i] = L0_BLOCK | GPI_NS << GPI_SHIFT;
  make_l1(0);
  if (!l1_of(0))
    panic("GPT: level 0 regions of 2^%u bytes are too large", l0_shift);
  for (u32 i = 0; i < platform.dram_banks; i++) {
    const struct memory_bank *bank = &platform.dram[i];
    for (u64 pa = bank->base; pa < bank->base + bank->size; pa += 1UL << l0_shift)
      make_l1(pa);
    make_l1(bank->base + bank->size - 1);
  }
  assign(FLASH_BASE, FLASH_SIZE, GPI_ROOT);
  /* Devices answer in each PA space: the interrupt controller has Secure and Non-secure registers at one address. */
  assign(DEVICES_BASE, DEVICES_END - DEVICES_BASE, GPI_ANY);
  assign(SECURE_RAM_BASE, SECURE_RAM_SIZE, GPI_ROOT);
  assign(RMM_BASE, platform.rmm_size, GPI_REALM);
  if (platform.rmm_console != UART0_BASE)
    assign_granule(platform.rmm_console, GPI_REALM);
  if (platform.monitor_console != UART0_BASE)
    assign_granule(platform.monitor_console, GPI_ROOT);
  LOG_INFO("GPT: Boot Configuration\n");
  LOG_INFO("  PPS/T:     0x%x/%u\n", pps_code, bits);
  LOG_INFO("  PGS/P:     0x0/12\n");
  LOG_INFO("  L0GPTSZ/S: 0x%x/%u\n", code, l0_shift);
  LOG_INFO("  L0 base:   0x%lx\n", (u64)l0);
  LOG_INFO("  Tables:    0x%lx bytes\n", tables_used);
}

static void tlbi_all(void) {
  dsb(sy);
  __asm__ volatile("sys #6, c8, c1, #4" : : : "memory"); /* TLBI PAALLOS */
  dsb(sy);
  isb();
}

void gpt_disable(void) {
  write_sysreg(SYS_GPCCR_EL3, read_sysreg(SYS_GPCCR_EL3) & ~GPCCR_GPC);
  isb();
  tlbi_all();
}

void gpt_enable(void) {
  u64 control = pps_code | GPCCR_IRGN_WB | GPCCR_ORGN_WB | GPCCR_SH_INNER;
  write_sysreg(SYS_GPTBR_EL3, (u64)l0 >> PAGE_SHIFT);
  write_sysreg(SYS_GPCCR_EL3, control);
  isb();
  tlbi_all();
  write_sysreg(SYS_GPCCR_EL3, control | GPCCR_GPC);
  isb();
  tlbi_all();
}

/* PA space in a DC CIPAPA operand: NS is bit 63, NSE bit 62. */
#define PAPA_NS BIT(63)
#define PAPA_REALM (BIT(63) | BIT(62))

/* To the point of physical aliasing, so that no line of the old space is left or comes back. */
static void clean_alias(u64 pa, u64 space) {
  FOR_EACH_LINE(address, pa, PAGE_SIZE)
  __asm__ volatile("sys #6, c7, c14, #1, %0" : : "r"(address | space) : "memory");
  dsb(osh);
}

/* TLBI RPALOS for one 4 KB granule. */
static void tlbi_granule(u64 pa) {
  dsb(osh);
  __asm__ volatile("sys #6, c8, c4, #7, %0" : : "r"(pa >> PAGE_SHIFT) : "memory");
  dsb(osh);
}

static bool is_dram(u64 pa) {
  for (u32 i = 0; i < platform.dram_banks; i++)
    if (pa - platform.dram[i].base < platform.dram[i].size)
      return true;
  return false;
}

bool gpt_is_movable(u64 pa) {
  return IS_ALIGNED(pa, PAGE_SIZE) && is_dram(pa) && pa - RMM_BASE >= platform.rmm_size;
}

bool gpt_is_realm(u64 pa) {
  return granule_gpi(pa) == GPI_REALM;
}

u64 gpt_delegate(u64 pa) {
  if (!gpt_is_movable(pa))
    return E_RMM_BAD_ADDR;
  if (granule_gpi(pa) != GPI_NS)
    return E_RMM_BAD_PAS;
  clean_alias(pa, PAPA_REALM);
  assign_granule(pa, GPI_REALM);
  tlbi_granule(pa);
  clean_alias(pa, PAPA_NS);
  return E_RMM_OK;
}

u64 gpt_undelegate(u64 pa) {
  if (!gpt_is_movable(pa))
    return E_RMM_BAD_ADDR;
  if (granule_gpi(pa) != GPI_REALM)
    return E_RMM_BAD_PAS;
  clean_alias(pa, PAPA_NS);
  assign_granule(pa, GPI_NONE);
  tlbi_granule(pa);
  clean_alias(pa, PAPA_REALM);
  assign_granule(pa, GPI_NS);
  dsb(osh);
  /* "No access" was cached nowhere that matters: TLBs may hold only entries that allow an access. */
  isb();
  return E_RMM_OK;
}
