/* A guest's disk: virtio-mmio version 2 (virtio 1.2, 4.2, 5.2) over a copy of a file, whose changes end with the guest. */
#include "../fs.h"
#include "vmm.h"

enum { MAGIC = 0x0, VERSION = 0x4, DEVICE_ID = 0x8, VENDOR = 0xc, FEATURES = 0x10, FEATURES_SEL = 0x14, DRIVER_FEATURES = 0x20,
       DRIVER_FEATURES_SEL = 0x24, QUEUE_SEL = 0x30, QUEUE_SIZE_MAX = 0x34, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50,
       INTERRUPT_STATUS = 0x60, INTERRUPT_ACK = 0x64, STATUS = 0x70, DESCRIPTORS = 0x80, DRIVER_RING = 0x90, DEVICE_RING = 0xa0,
       CONFIG = 0x100 };
enum { QUEUE_LIMIT = 128, SECTOR = 512, FEATURE_FLUSH = 1 << 9, VERSION_1 = 1, ACCESS_PLATFORM = 2, DRIVER_OK = 4, NEXT = 1, WRITE = 2 };
enum { TYPE_IN, TYPE_OUT, TYPE_FLUSH = 4, TYPE_ID = 8 };
enum { STATUS_OK, STATUS_ERROR, STATUS_UNSUPPORTED };

struct descriptor {
  u64 ipa;
  u32 size;
  u16 flags, next;
};

struct vblock {
  struct vm *vm;
  struct mutex lock;
  u8 *data;
  u64 size, pages;
  u32 features_sel, driver_features_sel, queue_sel, queue_size, ready, status, interrupts;
  u64 address[3];
  u16 taken, used;
};

struct vblock *vblock_create(struct vm *vm, const char *path) {
  struct node *node = fs_find(task_self()->cwd, path);
  const u8 *content = node && node->kind == NODE_FILE ? fs_data(node) : NULL;
  if (!content || node->size < SECTOR) {
    tprintf("  Fatal: %s is no disk image\n", path);
    return NULL;
  }
  struct vblock *disk = heap_alloc(sizeof *disk);
  *disk = (struct vblock){.vm = vm, .size = ALIGN_DOWN(node->size, SECTOR)};
  disk->pages = ALIGN_UP(disk->size, PAGE_SIZE) / PAGE_SIZE;
  disk->data = pages_alloc(disk->pages, 1);
  if (!disk->data) {
    tprintf("  Fatal: no memory is left for %s\n", path);
    heap_free(disk);
    return NULL;
  }
  memcpy(disk->data, content, disk->size);
  return disk;
}

void vblock_destroy(struct vblock *disk) {
  if (disk)
    pages_free(disk->data, disk->pages);
  heap_free(disk);
}

/* One buffer of a read or write, at a byte of the disk. */
static bool transfer(struct vblock *disk, u32 type, u64 at, const struct descriptor *buffer) {
  if (at > disk->size || buffer->size > disk->size - at || (type == TYPE_IN) != !!(buffer->flags & WRITE))
    return false;
  return type == TYPE_IN ? vm_write(disk->vm, buffer->ipa, disk->data + at, buffer->size)
                         : vm_read(disk->vm, buffer->ipa, disk->data + at, buffer->size);
}

/* A request is a header, buffers, and a byte for the result. False: the chain is not one. */
static bool run(struct vblock *disk, u32 head, u32 *written) {
  struct vm *vm = disk->vm;
  struct descriptor d;
  struct {
    u32 type, reserved;
    u64 sector;
  } header;
  u8 result = STATUS_OK;
  *written = 0;
  if (!vm_read(vm, disk->address[0] + 16UL * head, &d, sizeof d) || d.size < sizeof header || !(d.flags & NEXT) ||
      !vm_read(vm, d.ipa, &header, sizeof header))
    return false;
  u64 at = header.sector * SECTOR;
  for (u32 steps = 0; steps < QUEUE_LIMIT; steps++) {
    if (d.next >= disk->queue_size || !vm_read(vm, disk->address[0] + 16UL * d.next, &d, sizeof d))
      return false;
    if (!(d.flags & NEXT)) {
      *written += 1;
      return d.size >= 1 && (d.flags & WRITE) && vm_write(vm, d.ipa + d.size - 1, &result, 1);
    }
    if (header.type == TYPE_IN || header.type == TYPE_OUT) {
      if (!transfer(disk, header.type, at, &d))
        result = STATUS_ERROR;
      else if (header.type == TYPE_IN)
        *written += d.size;
      at += d.size;
    } else if (header.type == TYPE_ID) {
      static const char id[20] = "trireme";
      if (vm_write(vm, d.ipa, id, MIN(d.size, (u32)sizeof id)))
        *written += MIN(d.size, (u32)sizeof id);
    } else if (header.type != TYPE_FLUSH)
      result = STATUS_UNSUPPORTED;
  }
  return false;
}

static void serve(struct vblock *disk) {
  struct vm *vm = disk->vm;
  if (!disk->ready || !(disk->status & DRIVER_OK) || !disk->queue_size)
    return;
  for (;;) {
    u16 index, head;
    if (!vm_read(vm, disk->address[1] + 2, &index, 2) || index == disk->taken)
      return;
    dmb(ish);
    u32 entry[2] = {0, 0};
    if (!vm_read(vm, disk->address[1] + 4 + 2UL * (disk->taken % disk->queue_size), &head, 2) || head >= disk->queue_size ||
        !run(disk, head, &entry[1]))
      return;
    disk->taken++;
    entry[0] = head;
    vm_write(vm, disk->address[2] + 4 + 8UL * (disk->used % disk->queue_size), entry, sizeof entry);
    disk->used++;
    dmb(ish);
    vm_write(vm, disk->address[2] + 2, &disk->used, 2);
    disk->interrupts |= 1;
  }
}

static void reset(struct vblock *disk) {
  disk->ready = disk->status = disk->interrupts = disk->queue_size = 0;
  disk->taken = disk->used = 0;
}

static void write(struct vblock *disk, u32 offset, u32 value) {
  switch (offset) {
  case FEATURES_SEL:
    disk->features_sel = value;
    break;
  case DRIVER_FEATURES_SEL:
    disk->driver_features_sel = value;
    break;
  case QUEUE_SEL:
    disk->queue_sel = value;
    break;
  case QUEUE_SIZE:
    if (disk->queue_sel == 0)
      disk->queue_size = MIN(value, (u32)QUEUE_LIMIT);
    break;
  case QUEUE_READY:
    if (disk->queue_sel == 0)
      disk->ready = value & 1;
    break;
  case QUEUE_NOTIFY:
    serve(disk);
    break;
  case INTERRUPT_ACK:
    disk->interrupts &= ~value;
    break;
  case STATUS:
    if (value)
      disk->status = value;
    else
      reset(disk);
    break;
  case DESCRIPTORS:
  case DRIVER_RING:
  case DEVICE_RING:
  case DESCRIPTORS + 4:
  case DRIVER_RING + 4:
  case DEVICE_RING + 4:
    if (disk->queue_sel == 0) {
      u64 *address = &disk->address[(offset - DESCRIPTORS) >> 4];
      *address = offset & 4 ? (u32)*address | (u64)value << 32 : (*address & ~0xffffffffUL) | value;
    }
    break;
  }
}

static u32 read(const struct vblock *disk, u32 offset) {
  switch (offset) {
  case MAGIC:
    return 0x74726976;
  case VERSION:
    return 2;
  case DEVICE_ID:
    return 2;
  case VENDOR:
    return 0x4d525254;
  case FEATURES:
    if (disk->features_sel)
      /* A realm must go by its DMA functions, which copy to memory that it shares: its own is not the host's. */
      return disk->features_sel == 1 ? VERSION_1 | (disk->vm->realm ? ACCESS_PLATFORM : 0) : 0;
    return FEATURE_FLUSH;
  case QUEUE_SIZE_MAX:
    return disk->queue_sel == 0 ? QUEUE_LIMIT : 0;
  case QUEUE_READY:
    return disk->queue_sel == 0 ? disk->ready : 0;
  case INTERRUPT_STATUS:
    return disk->interrupts;
  case STATUS:
    return disk->status;
  case CONFIG:
    return (u32)(disk->size / SECTOR);
  case CONFIG + 4:
    return (u32)(disk->size / SECTOR >> 32);
  default:
    return 0;
  }
}

bool vblock_access(struct vcpu *vcpu, u64 ipa, u32 size, bool is_write, u64 *value) {
  struct vblock *disk = vcpu->vm->disk;
  if (!disk || ipa < GUEST_VIRTIO_BASE || ipa - GUEST_VIRTIO_BASE >= GUEST_VIRTIO_SIZE)
    return false;
  u32 offset = (u32)(ipa - GUEST_VIRTIO_BASE);
  /* The lock, and memory that comes late, may let another vCPU have this core. */
  if (!vcpu->vm->realm)
    normal_vcpu_put(vcpu);
  mutex_lock(&disk->lock);
  if (is_write)
    write(disk, offset, (u32)*value);
  else if (offset >= CONFIG && size < 4)
    *value = read(disk, offset & ~3U) >> (8 * (offset & 3));
  else
    *value = read(disk, offset);
  /* Under the lock: another vCPU's newer level must not come before this one. */
  vgic_set_line(vcpu->vm, NULL, GUEST_VIRTIO_INTID, disk->interrupts);
  mutex_unlock(&disk->lock);
  return true;
}
