/* What the normal world starts with: a kernel of fw_cfg, an Image that lies in memory, or the flash's payload. */
#include "arch.h"
#include "fw_cfg.h"
#include "lib.h"
#include "monitor.h"

/* Header of an arm64 Image (Linux, Documentation/arch/arm64/booting). */
struct image_header {
  u32 code[2];
  u64 text_offset;
  u64 image_size;
  u64 flags;
  u64 reserved[3];
  u32 magic;
  u32 pe_offset;
};
#define IMAGE_MAGIC 0x644d5241U
#define IMAGE_ALIGNMENT 0x200000UL
#define KERNEL_BASE 0x48000000UL

static bool in_dram(u64 base, u64 size) {
  for (u32 i = 0; i < platform.dram_banks; i++) {
    const struct memory_bank *bank = &platform.dram[i];
    if (base >= bank->base && size <= bank->size && base - bank->base <= bank->size - size)
      return base >= RMM_BASE + platform.rmm_size || base + size <= RMM_BASE;
  }
  return false;
}

/* fw_cfg by DMA: numbers are big-endian. */
#define FW_CFG_DMA_ADDRESS 16
#define DMA_ERROR BIT(0)
#define DMA_READ BIT(1)
#define DMA_SELECT BIT(3)
struct dma {
  u8 control[4];
  u8 length[4];
  u8 address[8];
};
/* The device is a Non-secure requester: what it reads must be Non-secure memory. */
#define DMA_PAGE (DEVICE_TREE_BASE + DEVICE_TREE_LIMIT)

static void fw_cfg_load(u16 key, u64 address, u64 size) {
  struct dma *dma = (struct dma *)DMA_PAGE;
  if (!(fw_cfg_number(platform.fw_cfg, FW_CFG_ID) & FW_CFG_ID_DMA))
    panic("fw_cfg has no DMA");
  write_be32(dma->control, (u32)(DMA_READ | DMA_SELECT) | (u32)key << 16);
  write_be32(dma->length, (u32)size);
  write_be64(dma->address, address);
  dcache_clean_invalidate(dma, sizeof *dma);
  *(volatile u64 *)(platform.fw_cfg + FW_CFG_DMA_ADDRESS) = __builtin_bswap64(DMA_PAGE);
  u32 control;
  while ((control = read_be32(dma->control)) != 0)
    if (control & DMA_ERROR)
      panic("fw_cfg: 0x%lx bytes of item 0x%x do not go to 0x%lx", size, key, address);
}

static void load(u16 key, u64 base, u64 size, u64 room, const char *what) {
  if (!in_dram(base, room))
    panic("the %s (0x%lx bytes at 0x%lx) does not fit in memory", what, room, base);
  fw_cfg_load(key, base, size);
  LOG_INFO("Payload: %s, 0x%lx bytes at 0x%lx\n", what, size, base);
}

/* The kernel, and behind it the initial RAM disk. */
static u64 load_kernel(u64 size) {
  struct image_header header;
  load(FW_CFG_KERNEL_DATA, KERNEL_BASE, size, size, "kernel");
  memcpy(&header, (const void *)KERNEL_BASE, sizeof header);
  if (size < sizeof header || header.magic != IMAGE_MAGIC)
    panic("the kernel is no arm64 Image");
  u64 room = MAX(header.image_size, size);
  u64 entry = KERNEL_BASE + header.text_offset;
  if (header.text_offset >= IMAGE_ALIGNMENT || room > 1UL << 32 || !in_dram(entry, room))
    panic("the kernel (0x%lx bytes at 0x%lx) does not fit in memory", room, entry);
  if (header.text_offset) {
    memmove((void *)entry, (const void *)KERNEL_BASE, size);
    dcache_clean_invalidate((void *)entry, size);
  }
  u64 initrd_size = fw_cfg_number(platform.fw_cfg, FW_CFG_INITRD_SIZE);
  if (initrd_size) {
    platform.initrd = (struct memory_bank){ALIGN_UP(entry + room, IMAGE_ALIGNMENT), initrd_size};
    load(FW_CFG_INITRD_DATA, platform.initrd.base, initrd_size, initrd_size, "initial RAM disk");
  }
  return entry;
}

u64 payload_load(void) {
  u64 kernel_size = fw_cfg_number(platform.fw_cfg, FW_CFG_KERNEL_SIZE);
  if (kernel_size)
    return load_kernel(kernel_size);
  const struct image_header *preloaded = (const struct image_header *)PRELOADED_PAYLOAD;
  if (in_dram(PRELOADED_PAYLOAD, sizeof *preloaded) && preloaded->magic == IMAGE_MAGIC) {
    LOG_INFO("Payload: Image preloaded at 0x%x\n", PRELOADED_PAYLOAD);
    return PRELOADED_PAYLOAD;
  }
  const struct flash_image *image = flash_find("payload");
  if (!image)
    panic("no payload: neither a kernel in fw_cfg, nor an arm64 Image at 0x%x, nor one in flash", PRELOADED_PAYLOAD);
  if (!in_dram(image->load, image->size))
    panic("the payload (0x%lx bytes at 0x%lx) does not fit in memory", image->size, image->load);
  memcpy((void *)image->load, (const void *)image->offset, image->size);
  dcache_clean_invalidate((void *)image->load, image->size);
  LOG_INFO("Payload: 0x%lx bytes from flash at 0x%lx\n", image->size, image->load);
  return image->entry;
}
