#include "fs.h"

#include "tty.h"
#include "virtio.h"

static struct node root = {.name = "", .kind = NODE_FOLDER, .listed = true};

struct node *fs_root(void) {
  return &root;
}

struct node *fs_add(struct node *parent, const char *name, enum node_kind kind) {
  struct node *node = heap_alloc(sizeof *node);
  *node = (struct node){.name = text_dup(name), .kind = kind, .parent = parent, .fs = parent->fs, .volume = parent->volume};
  node->listed = !node->fs;
  struct node **at = &parent->children;
  while (*at && strcmp((*at)->name, name) < 0)
    at = &(*at)->next;
  node->next = *at;
  *at = node;
  return node;
}

struct node *fs_children(struct node *folder) {
  if (folder->mounted)
    folder = folder->mounted;
  if (!folder->listed) {
    folder->listed = true;
    folder->fs->list(folder);
  }
  return folder->children;
}

const u8 *fs_data(struct node *file) {
  if (!file->data && file->fs && file->size) {
    u64 pages = ALIGN_UP(file->size + 1, PAGE_SIZE) / PAGE_SIZE;
    u8 *data = pages_alloc(pages, 1);
    if (!data)
      return NULL;
    if (!file->fs->load(file, data)) {
      pages_free(data, pages);
      return NULL;
    }
    data[file->size] = 0;
    file->data = data;
  }
  return file->data ? file->data : (const u8 *)"";
}

static struct node *child(struct node *folder, const char *name, size_t length) {
  for (struct node *node = fs_children(folder); node; node = node->next)
    if (strlen(node->name) == length && memcmp(node->name, name, length) == 0)
      return node;
  return NULL;
}

static struct node *find(struct node *from, const char *path, u32 links) {
  struct node *at = *path == '/' ? &root : from;
  while (at && *path) {
    size_t length = 0;
    while (path[length] && path[length] != '/')
      length++;
    if (length == 2 && memcmp(path, "..", 2) == 0)
      at = at->parent ? at->parent : at;
    else if (length && !(length == 1 && *path == '.')) {
      struct node *next = at->kind == NODE_FOLDER ? child(at, path, length) : NULL;
      if (next && next->kind == NODE_LINK) {
        const u8 *target = fs_data(next);
        next = links && target ? find(at, (const char *)target, links - 1) : NULL;
      }
      at = next;
    }
    path += length;
    while (*path == '/')
      path++;
  }
  return at;
}

struct node *fs_find(struct node *from, const char *path) {
  return find(from, path, 8);
}

void fs_path(const struct node *node, char *out, u32 size) {
  if (!node->parent) {
    snprintf(out, size, "/");
    return;
  }
  char above[256];
  fs_path(node->parent, above, sizeof above);
  snprintf(out, size, "%s%s%s", above, above[1] ? "/" : "", node->name);
}

static void free_tree(struct node *node) {
  for (struct node *at = node->children; at;) {
    struct node *next = at->next;
    free_tree(at);
    if (at->fs && at->data)
      pages_free((void *)at->data, ALIGN_UP(at->size + 1, PAGE_SIZE) / PAGE_SIZE);
    heap_free(at->name);
    heap_free(at);
    at = next;
  }
}

/* The id of the built-in disk's second partition. */
enum { BUILTIN_GUESTS = 2 };

const char *fs_mount(const char *source, struct node *at, const char *type) {
  if (!at || at->kind != NODE_FOLDER)
    return "mount point does not exist";
  if (at->mounted)
    return "already mounted there";
  struct node *top = heap_alloc(sizeof *top);
  *top = (struct node){.name = at->name, .kind = NODE_FOLDER, .parent = at->parent, .source = text_dup(source)};
  const char *problem = NULL;
  if (strcmp(type, "9p") == 0)
    problem = ninep_mount(source, top) ? NULL : "no 9p share has that tag";
  else {
    struct node *device = fs_find(&root, source);
    if (!device || device->kind != NODE_DEVICE)
      problem = "special device does not exist";
    else if (device->volume)
      problem = ext2_mount(device->volume, top) ? NULL : "no file system that is known here (ext2, ext3, ext4)";
    else if (device->id == BUILTIN_GUESTS)
      builtin_mount(top);
    else
      problem = "the partition is empty";
  }
  if (problem) {
    heap_free(top);
    return problem;
  }
  at->mounted = top;
  return NULL;
}

const char *fs_unmount(struct node *at) {
  if (!at || !at->mounted)
    return "not mounted";
  free_tree(at->mounted);
  heap_free(at->mounted);
  at->mounted = NULL;
  return NULL;
}

static void show_mounts(struct node *folder) {
  if (folder->mounted) {
    char path[256];
    fs_path(folder, path, sizeof path);
    tprintf("%s on %s type %s (ro)\n", folder->mounted->source, path, folder->mounted->fs ? folder->mounted->fs->type : "builtin");
    return;
  }
  for (struct node *node = folder->children; node; node = node->next)
    if (node->kind == NODE_FOLDER)
      show_mounts(node);
}

void fs_mounts(void) {
  tprintf("rootfs on / type builtin (ro)\nproc on /proc type proc (ro)\n");
  show_mounts(&root);
}

static struct node *dev;

/* An MBR's primary partitions, or a GPT's entries (UEFI 5.3). */
static void add_partitions(struct block_device *disk) {
  u8 *sector = pages_alloc(1, 1);
  if (!disk->read(disk, 0, (u64)sector, 2))
    goto done;
  struct range parts[8] = {{0, 0}};
  u32 count = 0;
  if (memcmp(sector + 512, "EFI PART", 8) == 0) {
    if (disk->read(disk, read_le64(sector + 512 + 72), (u64)sector, 2))
      for (u32 i = 0; i < 8; i++) {
        u64 first = read_le64(sector + 128 * i + 32);
        if (first)
          parts[i] = (struct range){first, read_le64(sector + 128 * i + 40) - first + 1};
        count = i + 1;
      }
  } else if (sector[510] == 0x55 && sector[511] == 0xaa) {
    for (count = 0; count < 4; count++) {
      const u8 *entry = sector + 446 + 16 * count;
      u32 first, sectors;
      memcpy(&first, entry + 8, 4);
      memcpy(&sectors, entry + 12, 4);
      if (entry[4])
        parts[count] = (struct range){first, sectors};
    }
  }
  for (u32 i = 0; i < count; i++)
    if (parts[i].size) {
      struct block_device *part = memdup(disk, sizeof *disk);
      snprintf(part->name, sizeof part->name, "%s%u", disk->name, i + 1);
      part->offset = parts[i].base;
      part->sectors = parts[i].size;
      fs_add(dev, part->name, NODE_DEVICE)->volume = part;
    }
done:
  pages_free(sector, 1);
}

static u32 disk_count;

void fs_add_disk(struct block_device *disk) {
  snprintf(disk->name, sizeof disk->name, "vd%c", 'a' + (char)disk_count++);
  fs_add(dev, disk->name, NODE_DEVICE)->volume = disk;
  add_partitions(disk);
}

/* Disks are looked at when somebody looks for them. The built-in one comes behind those that the machine has. */
static bool dev_list(struct node *folder) {
  char name[8];
  block_init();
  snprintf(name, sizeof name, "vd%c", 'a' + (char)disk_count);
  fs_add(dev, name, NODE_DEVICE);
  for (u32 part = 1; part <= BUILTIN_GUESTS; part++) {
    snprintf(name, sizeof name, "vd%c%u", 'a' + (char)disk_count, part);
    fs_add(dev, name, NODE_DEVICE)->id = part;
  }
  return true;
}

static const struct file_system dev_system = {"devtmpfs", dev_list, NULL};

/* What the image carries: assembled tables of path, mode, start and end (builtin.S). */
struct builtin {
  const char *path;
  const u8 *start, *end;
  u64 executable;
};
extern const struct builtin root_files[], root_files_end[], disk_files[], disk_files_end[];

static void add_builtin(struct node *top, const struct builtin *file) {
  const char *path = file->path;
  struct node *at = top;
  for (;;) {
    size_t length = 0;
    while (path[length] && path[length] != '/')
      length++;
    bool last = !path[length];
    struct node *next = length ? child(at, path, length) : at;
    if (!next) {
      char name[64];
      snprintf(name, MIN(sizeof name, length + 1), "%s", path);
      next = fs_add(at, name, last ? NODE_FILE : NODE_FOLDER);
    }
    at = next;
    if (last)
      break;
    path += length + 1;
  }
  at->data = file->start;
  at->size = (u64)(file->end - file->start);
  at->executable = file->executable;
}

void builtin_mount(struct node *top) {
  top->listed = true;
  for (const struct builtin *file = disk_files; file < disk_files_end; file++)
    add_builtin(top, file);
}

void fs_init(void) {
  for (const struct builtin *file = root_files; file < root_files_end; file++)
    add_builtin(&root, file);
  static const char *const folders[] = {"bin", "mnt", "proc", "root", "host"};
  for (u32 i = 0; i < ARRAY_SIZE(folders); i++)
    if (!fs_find(&root, folders[i]))
      fs_add(&root, folders[i], NODE_FOLDER);
  dev = fs_add(&root, "dev", NODE_FOLDER);
  dev->fs = &dev_system;
  dev->listed = false;
  proc_init(fs_find(&root, "proc"));
}
