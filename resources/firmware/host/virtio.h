/* virtio over MMIO, version 2 (virtio 1.2, 4.2): one request at a time, of block devices and 9P shares. */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "task.h"

enum { VIRTIO_BLOCK = 2, VIRTIO_9P = 9 };

struct virtio_device {
  u64 base;
  u32 intid, kind;
  bool open;
  struct mutex lock;
  struct task *volatile waiter;
  struct virtio_ring *ring;
  u16 sent, received;
};

/* Memory a device reads (of the first ones of a request) or writes. Physical addresses. */
struct virtio_buffer {
  u64 pa;
  u32 size;
};
enum { VIRTIO_BUFFERS = 6 };

/* Finds devices; none is set up before it is used. */
void virtio_init(void);
void virtio_interrupt(u32 intid);
/* The nth device of a kind; NULL: there are not so many. */
struct virtio_device *virtio_find(u32 kind, u32 index);
/* Resets and starts the device; false: it refuses. */
bool virtio_open(struct virtio_device *device);
static inline u8 virtio_config8(const struct virtio_device *device, u32 offset) {
  return *(volatile u8 *)(device->base + 0x100 + offset);
}
/* Sends a request and waits. False: the device does not answer (any more). */
bool virtio_request(struct virtio_device *device, const struct virtio_buffer *buffers, u32 readable, u32 writable);

/* Block devices become /dev/vda, ... (block.c). */
void block_init(void);

#endif
