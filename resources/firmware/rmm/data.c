/* Granules of realm memory, mappings of host memory, and RIPAS. */
#include "rtt.h"

#define DATA_FLAG_MEASURE BIT(0)

/* The state a realm must be in, and the level 3 entry; common to both ways to give a realm a granule. */
static u64 data_walk(struct rd *rd, u64 ipa, struct rtt_walk *walk) {
  *walk = rtt_walk(rd, ipa, LEVEL_PAGE);
  u64 entry = entry_read(walk);
  if (walk->level != LEVEL_PAGE || entry_hipas(entry) != RMI_UNASSIGNED)
    return RMI_RESULT(RMI_ERROR_RTT, walk->level);
  return RMI_SUCCESS;
}

static bool protected_page(const struct rd *rd, u64 ipa) {
  return ipa_valid_at(rd, ipa, LEVEL_PAGE) && ipa_is_protected(rd, ipa);
}

u64 rmi_data_create(u64 rd_pa, u64 data_pa, u64 ipa, u64 src, u64 flags) {
  if (!IS_ALIGNED(src, GRANULE_SIZE) || (flags & ~DATA_FLAG_MEASURE))
    return RMI_ERROR_INPUT;
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  struct granule *granule = granule_lock(data_pa, GRANULE_DELEGATED);
  struct granule *source = granule_of(src);
  if (!granule || !protected_page(rd, ipa) || !source || granule_state(source) != GRANULE_UNDELEGATED)
    goto unlock;
  if (rd->state != REALM_NEW) {
    status = RMI_ERROR_REALM;
    goto unlock;
  }
  struct rtt_walk walk;
  status = data_walk(rd, ipa, &walk);
  if (status)
    goto unlock;
  void *data = mec_map(rd->mecid, data_pa);
  if (!ns_read(data, src, GRANULE_SIZE)) {
    zero_granule(data);
    status = RMI_ERROR_INPUT;
    goto unlock;
  }
  measure_data(rd, ipa, data, flags);
  entry_write(&walk.table[walk.index], entry_assigned(data_pa, RIPAS_RAM, LEVEL_PAGE));
  table_granule(&walk)->references++;
  granule_unlock_to(granule, GRANULE_DATA);
  granule = NULL;
unlock:
  if (granule)
    granule_unlock(granule);
  realm_unlock(rd);
  return status;
}

u64 rmi_data_create_unknown(u64 rd_pa, u64 data_pa, u64 ipa) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  struct granule *granule = granule_lock(data_pa, GRANULE_DELEGATED);
  if (!granule || !protected_page(rd, ipa))
    goto unlock;
  struct rtt_walk walk;
  status = data_walk(rd, ipa, &walk);
  if (status)
    goto unlock;
  /* What another realm left there is overwritten, in this realm's context. */
  zero_granule(mec_map(rd->mecid, data_pa));
  entry_write(&walk.table[walk.index], entry_assigned(data_pa, entry_ripas(entry_read(&walk)), LEVEL_PAGE));
  table_granule(&walk)->references++;
  granule_unlock_to(granule, GRANULE_DATA);
  granule = NULL;
unlock:
  if (granule)
    granule_unlock(granule);
  realm_unlock(rd);
  return status;
}

u64 rmi_data_destroy(u64 rd_pa, u64 ipa, u64 *out) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  if (!protected_page(rd, ipa))
    goto unlock;
  struct rtt_walk walk = rtt_walk(rd, ipa, LEVEL_PAGE);
  u64 entry = entry_read(&walk);
  if (walk.level != LEVEL_PAGE || entry_hipas(entry) != RMI_ASSIGNED) {
    out[2] = next_live(&walk, ipa);
    status = RMI_RESULT(RMI_ERROR_RTT, walk.level);
    goto unlock;
  }
  u64 data_pa = entry & S2_OA;
  bool empty = entry_ripas(entry) == RIPAS_EMPTY;
  entry_write(&walk.table[walk.index], entry_unassigned(empty ? RIPAS_EMPTY : RIPAS_DESTROYED));
  if (entry & S2_VALID)
    tlbi_entry(rd, ipa);
  table_granule(&walk)->references--;
  mec_clean(data_pa);
  granule_unlock_to(granule_lock(data_pa, GRANULE_DATA), GRANULE_DELEGATED);
  out[1] = data_pa;
  out[2] = next_live(&walk, ipa);
  status = RMI_SUCCESS;
unlock:
  realm_unlock(rd);
  return status;
}

/* MemAttr 0b100 is reserved with FEAT_S2FWB, SH 0b01 always; the address is one of the level's. */
static bool host_descriptor_valid(u64 descriptor, u64 level) {
  u64 pa = descriptor & S2_OA;
  return !(descriptor & ~(S2_OA | S2_HOST_ATTRIBUTES)) && FIELD(descriptor, 4, 2) != 4 && FIELD(descriptor, 9, 8) != 1 &&
         IS_ALIGNED(pa, level_size((u32)level));
}

static bool unprotected_entry(const struct rd *rd, u64 ipa, u64 level) {
  return (level == LEVEL_PAGE || level == LEVEL_BLOCK) && level >= rd->s2_start_level && ipa_valid_at(rd, ipa, level) &&
         !ipa_is_protected(rd, ipa);
}

u64 rmi_rtt_map_unprotected(u64 rd_pa, u64 ipa, u64 level, u64 descriptor) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  if (!unprotected_entry(rd, ipa, level) || !host_descriptor_valid(descriptor, level))
    goto unlock;
  struct rtt_walk walk = rtt_walk(rd, ipa, (u32)level);
  u64 entry = entry_read(&walk);
  if (walk.level != level || entry_is_table(entry, walk.level) || entry_hipas(entry) != RMI_UNASSIGNED) {
    status = RMI_RESULT(RMI_ERROR_RTT, walk.level);
    goto unlock;
  }
  entry_write(&walk.table[walk.index], descriptor | S2_NS | S2_AF | (level == LEVEL_PAGE ? S2_TABLE_OR_PAGE : S2_BLOCK));
  status = RMI_SUCCESS;
unlock:
  realm_unlock(rd);
  return status;
}

u64 rmi_rtt_unmap_unprotected(u64 rd_pa, u64 ipa, u64 level, u64 *out) {
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  if (!unprotected_entry(rd, ipa, level))
    goto unlock;
  struct rtt_walk walk = rtt_walk(rd, ipa, (u32)level);
  if (walk.level == level && entry_is_assigned_ns(entry_read(&walk), walk.level)) {
    entry_write(&walk.table[walk.index], ENTRY_UNASSIGNED_NS);
    tlbi_entry(rd, ipa);
    status = RMI_SUCCESS;
  } else
    status = RMI_RESULT(RMI_ERROR_RTT, walk.level);
  /* Here what counts as live is a mapping of host memory. */
  u64 size = level_size(walk.level);
  u64 at = ALIGN_DOWN(ipa, size);
  for (u32 i = walk.index; i < RTT_ENTRIES; i++, at += size)
    if (entry_is_table(walk.table[i], walk.level) || entry_is_assigned_ns(walk.table[i], walk.level))
      break;
  out[1] = at;
unlock:
  realm_unlock(rd);
  return status;
}

u64 rmi_rtt_init_ripas(u64 rd_pa, u64 base, u64 top, u64 *out) {
  if (top <= base)
    return RMI_ERROR_INPUT;
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  if (!protected_page(rd, base) || !IS_ALIGNED(top, GRANULE_SIZE) || !protected_page(rd, top - GRANULE_SIZE))
    goto unlock;
  if (rd->state != REALM_NEW) {
    status = RMI_ERROR_REALM;
    goto unlock;
  }
  struct rtt_walk walk = rtt_walk(rd, base, LEVEL_PAGE);
  u64 size = level_size(walk.level);
  u64 at = base;
  status = RMI_RESULT(RMI_ERROR_RTT, walk.level);
  if (!IS_ALIGNED(base, size))
    goto unlock;
  for (u32 i = walk.index; i < RTT_ENTRIES && at + size <= top; i++, at += size) {
    u64 entry = walk.table[i];
    if (entry != entry_unassigned(RIPAS_EMPTY) && entry != entry_unassigned(RIPAS_RAM))
      break;
    entry_write(&walk.table[i], entry_unassigned(RIPAS_RAM));
    measure_ripas(rd, at, at + size);
  }
  if (at > base) {
    out[1] = at;
    status = RMI_SUCCESS;
  }
unlock:
  realm_unlock(rd);
  return status;
}

/* Changes one entry's RIPAS; false if the realm did not allow it for a destroyed one, or it is a table. */
static bool change_ripas(const struct rd *rd, u64 *at, u64 ipa, u32 level, u32 ripas, bool change_destroyed) {
  u64 entry = *at;
  if (entry_is_table(entry, level))
    return false;
  u32 old = entry_ripas(entry);
  if (old == RIPAS_DESTROYED && ripas == RIPAS_RAM && !change_destroyed)
    return false;
  if (old == ripas)
    return true;
  if (entry_hipas(entry) == RMI_ASSIGNED)
    entry_write(at, entry_assigned(entry & S2_OA, ripas, level));
  else
    entry_write(at, entry_unassigned(ripas));
  if (entry & S2_VALID)
    tlbi_entry(rd, ipa);
  return true;
}

u64 rmi_rtt_set_ripas(u64 rd_pa, u64 rec_pa, u64 base, u64 top, u64 *out) {
  if (top <= base || !IS_ALIGNED(top, GRANULE_SIZE))
    return RMI_ERROR_INPUT;
  struct rd *rd = realm_lock(rd_pa);
  if (!rd)
    return RMI_ERROR_INPUT;
  u64 status = RMI_ERROR_INPUT;
  struct granule *rec_granule = granule_lock(rec_pa, GRANULE_REC);
  if (!rec_granule)
    goto unlock;
  struct rec *rec = rec_at(rec_pa);
  if (rec_granule->references || rec->rd != rd_pa) {
    status = RMI_ERROR_REC;
    goto unlock;
  }
  if (rec->ripas_base == rec->ripas_top || base != rec->ripas_next || top > rec->ripas_top)
    goto unlock;
  struct rtt_walk walk = rtt_walk(rd, base, LEVEL_PAGE);
  u64 size = level_size(walk.level);
  status = RMI_RESULT(RMI_ERROR_RTT, walk.level);
  if (!IS_ALIGNED(base, size))
    goto unlock;
  u64 at = base;
  for (u32 i = walk.index; i < RTT_ENTRIES && at + size <= top; i++, at += size)
    if (!change_ripas(rd, &walk.table[i], at, walk.level, rec->ripas_value, rec->ripas_change_destroyed))
      break;
  if (at > base) {
    rec->ripas_next = at;
    out[1] = at;
    status = RMI_SUCCESS;
  }
unlock:
  if (rec_granule)
    granule_unlock(rec_granule);
  realm_unlock(rd);
  return status;
}
