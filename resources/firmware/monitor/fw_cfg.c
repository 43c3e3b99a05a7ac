/* What the machine was started with (QEMU's docs/specs/fw_cfg): a kernel for the normal world, settings. */
#include "fw_cfg.h"

#include "arch.h"
#include "lib.h"
#include "platform.h"

/* Registers: big-endian but for the data, which is bytes. */
enum { DATA = 0, SELECTOR = 8, DMA_ADDRESS = 16 };
enum { KEY_SIGNATURE = 0x00, KEY_ID = 0x01, KEY_DIRECTORY = 0x19 };
#define ID_DMA BIT(1)

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

struct file {
  u8 size[4];
  u8 key[2];
  u8 reserved[2];
  char name[56];
};

static void select(u16 key) {
  *(volatile u16 *)(platform.fw_cfg + SELECTOR) = __builtin_bswap16(key);
}

/* The next bytes of the selected item. */
static void take(void *to, u64 size) {
  for (u64 i = 0; i < size; i++)
    ((u8 *)to)[i] = *(volatile u8 *)(platform.fw_cfg + DATA);
}

static bool present(void) {
  char signature[4];
  if (!platform.fw_cfg)
    return false;
  select(KEY_SIGNATURE);
  take(signature, sizeof signature);
  return memcmp(signature, "QEMU", sizeof signature) == 0;
}

u32 fw_cfg_number(u16 key) {
  u8 bytes[4];
  if (!present())
    return 0;
  select(key);
  take(bytes, sizeof bytes);
  return bytes[0] | (u32)bytes[1] << 8 | (u32)bytes[2] << 16 | (u32)bytes[3] << 24;
}

void fw_cfg_load(u16 key, u64 address, u64 size) {
  struct dma *dma = (struct dma *)DMA_PAGE;
  if (!(fw_cfg_number(KEY_ID) & ID_DMA))
    panic("fw_cfg has no DMA");
  write_be32(dma->control, (u32)(DMA_READ | DMA_SELECT) | (u32)key << 16);
  write_be32(dma->length, (u32)size);
  write_be64(dma->address, address);
  dcache_clean_invalidate(dma, sizeof *dma);
  *(volatile u64 *)(platform.fw_cfg + DMA_ADDRESS) = __builtin_bswap64(DMA_PAGE);
  u32 control;
  while ((control = read_be32(dma->control)) != 0)
    if (control & DMA_ERROR)
      panic("fw_cfg: 0x%lx bytes of item 0x%x do not go to 0x%lx", size, key, address);
}

bool fw_cfg_file_says(const char *name, const char *text) {
  struct file file;
  u8 count[4];
  char content[16];
  if (!present())
    return false;
  select(KEY_DIRECTORY);
  take(count, sizeof count);
  for (u32 left = read_be32(count); left; left--) {
    take(&file, sizeof file);
    if (strncmp(file.name, name, sizeof file.name) != 0)
      continue;
    u32 size = read_be32(file.size);
    if (size != strlen(text) || size > sizeof content)
      return false;
    select((u16)(file.key[0] << 8 | file.key[1]));
    take(content, size);
    return memcmp(content, text, size) == 0;
  }
  return false;
}
