/* ext2, ext3, ext4, read only: block maps and extents, folders as lists (Linux, Documentation/filesystems/ext4). */
#include "fs.h"

enum { SUPER_MAGIC = 0xef53, EXTENT_MAGIC = 0xf30a, ROOT_INODE = 2, SECTOR = 512 };
enum { INCOMPAT_FILETYPE = 0x2, INCOMPAT_RECOVER = 0x4, INCOMPAT_EXTENTS = 0x40, INCOMPAT_64BIT = 0x80, INCOMPAT_FLEX_BG = 0x200,
       INCOMPAT_CSUM_SEED = 0x2000 };
enum { FLAG_EXTENTS = 0x80000 };
enum { KIND_MASK = 0xf000, KIND_FOLDER = 0x4000, KIND_FILE = 0x8000, KIND_LINK = 0xa000, MODE_EXECUTE = 0111 };

struct volume {
  struct block_device *device;
  u32 block_size, inodes_per_group, inode_size, descriptor_size, first_data_block;
  /* One block, of what is looked up. */
  u8 *block;
  u64 block_number;
};

static u16 le16(const u8 *at) {
  return (u16)(at[0] | at[1] << 8);
}
static u32 le32(const u8 *at) {
  u32 value;
  memcpy(&value, at, sizeof value);
  return value;
}

static bool read_blocks(const struct volume *v, u64 block, u64 count, void *to) {
  u32 sectors = v->block_size / SECTOR;
  return v->device->read(v->device, block * sectors, (u64)to, (u32)count * sectors);
}

static const u8 *lookup(struct volume *v, u64 block) {
  if (v->block_number != block && !read_blocks(v, block, 1, v->block)) {
    v->block_number = ~0UL;
    return NULL;
  }
  v->block_number = block;
  return v->block;
}

struct inode {
  u16 mode;
  u32 flags;
  u64 size;
  u8 map[60];
};

static bool read_inode(struct volume *v, u64 number, struct inode *inode) {
  u64 group = (number - 1) / v->inodes_per_group, index = (number - 1) % v->inodes_per_group;
  u64 at = (u64)v->block_size * (v->first_data_block + 1) + group * v->descriptor_size;
  const u8 *block = lookup(v, at / v->block_size);
  if (!block)
    return false;
  const u8 *descriptor = block + at % v->block_size;
  u64 table = le32(descriptor + 8) | (v->descriptor_size >= 64 ? (u64)le32(descriptor + 40) << 32 : 0);
  at = table * v->block_size + index * v->inode_size;
  block = lookup(v, at / v->block_size);
  if (!block)
    return false;
  const u8 *raw = block + at % v->block_size;
  inode->mode = le16(raw);
  inode->size = le32(raw + 4) | ((inode->mode & KIND_MASK) == KIND_FILE ? (u64)le32(raw + 108) << 32 : 0);
  inode->flags = le32(raw + 32);
  memcpy(inode->map, raw + 40, sizeof inode->map);
  return true;
}

/* The block behind a file's block and how many follow it on disk; 0: a hole. False: unreadable. */
static bool extent_find(struct volume *v, const u8 *node, u64 wanted, u64 *block, u64 *run) {
  u8 copy[60];
  for (u32 depth = 0; depth < 6; depth++) {
    u32 entries = le16(node + 2);
    if (le16(node) != EXTENT_MAGIC)
      return false;
    if (le16(node + 6) == 0) {
      u64 next = ~0UL;
      for (u32 i = 0; i < entries; i++) {
        const u8 *extent = node + 12 + 12 * i;
        u64 first = le32(extent), length = le16(extent + 4);
        bool unwritten = length > 0x8000;
        length -= unwritten ? 0x8000 : 0;
        if (wanted >= first && wanted < first + length) {
          *block = unwritten ? 0 : (le32(extent + 8) | (u64)le16(extent + 6) << 32) + (wanted - first);
          *run = first + length - wanted;
          return true;
        }
        if (first > wanted)
          next = MIN(next, first);
      }
      *block = 0;
      *run = next - wanted;
      return true;
    }
    u32 chosen = 0;
    for (u32 i = 1; i < entries; i++)
      if (le32(node + 12 + 12 * i) <= wanted)
        chosen = i;
    const u8 *index = node + 12 + 12 * chosen;
    memcpy(copy, index, 12);
    node = lookup(v, le32(copy + 4) | (u64)le16(copy + 8) << 32);
    if (!node)
      return false;
  }
  return false;
}

static bool map_find(struct volume *v, const u8 *map, u64 wanted, u64 *block, u64 *run) {
  u64 per_block = v->block_size / 4;
  *run = 1;
  if (wanted < 12) {
    *block = le32(map + 4 * wanted);
    return true;
  }
  wanted -= 12;
  u64 span = per_block;
  u32 levels = 1;
  while (levels < 3 && wanted >= span) {
    wanted -= span;
    span *= per_block;
    levels++;
  }
  u64 at = le32(map + 4 * (11 + levels));
  for (; levels && at; levels--) {
    span /= per_block;
    const u8 *table = lookup(v, at);
    if (!table)
      return false;
    at = le32(table + 4 * (wanted / span));
    wanted %= span;
  }
  *block = at;
  return true;
}

static bool read_content(struct volume *v, const struct inode *inode, u8 *to, u64 size) {
  u8 *spare = NULL;
  bool done = true;
  for (u64 at = 0; at < size && done;) {
    u64 block, run;
    u64 index = at / v->block_size, left = size - at;
    done = inode->flags & FLAG_EXTENTS ? extent_find(v, inode->map, index, &block, &run) : map_find(v, inode->map, index, &block, &run);
    if (!done)
      break;
    run = MIN(run, ALIGN_UP(left, v->block_size) / v->block_size);
    u64 whole = MIN(run, left / v->block_size);
    if (!block)
      memset(to + at, 0, MIN(left, run * v->block_size));
    else if (whole) {
      done = read_blocks(v, block, whole, to + at);
      run = whole;
    } else {
      /* The last, partial block must not run over the end. */
      spare = spare ? spare : heap_alloc(v->block_size);
      done = read_blocks(v, block, 1, spare);
      memcpy(to + at, spare, left);
    }
    at += run * v->block_size;
  }
  heap_free(spare);
  return done;
}

static bool load(struct node *file, void *to) {
  struct volume *v = file->volume;
  struct inode inode;
  if (!read_inode(v, file->id, &inode))
    return false;
  if (file->kind == NODE_LINK && inode.size < sizeof inode.map) {
    memcpy(to, inode.map, file->size);
    return true;
  }
  return read_content(v, &inode, to, file->size);
}

static bool list(struct node *folder) {
  struct volume *v = folder->volume;
  struct inode inode;
  if (!read_inode(v, folder->id, &inode))
    return false;
  u64 pages = ALIGN_UP(inode.size, PAGE_SIZE) / PAGE_SIZE + 1;
  u8 *content = pages_alloc(pages, 1);
  bool done = content && read_content(v, &inode, content, inode.size);
  for (u64 at = 0; done && at + 8 <= inode.size;) {
    u32 number = le32(content + at), length = le16(content + at + 4), name_length = content[at + 6];
    if (length < 8)
      break;
    char name[256];
    memcpy(name, content + at + 8, name_length);
    name[name_length] = 0;
    at += length;
    struct inode child;
    if (!number || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !read_inode(v, number, &child))
      continue;
    u16 kind = child.mode & KIND_MASK;
    struct node *node = fs_add(folder, name, kind == KIND_FOLDER ? NODE_FOLDER : kind == KIND_LINK ? NODE_LINK : NODE_FILE);
    node->id = number;
    node->size = kind == KIND_FOLDER ? 0 : child.size;
    node->executable = kind == KIND_FILE && (child.mode & MODE_EXECUTE);
  }
  if (content)
    pages_free(content, pages);
  return done;
}

static const struct file_system ext2 = {"ext4", list, load};

bool ext2_mount(struct block_device *device, struct node *root) {
  u8 *super = heap_alloc(1024);
  bool known = device->read(device, 2, (u64)super, 2) && le16(super + 56) == SUPER_MAGIC;
  u32 incompatible = le32(super + 96);
  known = known && !(incompatible & ~(u32)(INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_EXTENTS | INCOMPAT_64BIT | INCOMPAT_FLEX_BG |
                                           INCOMPAT_CSUM_SEED));
  if (known) {
    struct volume *v = heap_alloc(sizeof *v);
    bool first_revision = le32(super + 76) == 0;
    *v = (struct volume){.device = device,
                         .block_size = 1024U << le32(super + 24),
                         .first_data_block = le32(super + 20),
                         .inodes_per_group = le32(super + 40),
                         .inode_size = first_revision ? 128 : le16(super + 88),
                         .descriptor_size = incompatible & INCOMPAT_64BIT ? le16(super + 254) : 32,
                         .block_number = ~0UL};
    v->block = pages_alloc(ALIGN_UP(v->block_size, PAGE_SIZE) / PAGE_SIZE, 1);
    root->fs = &ext2;
    root->volume = v;
    root->id = ROOT_INODE;
    root->listed = false;
  }
  heap_free(super);
  return known;
}
