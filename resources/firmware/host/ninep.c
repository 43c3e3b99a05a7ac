/* 9P2000.L over virtio, read only (virtio 1.2, 5.10; diod's protocol.md). */
#include "fs.h"
#include "virtio.h"

enum { LOPEN = 12, READLINK = 22, GETATTR = 24, READDIR = 40, VERSION = 100, ATTACH = 104, WALK = 110, READ = 116, CLUNK = 120 };
enum { MESSAGE = 65536, LARGEST_READ = 1 << 19, READ_HEADER = 11, ROOT_FID = 1, WORK_FID = 2, NO_FID = -1, MAX_DEPTH = 16 };
enum { KIND_MASK = 0xf000, KIND_FOLDER = 0x4000, KIND_LINK = 0xa000, MODE_EXECUTE = 0111, GET_BASIC = 0x7ff };
#define O_DIRECTORY 040000U

struct share {
  struct virtio_device *device;
  struct mutex lock;
  u8 *request, *answer;
  u32 length, at;
};

static void put(struct share *s, u64 value, u32 size) {
  for (u32 i = 0; i < size; i++)
    s->request[s->length++] = (u8)(value >> (8 * i));
}
static void put_text(struct share *s, const char *text) {
  u32 length = (u32)strlen(text);
  put(s, length, 2);
  memcpy(s->request + s->length, text, length);
  s->length += length;
}
static u64 get(struct share *s, u32 size) {
  u64 value = 0;
  for (u32 i = 0; i < size; i++)
    value |= (u64)s->answer[s->at++] << (8 * i);
  return value;
}

static void begin(struct share *s, u32 type) {
  s->length = 4;
  put(s, type, 1);
  put(s, 0, 2);
}

/* Sends what was put; with data, the answer's content goes there. */
static bool call(struct share *s, void *data, u32 data_size) {
  u32 length = s->length;
  u8 type = s->request[4];
  s->length = 0;
  put(s, length, 4);
  s->at = 7;
  s->answer[4] = 0;
  const struct virtio_buffer buffers[] = {{(u64)s->request, length}, {(u64)s->answer, data ? READ_HEADER : MESSAGE}, {(u64)data, data_size}};
  return virtio_request(s->device, buffers, 1, data ? 2 : 1) && ((volatile u8 *)s->answer)[4] == type + 1;
}

/* WORK_FID becomes the node, and child within it if there is one. */
static bool walk(struct share *s, const struct node *node, const char *child) {
  const char *names[MAX_DEPTH];
  u32 count = 0;
  if (child)
    names[count++] = child;
  for (; node->id; node = node->parent) {
    if (count == MAX_DEPTH)
      return false;
    names[count++] = node->name;
  }
  begin(s, WALK);
  put(s, ROOT_FID, 4);
  put(s, WORK_FID, 4);
  put(s, count, 2);
  for (u32 i = count; i-- > 0;)
    put_text(s, names[i]);
  return call(s, NULL, 0) && get(s, 2) == count;
}

static void clunk(struct share *s) {
  begin(s, CLUNK);
  put(s, WORK_FID, 4);
  call(s, NULL, 0);
}

static bool open_walked(struct share *s, u32 flags) {
  begin(s, LOPEN);
  put(s, WORK_FID, 4);
  put(s, flags, 4);
  return call(s, NULL, 0);
}

static bool read_file(struct share *s, u8 *to, u64 size) {
  for (u64 at = 0; at < size;) {
    u32 part = (u32)MIN(size - at, (u64)LARGEST_READ);
    begin(s, READ);
    put(s, WORK_FID, 4);
    put(s, at, 8);
    put(s, part, 4);
    if (!call(s, to + at, part))
      return false;
    u64 count = get(s, 4);
    if (!count || count > part)
      return false;
    at += count;
  }
  return true;
}

static bool read_link(struct share *s, u8 *to, u64 size) {
  begin(s, READLINK);
  put(s, WORK_FID, 4);
  if (!call(s, NULL, 0) || get(s, 2) != size)
    return false;
  memcpy(to, s->answer + s->at, size);
  return true;
}

static bool load(struct node *file, void *to) {
  struct share *s = file->volume;
  mutex_lock(&s->lock);
  bool done = walk(s, file, NULL);
  if (done) {
    done = file->kind == NODE_LINK ? read_link(s, to, file->size) : open_walked(s, 0) && read_file(s, to, file->size);
    clunk(s);
  }
  mutex_unlock(&s->lock);
  return done;
}

static void add_child(struct share *s, struct node *folder, const char *name) {
  if (!walk(s, folder, name))
    return;
  begin(s, GETATTR);
  put(s, WORK_FID, 4);
  put(s, GET_BASIC, 8);
  if (call(s, NULL, 0)) {
    s->at += 8 + 13;
    u32 mode = (u32)get(s, 4);
    s->at += 4 + 4 + 8 + 8;
    u64 size = get(s, 8);
    u32 kind = mode & KIND_MASK;
    struct node *node = fs_add(folder, name, kind == KIND_FOLDER ? NODE_FOLDER : kind == KIND_LINK ? NODE_LINK : NODE_FILE);
    node->id = 1;
    node->size = kind == KIND_FOLDER ? 0 : size;
    node->executable = kind != KIND_FOLDER && (mode & MODE_EXECUTE);
  }
  clunk(s);
}

/* Names first: the answer's buffer serves for each child's attributes, too. */
static bool read_names(struct share *s, char *names, u32 room, u32 *used) {
  u64 offset = 0;
  for (;;) {
    begin(s, READDIR);
    put(s, WORK_FID, 4);
    put(s, offset, 8);
    put(s, MESSAGE - READ_HEADER, 4);
    if (!call(s, NULL, 0))
      return false;
    u32 count = (u32)get(s, 4), end = s->at + count;
    if (!count)
      return true;
    while (s->at < end) {
      s->at += 13;
      offset = get(s, 8);
      s->at += 1;
      u32 length = (u32)get(s, 2);
      if (*used + length + 1 > room)
        return true;
      memcpy(names + *used, s->answer + s->at, length);
      names[*used + length] = 0;
      *used += length + 1;
      s->at += length;
    }
  }
}

static bool list(struct node *folder) {
  struct share *s = folder->volume;
  char *names = pages_alloc(MESSAGE / PAGE_SIZE, 1);
  u32 used = 0;
  mutex_lock(&s->lock);
  bool done = walk(s, folder, NULL);
  if (done) {
    done = open_walked(s, O_DIRECTORY) && read_names(s, names, MESSAGE, &used);
    clunk(s);
  }
  for (u32 at = 0; done && at < used; at += (u32)strlen(names + at) + 1)
    if (strcmp(names + at, ".") != 0 && strcmp(names + at, "..") != 0)
      add_child(s, folder, names + at);
  mutex_unlock(&s->lock);
  pages_free(names, MESSAGE / PAGE_SIZE);
  return done;
}

static const struct file_system ninep = {"9p", list, load};

static struct virtio_device *share_find(const char *tag) {
  struct virtio_device *device;
  for (u32 i = 0; (device = virtio_find(VIRTIO_9P, i)); i++) {
    u32 length = virtio_config8(device, 0) | (u32)virtio_config8(device, 1) << 8, same = 0;
    while (same < length && tag[same] && (char)virtio_config8(device, 2 + same) == tag[same])
      same++;
    if (same == length && !tag[same])
      return device;
  }
  return NULL;
}

bool ninep_mount(const char *tag, struct node *root) {
  struct virtio_device *device = share_find(tag);
  if (!device || !virtio_open(device))
    return false;
  struct share *s = heap_alloc(sizeof *s);
  *s = (struct share){.device = device, .request = pages_alloc(1, 1), .answer = pages_alloc(MESSAGE / PAGE_SIZE, 1)};
  begin(s, VERSION);
  put(s, LARGEST_READ + 4096, 4);
  put_text(s, "9P2000.L");
  bool done = call(s, NULL, 0);
  begin(s, ATTACH);
  put(s, ROOT_FID, 4);
  put(s, (u32)NO_FID, 4);
  put_text(s, "root");
  put_text(s, "");
  put(s, 0, 4);
  done = done && call(s, NULL, 0);
  if (done) {
    root->fs = &ninep;
    root->volume = s;
    root->id = 0;
    root->listed = false;
  }
  return done;
}
