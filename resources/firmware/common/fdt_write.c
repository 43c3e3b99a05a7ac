#include "fdt.h"

#include "lib.h"

enum { VERSION = 17, COMPATIBLE_VERSION = 16 };

/* Offset of the structure block: header, then the memory reservations, which the writer copies. */
static u32 struct_start(const struct fdt_writer *writer) {
  return read_be32(writer->blob + 8);
}

static u8 *take(struct fdt_writer *writer, u32 size) {
  u32 at = struct_start(writer) + writer->struct_used;
  size = (u32)ALIGN_UP(size, 4);
  if (writer->failed || (u64)at + size + writer->strings_used > writer->size) {
    writer->failed = true;
    return NULL;
  }
  writer->struct_used += size;
  memset(writer->blob + at, 0, size);
  return writer->blob + at;
}

static void put_u32(struct fdt_writer *writer, u32 value) {
  u8 *to = take(writer, 4);
  if (to)
    write_be32(to, value);
}

/* Strings stand at the buffer's end in reverse order of arrival; an offset is counted once the block is in place. */
static u32 string_position(struct fdt_writer *writer, const char *name) {
  u32 size = (u32)strlen(name) + 1;
  u8 *end = writer->blob + writer->size;
  for (u8 *at = end - writer->strings_used; at < end; at += strlen((char *)at) + 1)
    if (strcmp((char *)at, name) == 0)
      return (u32)(end - at);
  if (writer->failed || (u64)struct_start(writer) + writer->struct_used + writer->strings_used + size > writer->size) {
    writer->failed = true;
    return 0;
  }
  writer->strings_used += size;
  memcpy(end - writer->strings_used, name, size);
  return writer->strings_used;
}

void fdt_write_start(struct fdt_writer *writer, void *buffer, u32 size, const struct fdt *reserve_map_of) {
  *writer = (struct fdt_writer){.blob = buffer, .size = size & ~3U};
  u8 *blob = buffer;
  u32 at = FDT_HEADER_SIZE;
  memset(blob, 0, FDT_HEADER_SIZE);
  for (u32 from = reserve_map_of ? reserve_map_of->reserve_offset : 0; reserve_map_of; from += 16) {
    if (from + 16 > reserve_map_of->size || at + 32 > size)
      break;
    const u8 *entry = reserve_map_of->blob + from;
    if (read_be64(entry) == 0 && read_be64(entry + 8) == 0)
      break;
    memcpy(blob + at, entry, 16);
    at += 16;
  }
  memset(blob + at, 0, 16);
  write_be32(blob + 8, at + 16);
}

void fdt_write_begin(struct fdt_writer *writer, const char *name) {
  put_u32(writer, FDT_BEGIN_NODE);
  u8 *to = take(writer, (u32)strlen(name) + 1);
  if (to)
    memcpy(to, name, strlen(name) + 1);
}

void fdt_write_end(struct fdt_writer *writer) {
  put_u32(writer, FDT_END_NODE);
}

void fdt_write_property(struct fdt_writer *writer, const char *name, const void *value, u32 length) {
  u32 position = string_position(writer, name);
  put_u32(writer, FDT_PROP);
  put_u32(writer, length);
  put_u32(writer, position);
  u8 *to = take(writer, length);
  if (to)
    memcpy(to, value, length);
}

void fdt_write_string(struct fdt_writer *writer, const char *name, const char *value) {
  fdt_write_property(writer, name, value, (u32)strlen(value) + 1);
}

void fdt_write_u32(struct fdt_writer *writer, const char *name, u32 value) {
  u8 cell[4];
  write_be32(cell, value);
  fdt_write_property(writer, name, cell, sizeof cell);
}

u32 fdt_write_finish(struct fdt_writer *writer) {
  put_u32(writer, FDT_END);
  if (writer->failed)
    return 0;
  u8 *blob = writer->blob;
  u32 start = struct_start(writer);
  u32 strings = start + writer->struct_used;
  /* Property names were written as distances from the end of the strings. */
  for (u32 at = start; at < strings;) {
    u32 kind = read_be32(blob + at);
    at += 4;
    if (kind == FDT_BEGIN_NODE)
      at += (u32)ALIGN_UP(strlen((char *)blob + at) + 1, 4);
    else if (kind == FDT_PROP) {
      write_be32(blob + at + 4, writer->strings_used - read_be32(blob + at + 4));
      at += 8 + (u32)ALIGN_UP(read_be32(blob + at), 4);
    }
  }
  memmove(blob + strings, blob + writer->size - writer->strings_used, writer->strings_used);
  u32 total = (u32)ALIGN_UP(strings + writer->strings_used, 8);
  write_be32(blob, FDT_MAGIC);
  write_be32(blob + 4, total);
  write_be32(blob + 12, strings);
  write_be32(blob + 16, FDT_HEADER_SIZE);
  write_be32(blob + 20, VERSION);
  write_be32(blob + 24, COMPATIBLE_VERSION);
  write_be32(blob + 28, 0);
  write_be32(blob + 32, writer->strings_used);
  write_be32(blob + 36, writer->struct_used);
  return total;
}
