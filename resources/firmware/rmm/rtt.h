/*
 * Entries of realm translation tables. A valid entry is a stage-2 descriptor; an invalid one holds HIPAS in bits [5:3]
 * and RIPAS in bits [2:1], and the address of an assigned granule. Bit 55 (NS) marks entries of unprotected IPAs.
 */
#ifndef RTT_H
#define RTT_H

#include "rmm.h"

#define RTT_ENTRIES 512
#define LEVEL_PAGE 3
#define LEVEL_BLOCK 2

#define S2_VALID BIT(0)
#define S2_TABLE_OR_PAGE 3UL
#define S2_BLOCK 1UL
#define S2_NS BIT(55)
#define S2_AF BIT(10)
#define S2_OA 0x0000fffffffff000UL
/* Read-write, inner shareable, Normal write-back as FEAT_S2FWB encodes it. */
#define S2_REALM_ATTRIBUTES (S2_AF | 3UL << 8 | 3UL << 6 | 6UL << 2)
/* What the host chooses of an unprotected mapping: MemAttr, S2AP, SH. */
#define S2_HOST_ATTRIBUTES (7UL << 2 | 3UL << 6 | 3UL << 8)

#define ENTRY_HIPAS(hipas) ((u64)(hipas) << 3)
#define ENTRY_RIPAS(ripas) ((u64)(ripas) << 1)
#define ENTRY_UNASSIGNED_NS S2_NS

static inline u64 level_size(u32 level) {
  return 1UL << (12 + 9 * (3 - level));
}
static inline u64 entry_unassigned(u32 ripas) {
  return ENTRY_HIPAS(RMI_UNASSIGNED) | ENTRY_RIPAS(ripas);
}
/* An assigned granule or block; only RAM is a valid descriptor. */
static inline u64 entry_assigned(u64 pa, u32 ripas, u32 level) {
  if (ripas == RIPAS_RAM)
    return pa | S2_REALM_ATTRIBUTES | (level == LEVEL_PAGE ? S2_TABLE_OR_PAGE : S2_BLOCK);
  return pa | ENTRY_HIPAS(RMI_ASSIGNED) | ENTRY_RIPAS(ripas);
}
static inline bool entry_is_table(u64 entry, u32 level) {
  return level < LEVEL_PAGE && (entry & 3) == S2_TABLE_OR_PAGE;
}
static inline bool entry_is_ns(u64 entry) {
  return entry & S2_NS;
}
static inline bool entry_is_assigned_ns(u64 entry, u32 level) {
  return (entry & S2_NS) && (entry & S2_VALID) && !entry_is_table(entry, level);
}
/* HIPAS of an entry that is no table. */
static inline u32 entry_hipas(u64 entry) {
  if (entry & S2_VALID)
    return RMI_ASSIGNED;
  return (entry & S2_NS) ? RMI_UNASSIGNED : (u32)FIELD(entry, 5, 3);
}
/* RIPAS of a protected entry that is no table. */
static inline u32 entry_ripas(u64 entry) {
  return (entry & S2_VALID) ? RIPAS_RAM : (u32)FIELD(entry, 2, 1);
}
/* Holds the table above it in place: an assigned granule of the realm or a further table. */
static inline bool entry_is_live(u64 entry, u32 level) {
  return entry_is_table(entry, level) || (!entry_is_ns(entry) && entry_hipas(entry) == RMI_ASSIGNED);
}
static inline struct granule *table_granule(const struct rtt_walk *walk) {
  return granule_of(walk->table_pa);
}

/* Entries are read by other cores' table walks. */
static inline u64 entry_read(const struct rtt_walk *walk) {
  return __atomic_load_n(&walk->table[walk->index], __ATOMIC_RELAXED);
}
static inline void entry_write(u64 *at, u64 entry) {
  __atomic_store_n(at, entry, __ATOMIC_RELEASE);
  dsb(ish);
}

/* Locks the realm; NULL if rd is none. */
static inline struct rd *realm_lock(u64 rd) {
  return granule_lock(rd, GRANULE_RD) ? rd_at(rd) : NULL;
}
static inline void realm_unlock(const struct rd *rd) {
  granule_unlock(granule_of((u64)rd));
}

/* After an entry that was valid is not, or maps otherwise: one entry, or all of the realm. */
void tlbi_entry(const struct rd *rd, u64 ipa);
void tlbi_realm(const struct rd *rd);
/* The first IPA from ipa on in this table whose entry is live, or the end of what the table covers. */
u64 next_live(const struct rtt_walk *walk, u64 ipa);
bool ipa_valid_at(const struct rd *rd, u64 ipa, u64 level);

#endif
