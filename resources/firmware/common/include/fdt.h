/* Flattened device trees (Devicetree Specification 0.4, chapter 5): reading, and writing a changed copy. */
#ifndef FDT_H
#define FDT_H

#include "types.h"

#define FDT_MAGIC 0xd00dfeedU
#define FDT_BEGIN_NODE 1U
#define FDT_END_NODE 2U
#define FDT_PROP 3U
#define FDT_NOP 4U
#define FDT_END 9U
#define FDT_HEADER_SIZE 40U

struct fdt {
  const u8 *blob;
  u32 size;
  u32 struct_offset;
  u32 struct_size;
  u32 strings_offset;
  u32 strings_size;
  u32 reserve_offset;
};

/* One token of the structure block. */
struct fdt_token {
  u32 kind;
  const char *name;
  const u8 *value;
  u32 length;
  /* Depth of the node a property belongs to, or of the node that begins or ends; the root has depth 1. */
  u32 depth;
};

struct fdt_cursor {
  const struct fdt *tree;
  u32 offset;
  u32 depth;
};

/* False when blob does not hold a well-formed header that fits in limit bytes. */
bool fdt_open(struct fdt *tree, const void *blob, u32 limit);
void fdt_start(struct fdt_cursor *cursor, const struct fdt *tree);
/* The next token (NOPs are skipped); false at the end or where the structure is damaged. */
bool fdt_next(struct fdt_cursor *cursor, struct fdt_token *token);

/* True if one of the strings in a stringlist property is text. */
bool fdt_has_string(const u8 *value, u32 length, const char *text);
/* Reads cells (1 or 2) big-endian 32-bit cells as one number. */
u64 fdt_cells(const u8 *value, u32 cells);

/* The nodes of a tree in their order, each with what its parent says of it. */
#define FDT_MAX_DEPTH 16
struct fdt_level {
  const char *name;
  u32 address_cells, size_cells;
};
struct fdt_nodes {
  struct fdt_cursor cursor;
  struct fdt_level levels[FDT_MAX_DEPTH + 1];
};
struct fdt_node {
  const char *name;
  u32 depth;
  struct fdt_level parent;
  /* Its properties, which come before its children. */
  struct fdt_cursor properties;
};
void fdt_nodes_start(struct fdt_nodes *nodes, const struct fdt *tree);
/* False: there are no more, or the tree is damaged or too deep. */
bool fdt_next_node(struct fdt_nodes *nodes, struct fdt_node *node);
/* NULL, and length 0, if the node has no such property. */
const u8 *fdt_property(const struct fdt_node *node, const char *name, u32 *length);
/* True if text is one of a property's strings. */
bool fdt_says(const struct fdt_node *node, const char *property, const char *text);
/* The nth range of `reg`; false if there are not so many. */
bool fdt_reg(const struct fdt_node *node, u32 index, u64 *base, u64 *size);
/* INTID of a shared peripheral interrupt in a GIC's three cells, the first one; 0: none. */
u32 fdt_spi(const struct fdt_node *node);

/* A tree being written (fdt_write.c). failed is set when the buffer is too small. */
struct fdt_writer {
  u8 *blob;
  u32 size;
  u32 struct_used;
  /* Strings are gathered at the end of the buffer and moved behind the structure when it is finished. */
  u32 strings_used;
  bool failed;
};

void fdt_write_start(struct fdt_writer *writer, void *buffer, u32 size, const struct fdt *reserve_map_of);
void fdt_write_begin(struct fdt_writer *writer, const char *name);
void fdt_write_end(struct fdt_writer *writer);
void fdt_write_property(struct fdt_writer *writer, const char *name, const void *value, u32 length);
void fdt_write_string(struct fdt_writer *writer, const char *name, const char *value);
void fdt_write_u32(struct fdt_writer *writer, const char *name, u32 value);
/* Returns the size of the tree, or 0 if it did not fit. */
u32 fdt_write_finish(struct fdt_writer *writer);

#endif
