/* The state of each granule of DRAM. */
#include "rmm.h"

#define WORD_LOCK BIT(31)
#define WORD_STATE 0xffU

struct memory_bank banks[MAX_BANKS];
u32 bank_count;
static struct granule *granules;

void granules_init(struct granule *table) {
  granules = table;
}

struct granule *granule_of(u64 pa) {
  if (!IS_ALIGNED(pa, GRANULE_SIZE))
    return NULL;
  for (u32 i = 0; i < bank_count; i++)
    if (pa - banks[i].base < banks[i].size)
      return &granules[banks[i].first + (pa - banks[i].base) / GRANULE_SIZE];
  return NULL;
}

enum granule_state granule_state(const struct granule *granule) {
  return (enum granule_state)(__atomic_load_n(&granule->word, __ATOMIC_ACQUIRE) & WORD_STATE);
}

struct granule *granule_lock(u64 pa, enum granule_state state) {
  struct granule *granule = granule_of(pa);
  if (!granule)
    return NULL;
  for (;;) {
    u32 word = __atomic_load_n(&granule->word, __ATOMIC_RELAXED);
    if ((word & WORD_STATE) != state)
      return NULL;
    if (word & WORD_LOCK) {
      __asm__ volatile("yield");
      continue;
    }
    if (__atomic_compare_exchange_n(&granule->word, &word, word | (u32)WORD_LOCK, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return granule;
  }
}

bool granules_lock(const u64 *pas, u32 count, enum granule_state state) {
  u64 sorted[MAX_LOCKED];
  if (count > MAX_LOCKED)
    panic("%u granules at once", count);
  for (u32 i = 0; i < count; i++) {
    u32 at = i;
    for (; at && sorted[at - 1] > pas[i]; at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = pas[i];
  }
  for (u32 i = 0; i < count; i++) {
    bool twice = i && sorted[i] == sorted[i - 1];
    if (!twice && granule_lock(sorted[i], state))
      continue;
    granules_unlock_to(sorted, i, state);
    return false;
  }
  return true;
}

void granules_unlock_to(const u64 *pas, u32 count, enum granule_state state) {
  for (u32 i = 0; i < count; i++)
    granule_unlock_to(granule_of(pas[i]), state);
}

void granule_unlock(struct granule *granule) {
  __atomic_store_n(&granule->word, granule->word & WORD_STATE, __ATOMIC_RELEASE);
}

void granule_unlock_to(struct granule *granule, enum granule_state state) {
  __atomic_store_n(&granule->word, (u32)state, __ATOMIC_RELEASE);
}

u64 rmi_granule_delegate(u64 pa) {
  struct granule *granule = granule_lock(pa, GRANULE_UNDELEGATED);
  if (!granule)
    return RMI_ERROR_INPUT;
  if (smc1(RMM_GTSI_DELEGATE, pa) != E_RMM_OK) {
    granule_unlock(granule);
    return RMI_ERROR_INPUT;
  }
  granule_unlock_to(granule, GRANULE_DELEGATED);
  return RMI_SUCCESS;
}

u64 rmi_granule_undelegate(u64 pa) {
  struct granule *granule = granule_lock(pa, GRANULE_DELEGATED);
  if (!granule)
    return RMI_ERROR_INPUT;
  mec_scrub(pa);
  if (smc1(RMM_GTSI_UNDELEGATE, pa) != E_RMM_OK)
    panic("EL3 does not take granule 0x%lx back", pa);
  granule_unlock_to(granule, GRANULE_UNDELEGATED);
  return RMI_SUCCESS;
}
