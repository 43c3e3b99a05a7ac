/* A realm's memory: granules, tables, what is measured, what it shares. */
#include "realm.h"

/* Stage 2 attributes a host may name for what it shares: normal write-back by FWB, read and write. */
#define UNPROTECTED_ATTRIBUTES (6UL << 2 | 3UL << 6 | 3UL << 8)
#define DATA_MEASURE 1UL

static u64 delegated;

u64 realm_pages(void) {
  return delegated;
}

/* A page given to the Realm world; 0: none to be had. RMM clears what a realm gets to see. */
u64 granule_alloc(void) {
  u64 page = (u64)pages_alloc(1, 1);
  if (!page) {
    tprintf("  Fatal: no memory is left\n");
    return 0;
  }
  u64 status = rmi_call(RMI_GRANULE_DELEGATE, page, 0, 0, 0, 0, NULL);
  if (status) {
    rmi_failed("GRANULE_DELEGATE", status);
    pages_free((void *)page, 1);
    return 0;
  }
  __atomic_fetch_add(&delegated, 1, __ATOMIC_RELAXED);
  return page;
}

void granule_free(u64 page) {
  u64 status = rmi_call(RMI_GRANULE_UNDELEGATE, page, 0, 0, 0, 0, NULL);
  /* A granule that RMM keeps is lost to the host, never reused. */
  if (status) {
    rmi_failed("GRANULE_UNDELEGATE", status);
    return;
  }
  __atomic_fetch_sub(&delegated, 1, __ATOMIC_RELAXED);
  pages_free((void *)page, 1);
}

static u64 level_size(u32 level) {
  return 1UL << (12 + 9 * (3 - level));
}

static bool rtt_create(struct realm_state *r, u64 ipa, u32 level) {
  u64 page = granule_alloc();
  if (!page)
    return false;
  u64 base = ALIGN_DOWN(ipa, level_size(level - 1));
  u64 status = rmi_call(RMI_RTT_CREATE, r->rd, page, base, level, 0, NULL);
  if (status) {
    granule_free(page);
    return rmi_failed("RTT_CREATE", status);
  }
  struct rtt *table = heap_alloc(sizeof *table);
  *table = (struct rtt){r->tables, page, base, level};
  r->tables = table;
  return true;
}

/* A walk ended above where it should: one more table, or a true error. */
bool realm_deepen(struct realm_state *r, u64 ipa, u64 status, u32 wanted, const char *what) {
  u32 level = (u32)RMI_INDEX(status);
  if (RMI_STATUS(status) != RMI_ERROR_RTT || level >= wanted)
    return rmi_failed(what, status);
  return rtt_create(r, ipa, level + 1);
}

bool realm_init_ripas(struct realm_state *r, u64 base, u64 top) {
  struct smc_result result;
  while (base < top) {
    u64 status = rmi_call(RMI_RTT_INIT_RIPAS, r->rd, base, top, 0, 0, &result);
    if (status == RMI_SUCCESS)
      base = result.x[1];
    else if (!realm_deepen(r, base, status, LEVEL_PAGE, "RTT_INIT_RIPAS"))
      return false;
  }
  return true;
}

static u64 *data_slot(struct vm *vm, u64 ipa) {
  return &vm->rme.data[(ipa - GUEST_RAM_BASE) / PAGE_SIZE];
}

u64 realm_page(const struct vm *vm, u64 ipa) {
  return vm->realm && ipa >= GUEST_RAM_BASE && ipa - GUEST_RAM_BASE < vm->ram_size ? vm->rme.data[(ipa - GUEST_RAM_BASE) / PAGE_SIZE] : 0;
}

/* Gives the realm a granule: with the host page's content, measured (before activation), or zeroed (source 0). */
bool realm_data_create(struct vm *vm, u64 ipa, u64 source) {
  struct realm_state *r = &vm->rme;
  u64 page = granule_alloc();
  if (!page)
    return false;
  for (;;) {
    u64 status = source ? rmi_call(RMI_DATA_CREATE, r->rd, page, ipa, source, DATA_MEASURE, NULL)
                        : rmi_call(RMI_DATA_CREATE_UNKNOWN, r->rd, page, ipa, 0, 0, NULL);
    if (status == RMI_SUCCESS)
      break;
    if (!realm_deepen(r, ipa, status, LEVEL_PAGE, source ? "DATA_CREATE" : "DATA_CREATE_UNKNOWN")) {
      granule_free(page);
      return false;
    }
  }
  *data_slot(vm, ipa) = page;
  return true;
}

void realm_data_destroy(struct vm *vm, u64 ipa) {
  u64 *slot = data_slot(vm, ipa);
  if (!*slot)
    return;
  u64 status = rmi_call(RMI_DATA_DESTROY, vm->rme.rd, ipa, 0, 0, 0, NULL);
  if (status)
    rmi_failed("DATA_DESTROY", status);
  else
    granule_free(*slot);
  *slot = 0;
}

/* A protected address without a granule behind it. */
bool realm_populate(struct vm *vm, u64 ipa) {
  bool done = true;
  ipa = ALIGN_DOWN(ipa, PAGE_SIZE);
  mutex_lock(&vm->rme.lock);
  if (!*data_slot(vm, ipa))
    done = realm_data_create(vm, ipa, 0);
  mutex_unlock(&vm->rme.lock);
  return done;
}

bool realm_share(struct vm *vm, u64 ipa) {
  struct realm_state *r = &vm->rme;
  u64 memory = (u64)vm_memory(vm, ALIGN_DOWN(ipa, CHUNK_SIZE));
  if (!memory)
    return false;
  bool done = true;
  mutex_lock(&r->lock);
  for (;;) {
    u64 status = rmi_call(RMI_RTT_MAP_UNPROTECTED, r->rd, ALIGN_DOWN(ipa, CHUNK_SIZE), 2, memory | UNPROTECTED_ATTRIBUTES, 0, NULL);
    /* Another core of the realm came first: level 2, and something is there. */
    if (status == RMI_SUCCESS || status == RMI_RESULT(RMI_ERROR_RTT, 2))
      break;
    if (!realm_deepen(r, ipa, status, 2, "RTT_MAP_UNPROTECTED")) {
      done = false;
      break;
    }
  }
  mutex_unlock(&r->lock);
  return done;
}
