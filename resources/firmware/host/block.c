/* virtio block devices (virtio 1.2, 5.2), and what a requester of the machine can be told to do to a realm's memory. */
#include "attack.h"
#include "fs.h"
#include "virtio.h"

enum { SECTOR = 512, MOST_SECTORS = 1024, READ = 0, WRITE = 1, STATUS_OK = 0 };

struct request {
  u32 type, reserved;
  u64 sector;
  u8 status;
};

static bool transfer(struct block_device *disk, u32 type, u64 sector, u64 pa, u32 sectors) {
  struct virtio_device *device = disk->driver;
  struct request *request = heap_alloc(sizeof *request);
  bool done = virtio_open(device);
  while (done && sectors) {
    u32 count = MIN(sectors, (u32)MOST_SECTORS);
    *request = (struct request){.type = type, .sector = disk->offset + sector, .status = 0xff};
    const struct virtio_buffer buffers[] = {{(u64)request, 16}, {pa, count * SECTOR}, {(u64)&request->status, 1}};
    done = virtio_request(device, buffers, type == WRITE ? 2 : 1, type == WRITE ? 1 : 2) &&
           *(volatile u8 *)&request->status == STATUS_OK;
    sector += count;
    sectors -= count;
    pa += count * SECTOR;
  }
  heap_free(request);
  return done;
}

static bool read(struct block_device *disk, u64 sector, u64 pa, u32 sectors) {
  return transfer(disk, READ, sector, pa, sectors);
}
static bool write(struct block_device *disk, u64 sector, u64 pa, u32 sectors) {
  return transfer(disk, WRITE, sector, pa, sectors);
}

void block_init(void) {
  struct virtio_device *device;
  for (u32 i = 0; (device = virtio_find(VIRTIO_BLOCK, i)); i++) {
    struct block_device *disk = heap_alloc(sizeof *disk);
    *disk = (struct block_device){.read = read, .write = write, .driver = device};
    for (u32 byte = 0; byte < 8; byte++)
      disk->sectors |= (u64)virtio_config8(device, byte) << (8 * byte);
    fs_add_disk(disk);
  }
}

/* The disk's first sector serves, and gets its content back. */
const char *dma_attack(bool is_write, u64 pa, u8 *seen) {
  struct virtio_device *device = virtio_find(VIRTIO_BLOCK, 0);
  if (!device)
    return "there is no disk that could be told to (boot --disk FILE, or -drive)";
  struct block_device disk = {.driver = device};
  u8 *kept = pages_alloc(1, 1);
  const char *result = "the disk does not answer";
  if (read(&disk, 0, (u64)kept, 1)) {
    if (is_write)
      result = read(&disk, 0, pa, 1) ? NULL : "refused: the device reports an I/O error";
    else if (!write(&disk, 0, pa, 1))
      result = "refused: the device reports an I/O error";
    else
      result = read(&disk, 0, (u64)kept + SECTOR, 1) ? NULL : "the disk lost it";
    if (!is_write) {
      memcpy(seen, kept + SECTOR, SECTOR);
      if (!write(&disk, 0, (u64)kept, 1))
        result = "the disk's first sector could not be restored";
    }
  }
  pages_free(kept, 1);
  return result;
}
