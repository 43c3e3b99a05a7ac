/* virtio over MMIO (virtio 1.2): block devices and 9P shares. */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "host.h"

void virtio_init(void);
void virtio_interrupt(u32 intid);
/* Lets a device read from or write to a physical address; why says what came of it. */
bool virtio_dma_attack(bool write, u64 pa, char *why, u32 size);

#endif
