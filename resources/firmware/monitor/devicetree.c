/* The machine's device tree: what the monitor takes from it and what it adds. */
#include "arch.h"
#include "fdt.h"
#include "lib.h"
#include "platform.h"

struct platform platform;

static u8 scratch[DEVICE_TREE_LIMIT / 4] __attribute__((aligned(16)));

/* Room for RMM: its image and data, and eight bytes for each granule of DRAM. */
static u64 carve_out_size(void) {
  u64 dram = 0;
  for (u32 i = 0; i < platform.dram_banks; i++)
    dram += platform.dram[i].size;
  return ALIGN_UP(0x400000 + dram / PAGE_SIZE * 8, 0x200000);
}

static void take_node(const struct fdt_node *node) {
  u64 base, size;
  if (!fdt_reg(node, 0, &base, &size) || fdt_says(node, "status", "disabled"))
    return;
  if (fdt_says(node, "device_type", "memory")) {
    for (u32 i = 0; fdt_reg(node, i, &base, &size) && platform.dram_banks < MAX_DRAM_BANKS; i++)
      if (size)
        platform.dram[platform.dram_banks++] = (struct memory_bank){base, size};
  } else if (fdt_says(node, "device_type", "cpu")) {
    if (platform.cpus < MAX_CPUS)
      platform.cpu_mpidr[platform.cpus++] = base & 0xff00ffffffUL;
  } else if (fdt_says(node, "compatible", "qemu,fw-cfg-mmio")) {
    platform.fw_cfg = base;
  } else if (fdt_says(node, "compatible", "arm,pl011")) {
    if (base == UART_RMM_BASE)
      platform.rmm_console = base;
    if (base == UART_MONITOR_BASE)
      platform.monitor_console = base;
  }
}

bool device_tree_read(void) {
  struct fdt tree;
  struct fdt_nodes nodes;
  struct fdt_node node;
  platform = (struct platform){.monitor_console = UART0_BASE, .rmm_console = UART0_BASE};
  if (!fdt_open(&tree, (const void *)DEVICE_TREE_BASE, DEVICE_TREE_LIMIT))
    return false;
  fdt_nodes_start(&nodes, &tree);
  while (fdt_next_node(&nodes, &node))
    take_node(&node);
  if (!platform.dram_banks || !platform.cpus)
    return false;
  platform.rmm_size = carve_out_size();
  return true;
}

u32 cpu_index_of(u64 mpidr) {
  if (mpidr & ~0xff00ffffffUL)
    return MAX_CPUS;
  for (u32 i = 0; i < platform.cpus; i++)
    if (platform.cpu_mpidr[i] == mpidr) {
      u64 index = FIELD(mpidr, 15, 8) * 16 + FIELD(mpidr, 7, 0);
      return index < MAX_CPUS ? (u32)index : MAX_CPUS;
    }
  return MAX_CPUS;
}

static void write_psci(struct fdt_writer *writer) {
  static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";
  fdt_write_begin(writer, "psci");
  fdt_write_property(writer, "compatible", compatible, sizeof compatible);
  fdt_write_string(writer, "method", "smc");
  fdt_write_end(writer);
}

static void write_rmm_reservation(struct fdt_writer *writer) {
  u8 reg[16];
  char name[32];
  write_be64(reg, RMM_BASE);
  write_be64(reg + 8, platform.rmm_size);
  snprintf(name, sizeof name, "rmm@%x", RMM_BASE);
  fdt_write_begin(writer, name);
  fdt_write_property(writer, "reg", reg, sizeof reg);
  fdt_write_property(writer, "no-map", NULL, 0);
  fdt_write_end(writer);
}

static void write_reserved_memory(struct fdt_writer *writer) {
  fdt_write_begin(writer, "reserved-memory");
  fdt_write_u32(writer, "#address-cells", 2);
  fdt_write_u32(writer, "#size-cells", 2);
  fdt_write_property(writer, "ranges", NULL, 0);
  write_rmm_reservation(writer);
  fdt_write_end(writer);
}

static void write_initrd(struct fdt_writer *writer) {
  u8 value[8];
  if (!platform.initrd.size)
    return;
  write_be64(value, platform.initrd.base);
  fdt_write_property(writer, "linux,initrd-start", value, sizeof value);
  write_be64(value, platform.initrd.base + platform.initrd.size);
  fdt_write_property(writer, "linux,initrd-end", value, sizeof value);
}

/* A console that belongs to another world. */
static bool is_taken_uart(const char *name) {
  char taken[32];
  u64 consoles[] = {platform.rmm_console, platform.monitor_console};
  for (u32 i = 0; i < ARRAY_SIZE(consoles); i++) {
    snprintf(taken, sizeof taken, "pl011@%lx", consoles[i]);
    if (consoles[i] != UART0_BASE && strcmp(name, taken) == 0)
      return true;
  }
  return false;
}

void device_tree_patch(void) {
  struct fdt tree;
  struct fdt_writer writer;
  struct fdt_cursor cursor;
  struct fdt_token token;
  if (!fdt_open(&tree, (const void *)DEVICE_TREE_BASE, DEVICE_TREE_LIMIT))
    panic("the device tree is gone");
  fdt_write_start(&writer, scratch, sizeof scratch, &tree);
  fdt_start(&cursor, &tree);
  /* The tree may hold a /reserved-memory: then RMM's memory is one more child of it. */
  bool in_reserved = false;
  bool reserved = false;
  u32 dropped_depth = 0;
  bool in_cpu = false;
  bool in_taken = false;
  while (fdt_next(&cursor, &token)) {
    if (dropped_depth) {
      if (token.kind == FDT_END_NODE && token.depth == dropped_depth)
        dropped_depth = 0;
      continue;
    }
    switch (token.kind) {
    case FDT_BEGIN_NODE:
      if (token.depth == 2 && strcmp(token.name, "psci") == 0) {
        dropped_depth = token.depth;
        break;
      }
      fdt_write_begin(&writer, token.name);
      in_cpu = token.depth == 3 && strncmp(token.name, "cpu@", 4) == 0;
      in_taken = is_taken_uart(token.name);
      if (in_cpu)
        fdt_write_string(&writer, "enable-method", "psci");
      if (in_taken)
        fdt_write_string(&writer, "status", "disabled");
      if (token.depth == 2 && strcmp(token.name, "chosen") == 0)
        write_initrd(&writer);
      if (token.depth == 2 && strcmp(token.name, "reserved-memory") == 0)
        in_reserved = true;
      break;
    case FDT_PROP:
      if ((in_cpu && strcmp(token.name, "enable-method") == 0) || (in_taken && strcmp(token.name, "status") == 0))
        break;
      fdt_write_property(&writer, token.name, token.value, token.length);
      break;
    default:
      if (token.depth == 2 && in_reserved) {
        write_rmm_reservation(&writer);
        in_reserved = false;
        reserved = true;
      }
      if (token.depth == 1) {
        write_psci(&writer);
        if (!reserved)
          write_reserved_memory(&writer);
      }
      fdt_write_end(&writer);
    }
  }
  u32 size = fdt_write_finish(&writer);
  if (!size)
    panic("the device tree is larger than %lu bytes", sizeof scratch);
  memcpy((void *)DEVICE_TREE_BASE, scratch, size);
  dcache_clean_invalidate((void *)DEVICE_TREE_BASE, size);
  LOG_INFO("Device tree: PSCI, RMM's memory [0x%x, 0x%lx] reserved\n", RMM_BASE, RMM_BASE + platform.rmm_size - 1);
}
