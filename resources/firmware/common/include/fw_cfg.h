/* What the machine was started with, where it has QEMU's configuration device; base is that of its registers, 0: none. */
#ifndef FW_CFG_H
#define FW_CFG_H

#include "types.h"

enum {
  FW_CFG_ID = 0x01,
  FW_CFG_KERNEL_SIZE = 0x08,
  FW_CFG_INITRD_SIZE = 0x0b,
  FW_CFG_KERNEL_DATA = 0x11,
  FW_CFG_INITRD_DATA = 0x12
};
#define FW_CFG_ID_DMA BIT(1)

/* An item of 32 bits, little-endian; 0 if there is none. */
u32 fw_cfg_number(u64 base, u16 key);
/* The content of a file with a NUL behind it; false if there is none of that name that fits. */
bool fw_cfg_text(u64 base, const char *name, char *text, u32 size);

#endif
