/* Host memory behind a guest's RAM: 2 MB at a time, when it is first touched. */
#include "vmm.h"

void *vm_memory(struct vm *vm, u64 ipa) {
  if (vm->realm)
    ipa &= ~(1UL << (vm->rme.ipa_bits - 1));
  u64 offset = ipa - GUEST_RAM_BASE;
  if (ipa < GUEST_RAM_BASE || offset >= vm->ram_size)
    return NULL;
  u64 index = offset / CHUNK_SIZE;
  mutex_lock(&vm->memory_lock);
  u64 *chunk = &vm->chunks[index];
  if (!*chunk) {
    void *memory = pages_alloc(CHUNK_SIZE / PAGE_SIZE, CHUNK_SIZE / PAGE_SIZE);
    if (memory) {
      zero(memory, CHUNK_SIZE);
      if (!vm->realm) {
        /* Inner-shareable normal memory, read and write: stage 2 attributes (Arm ARM D8.3). */
        mmu_map(&vm->stage2, GUEST_RAM_BASE + index * CHUNK_SIZE, (u64)memory, CHUNK_SIZE,
                0xfUL << 2 | 3UL << 6 | PTE_SH_INNER | PTE_AF);
        dsb(ish);
      }
      *chunk = (u64)memory;
    }
  }
  u64 base = *chunk;
  mutex_unlock(&vm->memory_lock);
  return base ? (void *)(base + offset % CHUNK_SIZE) : NULL;
}

static bool copy(struct vm *vm, u64 ipa, void *to, const void *from, u64 size) {
  for (u64 done = 0; done < size;) {
    u64 part = MIN(size - done, CHUNK_SIZE - (ipa + done) % CHUNK_SIZE);
    u8 *memory = vm_memory(vm, ipa + done);
    if (!memory)
      return false;
    if (to)
      memcpy((u8 *)to + done, memory, part);
    else
      memcpy(memory, (const u8 *)from + done, part);
    done += part;
  }
  return true;
}

bool vm_read(struct vm *vm, u64 ipa, void *to, u64 size) {
  return copy(vm, ipa, to, NULL, size);
}
bool vm_write(struct vm *vm, u64 ipa, const void *from, u64 size) {
  return copy(vm, ipa, NULL, from, size);
}
