/* The device tree: memory, cores, console, GIC, virtio transports. */
#include "fdt.h"
#include "host.h"

struct machine machine;

static struct range reg_at(const struct fdt_node *node, u32 index) {
  struct range range = {0, 0};
  return fdt_reg(node, index, &range.base, &range.size) ? range : (struct range){0, 0};
}

static void copy_text(char *to, u32 size, const struct fdt_node *node, const char *property) {
  u32 length;
  const u8 *text = fdt_property(node, property, &length);
  if (!text)
    return;
  length = MIN(length, size - 1);
  memcpy(to, text, length);
  to[length] = 0;
}

static bool available(const struct fdt_node *node) {
  u32 length;
  return !fdt_property(node, "status", &length) || fdt_says(node, "status", "okay");
}

static void take_node(const struct fdt_node *node) {
  if (node->depth == 1)
    copy_text(machine.model, sizeof machine.model, node, "compatible");
  if (node->depth == 2 && strcmp(node->name, "chosen") == 0)
    copy_text(machine.bootargs, sizeof machine.bootargs, node, "bootargs");
  u64 base, size;
  if (!fdt_reg(node, 0, &base, &size) || !available(node))
    return;
  if (node->depth == 3 && strcmp(node->parent.name, "reserved-memory") == 0) {
    if (machine.reserveds < ARRAY_SIZE(machine.reserved))
      machine.reserved[machine.reserveds++] = (struct range){base, size};
  } else if (fdt_says(node, "device_type", "memory")) {
    for (u32 i = 0; reg_at(node, i).size && machine.memories < MAX_BANKS; i++)
      machine.memory[machine.memories++] = reg_at(node, i);
  } else if (fdt_says(node, "device_type", "cpu")) {
    if (machine.cpus < MAX_CPUS)
      machine.cpu_mpidr[machine.cpus++] = base;
  } else if (fdt_says(node, "compatible", "arm,pl011")) {
    if (!machine.uart || base < machine.uart) {
      machine.uart = base;
      machine.uart_intid = fdt_spi(node);
    }
  } else if (fdt_says(node, "compatible", "arm,gic-v3")) {
    machine.distributor = reg_at(node, 0);
    machine.redistributors = reg_at(node, 1);
  } else if (fdt_says(node, "compatible", "virtio,mmio") && machine.virtios < MAX_VIRTIO) {
    machine.virtio[machine.virtios] = reg_at(node, 0);
    machine.virtio_intid[machine.virtios++] = fdt_spi(node);
  }
}

bool machine_read(const void *blob) {
  struct fdt tree;
  struct fdt_nodes nodes;
  struct fdt_node node;
  if (!fdt_open(&tree, blob, 0x200000))
    return false;
  fdt_nodes_start(&nodes, &tree);
  while (fdt_next_node(&nodes, &node))
    take_node(&node);
  return machine.memories && machine.cpus && machine.uart && machine.distributor.base;
}
