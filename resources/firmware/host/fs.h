/* The tree of files: what is built in, what is generated, and mounted file systems that fill it as it is looked at. */
#ifndef FS_H
#define FS_H

#include "host.h"

enum node_kind { NODE_FOLDER, NODE_FILE, NODE_DEVICE, NODE_LINK };

struct node;
struct file_system {
  const char *type;
  /* Adds a folder's children; false: unreadable. */
  bool (*list)(struct node *folder);
  /* Reads a whole file (or a link's target) into to, node->size bytes. */
  bool (*load)(struct node *file, void *to);
};

struct node {
  char *name;
  enum node_kind kind;
  struct node *parent, *children, *next;
  bool executable;
  const u8 *data;
  u64 size;
  /* A file whose content is made when it is read: prints to the running task's terminal. */
  void (*show)(void);
  /* A block device or mounted file system. */
  const struct file_system *fs;
  void *volume;
  u64 id;
  bool listed;
  /* Where something is mounted: its root. */
  struct node *mounted;
  const char *source;
};

struct block_device {
  char name[8];
  u64 sectors;
  /* False: the device refused. Physical addresses, as a device sees them. */
  bool (*read)(struct block_device *device, u64 sector, u64 pa, u32 sectors);
  bool (*write)(struct block_device *device, u64 sector, u64 pa, u32 sectors);
  void *driver;
  /* The part of the device that this is, in sectors. */
  u64 offset;
};

void fs_init(void);
struct node *fs_root(void);
struct node *fs_add(struct node *parent, const char *name, enum node_kind kind);
/* Follows links and mounts; NULL: there is none. */
struct node *fs_find(struct node *from, const char *path);
struct node *fs_children(struct node *folder);
/* The content; NULL when it cannot be read. Ends with a NUL that does not count. */
const u8 *fs_data(struct node *file);
void fs_path(const struct node *node, char *out, u32 size);
/* NULL, or what is wrong. */
const char *fs_mount(const char *source, struct node *at, const char *type);
const char *fs_unmount(struct node *at);
void fs_mounts(void);
void fs_add_disk(struct block_device *disk);

/* Tries to read a volume; false: it is not of that type. */
bool ext2_mount(struct block_device *device, struct node *root);
bool ninep_mount(const char *tag, struct node *root);
void builtin_mount(struct node *root);

void proc_init(struct node *root);
void dmesg(void);

#endif
