/* QEMU's configuration device by its data register (docs/specs/fw_cfg). */
#include "fw_cfg.h"

#include "lib.h"

/* Registers: big-endian but for the data, which is bytes. */
enum { DATA = 0, SELECTOR = 8 };
enum { KEY_SIGNATURE = 0x00, KEY_DIRECTORY = 0x19 };

struct file {
  u8 size[4];
  u8 key[2];
  u8 reserved[2];
  char name[56];
};

static void select(u64 base, u16 key) {
  *(volatile u16 *)(base + SELECTOR) = __builtin_bswap16(key);
}

/* The next bytes of the selected item. */
static void take(u64 base, void *to, u64 size) {
  for (u64 i = 0; i < size; i++)
    ((u8 *)to)[i] = *(volatile u8 *)(base + DATA);
}

static bool present(u64 base) {
  char signature[4];
  if (!base)
    return false;
  select(base, KEY_SIGNATURE);
  take(base, signature, sizeof signature);
  return memcmp(signature, "QEMU", sizeof signature) == 0;
}

u32 fw_cfg_number(u64 base, u16 key) {
  u8 bytes[4];
  if (!present(base))
    return 0;
  select(base, key);
  take(base, bytes, sizeof bytes);
  return bytes[0] | (u32)bytes[1] << 8 | (u32)bytes[2] << 16 | (u32)bytes[3] << 24;
}

bool fw_cfg_text(u64 base, const char *name, char *text, u32 size) {
  struct file file;
  u8 count[4];
  if (!present(base))
    return false;
  select(base, KEY_DIRECTORY);
  take(base, count, sizeof count);
  for (u32 left = read_be32(count); left; left--) {
    take(base, &file, sizeof file);
    if (strncmp(file.name, name, sizeof file.name) != 0)
      continue;
    u32 length = read_be32(file.size);
    if (length >= size)
      return false;
    select(base, (u16)(file.key[0] << 8 | file.key[1]));
    take(base, text, length);
    text[length] = 0;
    return true;
  }
  return false;
}
