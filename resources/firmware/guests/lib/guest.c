/* What the device tree and RMM say of this guest. */
#include "guest.h"

#include "fdt.h"

struct guest guest;

static u64 address(const struct fdt_node *node, const char *property) {
  u32 length;
  const u8 *value = fdt_property(node, property, &length);
  return length == 8 ? read_be64(value) : 0;
}

static void take_node(const struct fdt_node *node) {
  u32 length;
  u64 base, size;
  if (strcmp(node->name, "chosen") == 0) {
    const u8 *arguments = fdt_property(node, "bootargs", &length);
    snprintf(guest.arguments, sizeof guest.arguments, "%s", arguments ? (const char *)arguments : "");
    guest.ramdisk = address(node, "linux,initrd-start");
    guest.ramdisk_size = address(node, "linux,initrd-end") - guest.ramdisk;
  }
  if (!fdt_reg(node, 0, &base, &size))
    return;
  if (fdt_says(node, "device_type", "memory")) {
    guest.memory_base = base;
    guest.memory_size = size;
  } else if (fdt_says(node, "device_type", "cpu"))
    guest.cpus++;
  else if (fdt_says(node, "compatible", "ns16550a") && !guest.uart) {
    guest.uart = base;
    guest.uart_intid = fdt_spi(node);
  } else if (fdt_says(node, "compatible", "arm,gic-v3")) {
    guest.distributor = base;
    fdt_reg(node, 1, &guest.redistributors, &size);
  } else if (fdt_says(node, "compatible", "virtio,mmio"))
    guest.disk = base;
}

static bool read_tree(const void *blob) {
  struct fdt tree;
  struct fdt_nodes nodes;
  struct fdt_node node;
  if (!fdt_open(&tree, blob, 0x10000))
    return false;
  fdt_nodes_start(&nodes, &tree);
  while (fdt_next_node(&nodes, &node))
    take_node(&node);
  return guest.memory_size && guest.cpus && guest.uart && guest.distributor;
}

/* A normal virtual machine's host answers that there is no such call. */
static void find_rmm(void) {
  struct smc_result result;
  u64 status = smc(RSI_FID(RSI_VERSION), RMI_ABI_1_0, 0, 0, 0, 0, 0, 0, &result);
  if (status == SMC_NOT_SUPPORTED)
    return;
  guest.rsi_lowest = result.x[1];
  guest.rsi_highest = result.x[2];
  if (status != RSI_SUCCESS || rsi(RSI_REALM_CONFIG, (u64)rsi_page, 0, 0, 0, NULL) != RSI_SUCCESS)
    return;
  guest.realm = true;
  guest.shared = BIT(((const struct rsi_realm_config *)(const void *)rsi_page)->ipa_width - 1);
}

void guest_start(const void *tree) {
  bool known = read_tree(tree);
  find_rmm();
  guest.uart |= guest.shared;
  guest.distributor |= guest.shared;
  guest.redistributors |= guest.shared;
  if (guest.disk)
    guest.disk |= guest.shared;
  mmu_init();
  mmu_on();
  console_init_guest();
  if (!known)
    panic("the device tree at %p says not enough", tree);
  gic_init();
  gic_init_cpu();
  guest_main();
  guest_power_off();
}

void panic_end(const char *file, int line, const char *text) {
  printf("FAIL: guest core %u, %s:%d: %s\n", cpu_index(), file, line, text);
  guest_power_off();
}

void print_hex(const u8 *bytes, u32 size) {
  for (u32 i = 0; i < size; i++)
    printf("%02x", bytes[i]);
  printf("\n");
}
