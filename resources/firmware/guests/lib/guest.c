/* What the device tree and RMM say of this guest. */
#include "guest.h"

#include "fdt.h"

struct guest guest;

enum { MAX_DEPTH = 8 };

struct node {
  bool memory, cpu, uart, gic, chosen;
  const u8 *reg;
  u32 reg_length;
  u32 intid;
};

static void take(const struct node *node) {
  if (!node->reg)
    return;
  if (node->memory) {
    guest.memory_base = read_be64(node->reg);
    guest.memory_size = read_be64(node->reg + 8);
  } else if (node->cpu)
    guest.cpus++;
  else if (node->uart && !guest.uart) {
    guest.uart = read_be64(node->reg);
    guest.uart_intid = node->intid;
  } else if (node->gic) {
    guest.distributor = read_be64(node->reg);
    guest.redistributors = read_be64(node->reg + 16);
  }
}

/* Nodes of the root's children carry all that matters; lkvm's cells are two and two, but one for cores. */
static bool read_tree(const void *blob) {
  struct fdt tree;
  if (!fdt_open(&tree, blob, 0x10000))
    return false;
  struct fdt_cursor cursor;
  struct fdt_token token;
  struct node node = {0};
  fdt_start(&cursor, &tree);
  while (fdt_next(&cursor, &token)) {
    if (token.kind != FDT_PROP) {
      take(&node);
      node = (struct node){.chosen = token.kind == FDT_BEGIN_NODE && strcmp(token.name, "chosen") == 0};
    } else if (strcmp(token.name, "device_type") == 0) {
      node.memory = fdt_has_string(token.value, token.length, "memory");
      node.cpu = fdt_has_string(token.value, token.length, "cpu");
    } else if (strcmp(token.name, "compatible") == 0) {
      node.uart = fdt_has_string(token.value, token.length, "ns16550a");
      node.gic = fdt_has_string(token.value, token.length, "arm,gic-v3");
    } else if (strcmp(token.name, "reg") == 0) {
      node.reg = token.value;
      node.reg_length = token.length;
    } else if (strcmp(token.name, "interrupts") == 0 && token.length >= 12)
      node.intid = read_be32(token.value + 4) + 32;
    else if (node.chosen && strcmp(token.name, "bootargs") == 0)
      snprintf(guest.arguments, sizeof guest.arguments, "%s", (const char *)token.value);
  }
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

void panic_at(const char *file, int line, const char *format, ...) {
  char text[160];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  printf("FAIL: guest core %u, %s:%d: %s\n", cpu_index(), file, line, text);
  guest_power_off();
}

void print_hex(const u8 *bytes, u32 size) {
  for (u32 i = 0; i < size; i++)
    printf("%02x", bytes[i]);
  printf("\n");
}
