#include "fdt.h"

#include "lib.h"

bool fdt_open(struct fdt *tree, const void *blob, u32 limit) {
  const u8 *header = blob;
  if (read_be32(header) != FDT_MAGIC)
    return false;
  *tree = (struct fdt){
    .blob = blob,
    .size = read_be32(header + 4),
    .struct_offset = read_be32(header + 8),
    .strings_offset = read_be32(header + 12),
    .reserve_offset = read_be32(header + 16),
    .strings_size = read_be32(header + 32),
    .struct_size = read_be32(header + 36),
  };
  return tree->size <= limit && tree->size >= FDT_HEADER_SIZE && (tree->struct_offset & 3) == 0 &&
         (u64)tree->struct_offset + tree->struct_size <= tree->size &&
         (u64)tree->strings_offset + tree->strings_size <= tree->size && tree->reserve_offset < tree->size;
}

void fdt_start(struct fdt_cursor *cursor, const struct fdt *tree) {
  *cursor = (struct fdt_cursor){.tree = tree};
}

bool fdt_next(struct fdt_cursor *cursor, struct fdt_token *token) {
  const struct fdt *tree = cursor->tree;
  const u8 *base = tree->blob + tree->struct_offset;
  while (cursor->offset + 4 <= tree->struct_size) {
    u32 kind = read_be32(base + cursor->offset);
    cursor->offset += 4;
    *token = (struct fdt_token){.kind = kind, .depth = cursor->depth};
    switch (kind) {
    case FDT_NOP:
      continue;
    case FDT_BEGIN_NODE: {
      const char *name = (const char *)base + cursor->offset;
      u32 length = 0;
      while (cursor->offset + length < tree->struct_size && name[length])
        length++;
      if (cursor->offset + length >= tree->struct_size)
        return false;
      cursor->offset = (u32)ALIGN_UP(cursor->offset + length + 1, 4);
      token->name = name;
      token->depth = ++cursor->depth;
      return true;
    }
    case FDT_END_NODE:
      if (cursor->depth == 0)
        return false;
      cursor->depth--;
      return true;
    case FDT_PROP: {
      if (cursor->offset + 8 > tree->struct_size)
        return false;
      u32 length = read_be32(base + cursor->offset);
      u32 name = read_be32(base + cursor->offset + 4);
      if (name >= tree->strings_size || length > tree->struct_size - cursor->offset - 8)
        return false;
      token->name = (const char *)tree->blob + tree->strings_offset + name;
      token->value = base + cursor->offset + 8;
      token->length = length;
      cursor->offset = (u32)ALIGN_UP(cursor->offset + 8 + length, 4);
      return true;
    }
    default:
      return false;
    }
  }
  return false;
}

bool fdt_has_string(const u8 *value, u32 length, const char *text) {
  size_t wanted = strlen(text) + 1;
  for (u32 at = 0; at < length;) {
    u32 end = at;
    while (end < length && value[end])
      end++;
    if (end < length && end + 1 - at == wanted && memcmp(value + at, text, wanted) == 0)
      return true;
    at = end + 1;
  }
  return false;
}

u64 fdt_cells(const u8 *value, u32 cells) {
  u64 number = 0;
  for (u32 i = 0; i < cells; i++)
    number = number << 32 | read_be32(value + 4 * i);
  return number;
}

void fdt_nodes_start(struct fdt_nodes *nodes, const struct fdt *tree) {
  *nodes = (struct fdt_nodes){.levels = {{.address_cells = 2, .size_cells = 1}}};
  fdt_start(&nodes->cursor, tree);
}

const u8 *fdt_property(const struct fdt_node *node, const char *name, u32 *length) {
  struct fdt_cursor cursor = node->properties;
  struct fdt_token token;
  while (fdt_next(&cursor, &token) && token.kind == FDT_PROP)
    if (strcmp(token.name, name) == 0) {
      *length = token.length;
      return token.value;
    }
  *length = 0;
  return NULL;
}

/* Of a node's children: #address-cells or #size-cells, as it says or by default. */
static u32 cell_count(const struct fdt_node *node, const char *name, u32 otherwise) {
  u32 length;
  const u8 *value = fdt_property(node, name, &length);
  return value && length == 4 ? MIN(read_be32(value), 2U) : otherwise;
}

bool fdt_next_node(struct fdt_nodes *nodes, struct fdt_node *node) {
  struct fdt_token token;
  do
    if (!fdt_next(&nodes->cursor, &token))
      return false;
  while (token.kind != FDT_BEGIN_NODE);
  if (token.depth > FDT_MAX_DEPTH)
    return false;
  const struct fdt_level *parent = &nodes->levels[token.depth - 1];
  *node = (struct fdt_node){.name = token.name, .properties = nodes->cursor, .parent = *parent, .depth = token.depth};
  nodes->levels[token.depth] = (struct fdt_level){
    .name = token.name, .address_cells = cell_count(node, "#address-cells", 2), .size_cells = cell_count(node, "#size-cells", 1)};
  return true;
}

bool fdt_says(const struct fdt_node *node, const char *property, const char *text) {
  u32 length;
  const u8 *value = fdt_property(node, property, &length);
  return value && fdt_has_string(value, length, text);
}

bool fdt_reg(const struct fdt_node *node, u32 index, u64 *base, u64 *size) {
  u32 length, a = node->parent.address_cells, s = node->parent.size_cells;
  const u8 *value = fdt_property(node, "reg", &length);
  u32 at = index * 4 * (a + s);
  if (!value || !(a + s) || at + 4 * (a + s) > length)
    return false;
  *base = fdt_cells(value + at, a);
  *size = fdt_cells(value + at + 4 * a, s);
  return true;
}

u32 fdt_spi(const struct fdt_node *node) {
  u32 length;
  const u8 *value = fdt_property(node, "interrupts", &length);
  return length >= 12 ? read_be32(value + 4) + 32 : 0;
}
