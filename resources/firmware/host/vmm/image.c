/* A guest's first memory: kernel, ramdisk, device tree, placed as kvmtool places them. */
#include "../fs.h"
#include "rmi.h"
#include "vmm.h"

#define IMAGE_MAGIC 0x644d5241U
#define FDT_SIZE 0x10000UL
#define FDT_LIMIT 0x10000000UL
#define GIC_PHANDLE 1
enum { IRQ_SPI, IRQ_PPI, IRQ_LEVEL = 4 };

static struct node *open(const char *path, const char *what) {
  struct node *node = fs_find(task_self()->cwd, path);
  if (!node || node->kind != NODE_FILE || !fs_data(node)) {
    tprintf("  Fatal: Unable to open %s: %s\n", what, path);
    return NULL;
  }
  return node;
}

static void cells(struct fdt_writer *w, const char *name, const u32 *value, u32 count) {
  u8 bytes[4 * 16];
  for (u32 i = 0; i < count; i++)
    write_be32(bytes + 4 * i, value[i]);
  fdt_write_property(w, name, bytes, 4 * count);
}
#define CELLS(w, name, ...) cells(w, name, (const u32[]){__VA_ARGS__}, sizeof((const u32[]){__VA_ARGS__}) / 4)
#define WIDE(v) (u32)((u64)(v) >> 32), (u32)(v)

static u32 write_tree(struct vm *vm, void *buffer, const struct loaded *initrd, const char *params) {
  struct fdt_writer writer, *w = &writer;
  char name[40];
  fdt_write_start(w, buffer, FDT_SIZE, NULL);
  fdt_write_begin(w, "");
  fdt_write_u32(w, "interrupt-parent", GIC_PHANDLE);
  fdt_write_string(w, "compatible", "linux,dummy-virt");
  fdt_write_u32(w, "#address-cells", 2);
  fdt_write_u32(w, "#size-cells", 2);
  fdt_write_begin(w, "chosen");
  fdt_write_string(w, "bootargs", params);
  fdt_write_string(w, "stdout-path", "/U6_16550A@1000000");
  if (initrd->size) {
    CELLS(w, "linux,initrd-start", WIDE(initrd->base));
    CELLS(w, "linux,initrd-end", WIDE(initrd->base + initrd->size));
  }
  fdt_write_end(w);
  snprintf(name, sizeof name, "memory@%lx", GUEST_RAM_BASE);
  fdt_write_begin(w, name);
  fdt_write_string(w, "device_type", "memory");
  CELLS(w, "reg", WIDE(GUEST_RAM_BASE), WIDE(vm->ram_size));
  fdt_write_end(w);
  fdt_write_begin(w, "cpus");
  fdt_write_u32(w, "#address-cells", 1);
  fdt_write_u32(w, "#size-cells", 0);
  for (u32 i = 0; i < vm->vcpu_count; i++) {
    snprintf(name, sizeof name, "cpu@%x", i);
    fdt_write_begin(w, name);
    fdt_write_string(w, "device_type", "cpu");
    fdt_write_string(w, "compatible", "arm,arm-v8");
    if (vm->vcpu_count > 1)
      fdt_write_string(w, "enable-method", "psci");
    fdt_write_u32(w, "reg", i);
    fdt_write_end(w);
  }
  fdt_write_end(w);
  u64 redistributors = vm->vcpu_count * GUEST_GICR_STRIDE;
  fdt_write_begin(w, "intc");
  fdt_write_string(w, "compatible", "arm,gic-v3");
  fdt_write_u32(w, "#interrupt-cells", 3);
  fdt_write_property(w, "interrupt-controller", NULL, 0);
  CELLS(w, "reg", WIDE(GUEST_GICD_BASE), WIDE(GUEST_GICD_SIZE), WIDE(GUEST_GICD_BASE - redistributors), WIDE(redistributors));
  fdt_write_u32(w, "phandle", GIC_PHANDLE);
  fdt_write_u32(w, "#address-cells", 2);
  fdt_write_u32(w, "#size-cells", 2);
  fdt_write_end(w);
  for (u32 i = 0; i < GUEST_UARTS; i++) {
    u64 base = GUEST_UART_BASE + i * GUEST_UART_STRIDE;
    snprintf(name, sizeof name, "U6_16550A@%lx", base);
    fdt_write_begin(w, name);
    fdt_write_string(w, "compatible", "ns16550a");
    CELLS(w, "reg", WIDE(base), WIDE(8));
    CELLS(w, "interrupts", IRQ_SPI, GUEST_UART_INTID - 32 + i, IRQ_LEVEL);
    fdt_write_u32(w, "clock-frequency", 1843200);
    fdt_write_end(w);
  }
  if (vm->disk) {
    snprintf(name, sizeof name, "virtio@%lx", GUEST_VIRTIO_BASE);
    fdt_write_begin(w, name);
    fdt_write_string(w, "compatible", "virtio,mmio");
    fdt_write_property(w, "dma-coherent", NULL, 0);
    CELLS(w, "reg", WIDE(GUEST_VIRTIO_BASE), WIDE(GUEST_VIRTIO_SIZE));
    CELLS(w, "interrupts", IRQ_SPI, GUEST_VIRTIO_INTID - 32, IRQ_LEVEL);
    fdt_write_end(w);
  }
  fdt_write_begin(w, "timer");
  fdt_write_string(w, "compatible", "arm,armv8-timer");
  CELLS(w, "interrupts", IRQ_PPI, 13, IRQ_LEVEL, IRQ_PPI, 14, IRQ_LEVEL, IRQ_PPI, 11, IRQ_LEVEL, IRQ_PPI, 10, IRQ_LEVEL);
  fdt_write_property(w, "always-on", NULL, 0);
  fdt_write_end(w);
  static const char psci[] = "arm,psci-1.0\0arm,psci-0.2";
  fdt_write_begin(w, "psci");
  fdt_write_property(w, "compatible", psci, sizeof psci);
  fdt_write_string(w, "method", vm->realm ? "smc" : "hvc");
  fdt_write_end(w);
  fdt_write_end(w);
  return fdt_write_finish(w);
}

bool vm_load(struct vm *vm, const struct launch *launch) {
  struct node *kernel = open(launch->kernel, "kernel");
  struct node *ramdisk = launch->initrd ? open(launch->initrd, "initrd") : NULL;
  if (!kernel || (launch->initrd && !ramdisk))
    return false;
  const u8 *image = fs_data(kernel);
  u64 text_offset = 0, image_size = kernel->size;
  u32 magic = 0;
  if (kernel->size >= 64)
    memcpy(&magic, image + 56, 4);
  if (magic == IMAGE_MAGIC) {
    text_offset = read_le64(image + 8);
    image_size = MAX(read_le64(image + 16), kernel->size);
  }
  u64 limit = MIN(vm->ram_size, FDT_LIMIT);
  u64 fdt = ALIGN_DOWN(GUEST_RAM_BASE + limit - FDT_SIZE, CHUNK_SIZE);
  struct loaded initrd = {0, 0};
  u64 top = fdt;
  if (ramdisk && ramdisk->size) {
    initrd.size = ramdisk->size;
    initrd.base = ALIGN_DOWN(fdt - ramdisk->size, PAGE_SIZE);
    top = initrd.base;
  }
  vm->entry = GUEST_RAM_BASE + text_offset;
  if (vm->entry + image_size > top || initrd.size > limit / 2) {
    tprintf("  Fatal: kernel and ramdisk do not fit into %lu MB\n", vm->ram_size >> 20);
    return false;
  }
  char params[512];
  bool root = launch->disk && !launch->nodefaults && !(launch->params && text_find(launch->params, "root="));
  snprintf(params, sizeof params, "%s%s%s", launch->nodefaults ? "" : "console=ttyS0 ", root ? "root=/dev/vda rw " : "",
           launch->params ? launch->params : "");
  void *buffer = heap_alloc(FDT_SIZE);
  u32 size = write_tree(vm, buffer, &initrd, params);
  vm->fdt = fdt;
  bool done = size && vm_write(vm, vm->entry, image, kernel->size) && vm_write(vm, fdt, buffer, size) &&
              (!initrd.size || vm_write(vm, initrd.base, fs_data(ramdisk), initrd.size));
  heap_free(buffer);
  if (!done) {
    tprintf("  Fatal: no memory is left\n");
    return false;
  }
  const struct loaded parts[] = {{vm->entry, image_size}, initrd, {fdt, size}};
  return !vm->realm || realm_setup(vm, launch, parts, ARRAY_SIZE(parts));
}
