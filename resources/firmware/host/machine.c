/* The device tree: memory, cores, console, GIC, virtio transports. */
#include "fdt.h"
#include "host.h"

struct machine machine;

enum { MAX_DEPTH = 16, SPI_BASE = 32 };

struct node {
  const char *name;
  const u8 *reg;
  u32 reg_length;
  const u8 *interrupts;
  u32 interrupts_length;
  const u8 *compatible;
  u32 compatible_length;
  bool memory, cpu, disabled;
};

static bool is(const struct node *node, const char *name) {
  return node->compatible && fdt_has_string(node->compatible, node->compatible_length, name);
}

static struct range reg_at(const struct node *node, u32 index, u32 a, u32 s) {
  u32 at = index * 4 * (a + s);
  if (at + 4 * (a + s) > node->reg_length)
    return (struct range){0, 0};
  return (struct range){fdt_cells(node->reg + at, a), fdt_cells(node->reg + at + 4 * a, s)};
}

static u32 intid_of(const struct node *node) {
  return node->interrupts_length >= 12 ? read_be32(node->interrupts + 4) + SPI_BASE : 0;
}

static void take_node(const struct node *node, u32 a, u32 s, bool reserved) {
  if (!node->reg || node->disabled)
    return;
  struct range first = reg_at(node, 0, a, s);
  if (reserved) {
    if (machine.reserveds < ARRAY_SIZE(machine.reserved))
      machine.reserved[machine.reserveds++] = first;
  } else if (node->memory) {
    for (u32 i = 0; reg_at(node, i, a, s).size && machine.memories < MAX_BANKS; i++)
      machine.memory[machine.memories++] = reg_at(node, i, a, s);
  } else if (node->cpu) {
    if (machine.cpus < MAX_CPUS)
      machine.cpu_mpidr[machine.cpus++] = first.base;
  } else if (is(node, "arm,pl011")) {
    if (!machine.uart || first.base < machine.uart) {
      machine.uart = first.base;
      machine.uart_intid = intid_of(node);
    }
  } else if (is(node, "arm,gic-v3")) {
    machine.distributor = first;
    machine.redistributors = reg_at(node, 1, a, s);
  } else if (is(node, "virtio,mmio") && machine.virtios < MAX_VIRTIO) {
    machine.virtio[machine.virtios] = first;
    machine.virtio_intid[machine.virtios++] = intid_of(node);
  }
}

static void copy_text(char *to, u32 size, const struct fdt_token *token) {
  u32 length = MIN(token->length, size - 1);
  memcpy(to, token->value, length);
  to[length] = 0;
}

bool machine_read(const void *blob) {
  struct fdt tree;
  if (!fdt_open(&tree, blob, 0x200000))
    return false;
  u32 a[MAX_DEPTH + 1] = {2}, s[MAX_DEPTH + 1] = {1};
  struct node node = {0};
  bool open = false;
  u32 reserved_depth = 0;
  struct fdt_cursor cursor;
  struct fdt_token token;
  fdt_start(&cursor, &tree);
  while (fdt_next(&cursor, &token)) {
    u32 depth = token.depth;
    if (depth > MAX_DEPTH)
      return false;
    if (token.kind == FDT_PROP) {
      if (strcmp(token.name, "#address-cells") == 0)
        a[depth] = MIN(read_be32(token.value), 2U);
      else if (strcmp(token.name, "#size-cells") == 0)
        s[depth] = MIN(read_be32(token.value), 2U);
      else if (strcmp(token.name, "device_type") == 0) {
        node.memory = fdt_has_string(token.value, token.length, "memory");
        node.cpu = fdt_has_string(token.value, token.length, "cpu");
      } else if (strcmp(token.name, "status") == 0)
        node.disabled = !fdt_has_string(token.value, token.length, "okay");
      else if (strcmp(token.name, "reg") == 0) {
        node.reg = token.value;
        node.reg_length = token.length;
      } else if (strcmp(token.name, "interrupts") == 0) {
        node.interrupts = token.value;
        node.interrupts_length = token.length;
      } else if (strcmp(token.name, "compatible") == 0) {
        node.compatible = token.value;
        node.compatible_length = token.length;
        if (depth == 1)
          copy_text(machine.model, sizeof machine.model, &token);
      } else if (strcmp(token.name, "bootargs") == 0)
        copy_text(machine.bootargs, sizeof machine.bootargs, &token);
      else if (strcmp(token.name, "method") == 0)
        machine.psci_smc = fdt_has_string(token.value, token.length, "smc");
      continue;
    }
    if (open) {
      u32 parent = token.kind == FDT_BEGIN_NODE ? depth - 2 : depth - 1;
      u32 own = parent + 1;
      take_node(&node, a[parent], s[parent], reserved_depth && own > reserved_depth);
    }
    open = token.kind == FDT_BEGIN_NODE;
    if (open) {
      node = (struct node){.name = token.name};
      a[depth] = 2;
      s[depth] = 1;
      if (depth == 2 && strcmp(token.name, "reserved-memory") == 0)
        reserved_depth = depth;
    } else if (depth == reserved_depth)
      reserved_depth = 0;
  }
  return machine.memories && machine.cpus && machine.uart && machine.distributor.base;
}
