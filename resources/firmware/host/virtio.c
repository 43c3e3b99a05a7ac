#include "virtio.h"

#include "fs.h"

enum { MAGIC = 0x0, VERSION = 0x4, DEVICE_ID = 0x8, FEATURES = 0x10, FEATURES_SEL = 0x14, DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SEL = 0x24,
       QUEUE_SEL = 0x30, QUEUE_SIZE_MAX = 0x34, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50, INTERRUPT_STATUS = 0x60,
       INTERRUPT_ACK = 0x64, STATUS = 0x70, DESCRIPTORS = 0x80, DRIVER_RING = 0x90, DEVICE_RING = 0xa0 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };
enum { MAGIC_VALUE = 0x74726976, VERSION_1_WORD = 1, VERSION_1 = 1 };
enum { SIZE = 8, NEXT = 1, WRITE = 2 };
#define PATIENCE_US 5000000

struct descriptor {
  u64 pa;
  u32 size;
  u16 flags, next;
};
struct virtio_ring {
  struct descriptor descriptors[SIZE];
  struct {
    u16 flags, index, entries[SIZE], event;
  } available;
  struct {
    u16 flags, index;
    struct {
      u32 id, written;
    } entries[SIZE];
    u16 event;
  } used __attribute__((aligned(8)));
};
static_assert((int)VIRTIO_BUFFERS <= (int)SIZE, "a request fits in the ring");

static struct virtio_device devices[MAX_VIRTIO];
static u32 device_count;

static u32 get(const struct virtio_device *device, u32 offset) {
  return *(volatile u32 *)(device->base + offset);
}
static void put(const struct virtio_device *device, u32 offset, u32 value) {
  *(volatile u32 *)(device->base + offset) = value;
}
static void put_address(const struct virtio_device *device, u32 offset, const void *address) {
  put(device, offset, (u32)(u64)address);
  put(device, offset + 4, (u32)((u64)address >> 32));
}

void virtio_init(void) {
  for (u32 i = 0; i < machine.virtios; i++) {
    struct virtio_device *device = &devices[device_count];
    *device = (struct virtio_device){.base = machine.virtio[i].base, .intid = machine.virtio_intid[i]};
    device->kind = get(device, DEVICE_ID);
    if (get(device, MAGIC) != MAGIC_VALUE || !device->kind)
      continue;
    if (get(device, VERSION) != 2) {
      klog("virtio: 0x%lx: kind %u has the legacy interface, which is not spoken here", device->base, device->kind);
      continue;
    }
    device_count++;
  }
}

struct virtio_device *virtio_find(u32 kind, u32 index) {
  /* Transports are filled from the last one down: the first device given is the last one found. */
  for (u32 i = device_count; i-- > 0;)
    if (devices[i].kind == kind && index-- == 0)
      return &devices[i];
  return NULL;
}

bool virtio_open(struct virtio_device *device) {
  if (device->open)
    return true;
  if (!device->ring)
    device->ring = pages_alloc(1, 1);
  memset(device->ring, 0, PAGE_SIZE);
  device->sent = device->received = 0;
  put(device, STATUS, 0);
  while (get(device, STATUS)) {
  }
  put(device, STATUS, ACKNOWLEDGE | DRIVER);
  put(device, DRIVER_FEATURES_SEL, 0);
  put(device, DRIVER_FEATURES, 0);
  put(device, DRIVER_FEATURES_SEL, VERSION_1_WORD);
  put(device, DRIVER_FEATURES, VERSION_1);
  put(device, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
  put(device, QUEUE_SEL, 0);
  if (!(get(device, STATUS) & FEATURES_OK) || get(device, QUEUE_SIZE_MAX) < SIZE)
    return false;
  put(device, QUEUE_SIZE, SIZE);
  put_address(device, DESCRIPTORS, device->ring->descriptors);
  put_address(device, DRIVER_RING, &device->ring->available);
  put_address(device, DEVICE_RING, &device->ring->used);
  put(device, QUEUE_READY, 1);
  put(device, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
  gic_enable_spi(device->intid, true);
  device->open = true;
  return true;
}

void virtio_interrupt(u32 intid) {
  for (u32 i = 0; i < device_count; i++)
    if (devices[i].intid == intid) {
      put(&devices[i], INTERRUPT_ACK, get(&devices[i], INTERRUPT_STATUS));
      struct task *waiter = devices[i].waiter;
      if (waiter)
        task_unpark(waiter);
    }
}

static bool answered(const struct virtio_device *device) {
  return __atomic_load_n(&device->ring->used.index, __ATOMIC_ACQUIRE) == device->sent;
}

bool virtio_request(struct virtio_device *device, const struct virtio_buffer *buffers, u32 readable, u32 writable) {
  mutex_lock(&device->lock);
  bool done = device->open;
  if (done) {
    struct virtio_ring *ring = device->ring;
    u32 count = readable + writable;
    for (u32 i = 0; i < count; i++)
      ring->descriptors[i] =
        (struct descriptor){buffers[i].pa, buffers[i].size, (u16)((i + 1 < count ? NEXT : 0) | (i >= readable ? WRITE : 0)), (u16)(i + 1)};
    ring->available.entries[device->sent % SIZE] = 0;
    device->sent++;
    device->waiter = task_self();
    __atomic_store_n(&ring->available.index, device->sent, __ATOMIC_RELEASE);
    dsb(sy);
    put(device, QUEUE_NOTIFY, 0);
    u64 end = now() + microseconds(PATIENCE_US);
    while (!answered(device) && now() < end && !(get(device, STATUS) & NEEDS_RESET))
      task_park(end);
    device->waiter = NULL;
    done = answered(device);
    /* What it may still do to the memory named ends with a reset. */
    if (!done) {
      put(device, STATUS, 0);
      device->open = false;
    }
  }
  mutex_unlock(&device->lock);
  return done;
}
