/* Realm translation tables: walking, creating, destroying, folding. The realm's lock guards them. */
#include "rtt.h"

static u64 *table_map(const struct rd *rd, u64 pa) {
  return mec_map(rd->mecid, pa);
}

struct rtt_walk rtt_walk(const struct rd *rd, u64 ipa, u32 level) {
  u32 at = rd->s2_start_level;
  u64 start_index = ipa / level_size(at);
  struct rtt_walk walk = {
    .table_pa = rd->rtt_base + start_index / RTT_ENTRIES * GRANULE_SIZE, .index = start_index % RTT_ENTRIES, .level = at};
  walk.table = table_map(rd, walk.table_pa);
  while (walk.level < level) {
    u64 entry = entry_read(&walk);
    if (!entry_is_table(entry, walk.level))
      break;
    walk.level++;
    walk.table_pa = entry & S2_OA;
    walk.index = ipa / level_size(walk.level) % RTT_ENTRIES;
    walk.table = table_map(rd, walk.table_pa);
  }
  return walk;
}

bool ipa_valid_at(const struct rd *rd, u64 ipa, u64 level) {
  return level <= LEVEL_PAGE && ipa_in_range(rd, ipa) && IS_ALIGNED(ipa, level_size((u32)level));
}

/* TLB maintenance by IPA acts on the current VMID. */
static void with_vmid(const struct rd *rd) {
  write_sysreg(vttbr_el2, rd->vttbr);
  isb();
}

void tlbi_entry(const struct rd *rd, u64 ipa) {
  with_vmid(rd);
  dsb(ishst);
  __asm__ volatile("tlbi ipas2e1is, %0" : : "r"(ipa >> 12) : "memory");
  dsb(ish);
  __asm__ volatile("tlbi vmalle1is" : : : "memory");
  dsb(ish);
  isb();
}

void tlbi_realm(const struct rd *rd) {
  with_vmid(rd);
  dsb(ishst);
  __asm__ volatile("tlbi vmalls12e1is" : : : "memory");
  dsb(ish);
  isb();
}

u64 next_live(const struct rtt_walk *walk, u64 ipa) {
  u64 size = level_size(walk->level);
  u64 at = ALIGN_DOWN(ipa, size);
  for (u32 i = walk->index; i < RTT_ENTRIES; i++, at += size)
    if (entry_is_live(walk->table[i], walk->level))
      break;
  return at;
}

void rtt_init_start_tables(const struct rd *rd) {
  for (u32 t = 0; t < rd->s2_start_tables; t++) {
    u64 *table = table_map(rd, rd->rtt_base + t * GRANULE_SIZE);
    for (u64 i = 0; i < RTT_ENTRIES; i++) {
      u64 ipa = (t * RTT_ENTRIES + i) * level_size(rd->s2_start_level);
      table[i] = ipa_is_protected(rd, ipa) ? entry_unassigned(RIPAS_EMPTY) : ENTRY_UNASSIGNED_NS;
    }
  }
  dsb(ish);
}

/* Levels that are not the start level. */
static bool inner_level(const struct rd *rd, u64 level) {
  return level > rd->s2_start_level && level <= LEVEL_PAGE;
}

/* The 512 entries that together mean what the parent's entry meant. Returns how many of them are live. */
static u32 split(u64 *table, u64 parent, u32 level) {
  u64 step = level_size(level);
  for (u64 i = 0; i < RTT_ENTRIES; i++) {
    u64 entry = parent;
    if (entry_is_assigned_ns(parent, level - 1))
      entry = (parent & ~3UL) + i * step + (level == LEVEL_PAGE ? S2_TABLE_OR_PAGE : S2_BLOCK);
    else if (entry_hipas(parent) == RMI_ASSIGNED && !entry_is_ns(parent))
      entry = entry_assigned((parent & S2_OA) + i * step, entry_ripas(parent), level);
    table[i] = entry;
  }
  return entry_is_live(parent, level - 1) ? RTT_ENTRIES : 0;
}

u64 rmi_rtt_create(u64 rd_pa, u64 rtt_pa, u64 ipa, u64 level) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  struct granule *granule = NULL;
  if (!inner_level(rd, level) || !ipa_valid_at(rd, ipa, level - 1))
    goto unlock;
  granule = granule_lock(rtt_pa, GRANULE_DELEGATED);
  if (!granule)
    goto unlock;
  struct rtt_walk walk = rtt_walk(rd, ipa, (u32)level - 1);
  u64 parent = entry_read(&walk);
  if (walk.level != level - 1 || entry_is_table(parent, walk.level)) {
    status = RMI_RESULT(RMI_ERROR_RTT, walk.level);
    goto unlock;
  }
  granule->references = split(mec_map(rd->mecid, rtt_pa), parent, (u32)level);
  dsb(ish);
  if (parent & S2_VALID) {
    /* Break before make: a block and a table must not both be in TLBs. */
    entry_write(&walk.table[walk.index], 0);
    tlbi_entry(rd, ipa);
  }
  entry_write(&walk.table[walk.index], rtt_pa | S2_TABLE_OR_PAGE);
  if (!entry_is_live(parent, walk.level))
    table_granule(&walk)->references++;
  granule_unlock_to(granule, GRANULE_RTT);
  granule = NULL;
  status = RMI_SUCCESS;
unlock:
  if (granule)
    granule_unlock(granule);
  realm_unlock(rd);
  return status;
}

/* The table of a level that an address lies in, by the entry that points to it. */
static u64 find_table(const struct rd *rd, u64 ipa, u64 level, struct rtt_walk *walk, u64 *rtt_pa) {
  if (!inner_level(rd, level) || !ipa_valid_at(rd, ipa, level - 1))
    return RMI_ERROR_INPUT;
  *walk = rtt_walk(rd, ipa, (u32)level - 1);
  u64 entry = entry_read(walk);
  if (walk->level != level - 1 || !entry_is_table(entry, walk->level))
    return RMI_RESULT(RMI_ERROR_RTT, walk->level);
  *rtt_pa = entry & S2_OA;
  return RMI_SUCCESS;
}

/* Another entry comes in the place of one that pointed to a table, which nobody needs any more. */
static void replace_table(const struct rd *rd, const struct rtt_walk *walk, u64 rtt_pa, u64 entry) {
  u64 *at = &walk->table[walk->index];
  entry_write(at, 0);
  tlbi_realm(rd);
  entry_write(at, entry);
  if (!entry_is_live(entry, walk->level))
    table_granule(walk)->references--;
  mec_clean(rtt_pa);
  granule_unlock_to(granule_lock(rtt_pa, GRANULE_RTT), GRANULE_DELEGATED);
}

u64 rmi_rtt_destroy(u64 rd_pa, u64 ipa, u64 level, u64 *out) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  struct rtt_walk walk;
  u64 rtt_pa;
  u64 status = find_table(rd, ipa, level, &walk, &rtt_pa);
  if (status == RMI_SUCCESS && granule_of(rtt_pa)->references) {
    out[2] = ipa;
    status = RMI_RESULT(RMI_ERROR_RTT, level);
  } else if (status != RMI_ERROR_INPUT) {
    if (status == RMI_SUCCESS) {
      replace_table(rd, &walk, rtt_pa, ipa_is_protected(rd, ipa) ? entry_unassigned(RIPAS_DESTROYED) : ENTRY_UNASSIGNED_NS);
      out[1] = rtt_pa;
    }
    out[2] = next_live(&walk, ipa);
  }
  realm_unlock(rd);
  return status;
}

/* The one entry that means what all 512 mean, if there is one. */
static bool fold_entry(const u64 *table, u32 level, u64 *folded) {
  u64 first = table[0];
  if (entry_is_table(first, level))
    return false;
  bool with_address = (first & S2_VALID) || entry_hipas(first) == RMI_ASSIGNED;
  u64 step = with_address ? level_size(level) : 0;
  for (u64 i = 1; i < RTT_ENTRIES; i++)
    if (table[i] != first + i * step)
      return false;
  if (!with_address) {
    *folded = first;
    return true;
  }
  /* Blocks exist at level 2 only. */
  if (level != LEVEL_PAGE || !IS_ALIGNED(first & S2_OA, level_size(LEVEL_BLOCK)))
    return false;
  *folded = entry_is_ns(first) ? (first & ~3UL) | S2_BLOCK : entry_assigned(first & S2_OA, entry_ripas(first), LEVEL_BLOCK);
  return true;
}

u64 rmi_rtt_fold(u64 rd_pa, u64 ipa, u64 level, u64 *out) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  struct rtt_walk walk;
  u64 rtt_pa, folded;
  u64 status = find_table(rd, ipa, level, &walk, &rtt_pa);
  if (status == RMI_SUCCESS) {
    if (fold_entry(mec_map(rd->mecid, rtt_pa), (u32)level, &folded)) {
      replace_table(rd, &walk, rtt_pa, folded);
      out[1] = rtt_pa;
    } else
      status = RMI_RESULT(RMI_ERROR_RTT, level);
  }
  realm_unlock(rd);
  return status;
}

u64 rmi_rtt_read_entry(u64 rd_pa, u64 ipa, u64 level, u64 *out) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  if (level < rd->s2_start_level || !ipa_valid_at(rd, ipa, level)) {
    realm_unlock(rd);
    return RMI_ERROR_INPUT;
  }
  struct rtt_walk walk = rtt_walk(rd, ipa, (u32)level);
  u64 entry = entry_read(&walk);
  out[1] = walk.level;
  if (entry_is_table(entry, walk.level)) {
    out[2] = RMI_TABLE;
    out[3] = entry & S2_OA;
  } else {
    out[2] = entry_hipas(entry);
    if (out[2] == RMI_ASSIGNED)
      out[3] = entry & (entry_is_ns(entry) ? S2_OA | S2_HOST_ATTRIBUTES : S2_OA);
    out[4] = entry_is_ns(entry) ? RIPAS_EMPTY : entry_ripas(entry);
  }
  realm_unlock(rd);
  return RMI_SUCCESS;
}

u32 rtt_ripas(const struct rd *rd, u64 ipa, u64 top, u64 *end) {
  struct rtt_walk walk = rtt_walk(rd, ipa, LEVEL_PAGE);
  u64 size = level_size(walk.level);
  u32 ripas = entry_ripas(entry_read(&walk));
  u64 at = ALIGN_DOWN(ipa, size) + size;
  for (u32 i = walk.index + 1; i < RTT_ENTRIES && at < top; i++, at += size)
    if (entry_is_table(walk.table[i], walk.level) || entry_ripas(walk.table[i]) != ripas)
      break;
  *end = MIN(at, top);
  return ripas;
}

enum rtt_access rtt_data_at(const struct rd *rd, u64 ipa, u64 *pa, u32 *level) {
  struct rtt_walk walk = rtt_walk(rd, ipa, LEVEL_PAGE);
  u64 entry = entry_read(&walk);
  *level = walk.level;
  if (entry & S2_VALID) {
    u64 size = level_size(walk.level);
    *pa = (entry & S2_OA) + (ipa & (size - 1));
    return ACCESS_OK;
  }
  return entry_ripas(entry) == RIPAS_EMPTY ? ACCESS_EMPTY : ACCESS_ABORT;
}
