/* What the host can try against a realm. */
#ifndef ATTACK_H
#define ATTACK_H

#include "types.h"

/* A disk reads from (or writes to) physical memory. NULL: it did, seen has 512 bytes; else why not. */
const char *dma_attack(bool is_write, u64 pa, u8 *seen);

#endif
