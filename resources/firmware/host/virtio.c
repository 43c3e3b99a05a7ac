#include "virtio.h"

#include "fs.h"

void virtio_init(void) {
}
void virtio_interrupt(u32 intid) {
}
bool virtio_dma_attack(bool write, u64 pa, char *why, u32 size) {
  snprintf(why, size, "no device");
  return false;
}
bool ext2_mount(struct block_device *device, struct node *root) {
  return false;
}
bool ninep_mount(const char *tag, struct node *root) {
  return false;
}
