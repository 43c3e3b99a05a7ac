/* What the machine was started with, where it has a fw_cfg device. */
#ifndef FW_CFG_H
#define FW_CFG_H

#include "types.h"

enum { FW_CFG_KERNEL_SIZE = 0x08, FW_CFG_INITRD_SIZE = 0x0b, FW_CFG_KERNEL_DATA = 0x11, FW_CFG_INITRD_DATA = 0x12 };

/* An item of 32 bits, little-endian; 0 if there is none. */
u32 fw_cfg_number(u16 key);
/* Copies the first size bytes of an item to Non-secure memory; panics if they do not get there. */
void fw_cfg_load(u16 key, u64 address, u64 size);
/* True if there is a file of that name with just that text, of at most 16 characters. */
bool fw_cfg_file_says(const char *name, const char *text);

#endif
