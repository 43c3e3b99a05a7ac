/* Realms of all widths, tables of all levels, encryption contexts of several realms. */
#include "harness.h"

/* Realms that are made and unmade at once. */
static u64 shape(u64 rd, u64 rtt_base, u64 bits, s64 level, u32 tables) {
  struct realm realm = {.rd = rd, .rtt_base = rtt_base};
  fill_params(&realm);
  params.s2sz = bits;
  params.rtt_level_start = level;
  params.rtt_num_start = tables;
  return create(&realm);
}

static void start_tables(void) {
  /* Sixteen tables in a row, at a multiple of their size. */
  u64 base = POOL + POOL_SIZE;
  for (u64 i = 0; i < 16; i++)
    rmi(RMI_GRANULE_DELEGATE, base + i * 0x1000, 0, 0, 0, 0);
  u64 rd = delegated();
  static const struct {
    u8 bits, level, tables;
    bool possible;
  } shapes[] = {
    {32, 1, 1, true},  {39, 1, 1, true},  {40, 1, 2, true},  {43, 1, 16, true},  {44, 0, 1, true},  {48, 0, 1, true},
    {34, 2, 16, true}, {32, 2, 4, true},  {40, 1, 1, false}, {40, 1, 4, false},  {44, 1, 16, false}, {35, 2, 16, false},
    {39, 0, 1, false}, {48, 0, 2, false}, {31, 1, 1, false}, {49, 0, 1, false},
  };
  for (u32 i = 0; i < ARRAY_SIZE(shapes); i++) {
    printf("%u bits, start level %u, %u tables:\n", shapes[i].bits, shapes[i].level, shapes[i].tables);
    check("  REALM_CREATE", shape(rd, base, shapes[i].bits, shapes[i].level, shapes[i].tables), shapes[i].possible ? RMI_SUCCESS : RMI_ERROR_INPUT);
    if (!shapes[i].possible)
      continue;
    u64 unprotected = 1UL << (shapes[i].bits - 1);
    check("  READ_ENTRY of the unprotected half", rmi(RMI_RTT_READ_ENTRY, rd, unprotected, shapes[i].level, 0, 0), RMI_SUCCESS);
    check("  beyond the last address", rmi(RMI_RTT_READ_ENTRY, rd, 2 * unprotected, shapes[i].level, 0, 0), RMI_ERROR_INPUT);
    check("  REALM_DESTROY", rmi(RMI_REALM_DESTROY, rd, 0, 0, 0, 0), RMI_SUCCESS);
  }
  check("start tables at no multiple of their size", shape(rd, base + 0x1000, 40, 1, 2), RMI_ERROR_INPUT);
  check("the descriptor is one of the start tables", shape(base + 0x1000, base, 40, 1, 2), RMI_ERROR_INPUT);
  rmi(RMI_GRANULE_UNDELEGATE, base + 0x1000, 0, 0, 0, 0);
  check("the second start table is not delegated", shape(rd, base, 40, 1, 2), RMI_ERROR_INPUT);
  check("  and the first is as before", rmi(RMI_GRANULE_UNDELEGATE, base, 0, 0, 0, 0), RMI_SUCCESS);
  check("  and the descriptor, too", rmi(RMI_GRANULE_UNDELEGATE, rd, 0, 0, 0, 0), RMI_SUCCESS);
  for (u64 i = 2; i < 16; i++)
    rmi(RMI_GRANULE_UNDELEGATE, base + i * 0x1000, 0, 0, 0, 0);
}

/* Level and state of an entry, as a walk to level 3 finds it. */
static u64 walk(const struct realm *realm, u64 ipa) {
  read_entry(realm, ipa, 3);
  return out.x[1] << 8 | out.x[2];
}

static void levels(void) {
  struct realm realm = {.rd = delegated(), .rtt_base = delegated()};
  check("a realm of 48 bits", shape(realm.rd, realm.rtt_base, 48, 0, 1), RMI_SUCCESS);
  u64 unprotected = 1UL << 47;
  for (u64 half = 0; half < 2; half++) {
    u64 ipa = half * unprotected;
    for (u64 level = 1; level <= 3; level++) {
      check("nothing deeper yet", walk(&realm, ipa), (level - 1) << 8 | RMI_UNASSIGNED);
      check("RTT_CREATE: a level too deep", level < 3 ? rtt_create(&realm, ipa, level + 1) : RTT_ERROR(level - 1), RTT_ERROR(level - 1));
      check("RTT_CREATE", rtt_create(&realm, ipa, level), RMI_SUCCESS);
    }
    check("RTT_DESTROY: one with a table below", rmi(RMI_RTT_DESTROY, realm.rd, ipa, 2, 0, 0), RTT_ERROR(2));
    check("RTT_FOLD: one with a table below", rmi(RMI_RTT_FOLD, realm.rd, ipa, 1, 0, 0), RTT_ERROR(1));
    check("RTT_FOLD: the start level", rmi(RMI_RTT_FOLD, realm.rd, ipa, 0, 0, 0), RMI_ERROR_INPUT);
    check("RTT_FOLD: unaligned", rmi(RMI_RTT_FOLD, realm.rd, ipa + 0x1000, 3, 0, 0), RMI_ERROR_INPUT);
    check("RTT_FOLD: a table that is not there", rmi(RMI_RTT_FOLD, realm.rd, ipa + 0x200000, 3, 0, 0), RTT_ERROR(2));
    for (u64 level = 3; level >= 2; level--) {
      check("RTT_FOLD of nothing", rmi(RMI_RTT_FOLD, realm.rd, ipa, level, 0, 0), RMI_SUCCESS);
      check("  gives the table back", rmi(RMI_GRANULE_UNDELEGATE, out.x[1], 0, 0, 0, 0), RMI_SUCCESS);
      check("  and is UNASSIGNED above", walk(&realm, ipa), (level - 1) << 8 | RMI_UNASSIGNED);
    }
  }

  /* Host memory in a block, in pages, in a block again. */
  rtt_create(&realm, unprotected, 2);
  u64 descriptor = DESCRIPTOR(0x60000000);
  check("MAP_UNPROTECTED: an address that no block has", rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, unprotected, 2, descriptor | 0x1000, 0), RMI_ERROR_INPUT);
  check("MAP_UNPROTECTED: unaligned IPA", rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, unprotected + 0x1000, 2, descriptor, 0), RMI_ERROR_INPUT);
  check("MAP_UNPROTECTED: reserved memory type", rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, unprotected, 2, (descriptor & ~0x1cUL) | 4 << 2, 0), RMI_ERROR_INPUT);
  check("MAP_UNPROTECTED: reserved shareability", rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, unprotected, 2, descriptor | 1 << 8, 0), RMI_ERROR_INPUT);
  check("MAP_UNPROTECTED of a block", rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, unprotected, 2, descriptor, 0), RMI_SUCCESS);
  check("RTT_CREATE splits it", rtt_create(&realm, unprotected, 3), RMI_SUCCESS);
  read_entry(&realm, unprotected + 0x5000, 3);
  check("  into pages", out.x[1] << 60 | out.x[3], 3UL << 60 | (descriptor + 0x5000));
  check("UNMAP_UNPROTECTED: too high", rmi(RMI_RTT_UNMAP_UNPROTECTED, realm.rd, unprotected, 2, 0, 0), RTT_ERROR(2));
  check("RTT_FOLD", rmi(RMI_RTT_FOLD, realm.rd, unprotected, 3, 0, 0), RMI_SUCCESS);
  read_entry(&realm, unprotected, 3);
  check("  into a block", out.x[1] << 60 | out.x[3], 2UL << 60 | descriptor);
  check("UNMAP_UNPROTECTED: too deep", rmi(RMI_RTT_UNMAP_UNPROTECTED, realm.rd, unprotected, 3, 0, 0), RTT_ERROR(2));
  check("UNMAP_UNPROTECTED of the block", rmi(RMI_RTT_UNMAP_UNPROTECTED, realm.rd, unprotected, 2, 0, 0), RMI_SUCCESS);
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm.rd, unprotected, 2, 0, 0), RMI_SUCCESS);
  check("  the host's half is not DESTROYED", (read_entry(&realm, unprotected, 1), out.x[2] << 8 | out.x[4]), RMI_UNASSIGNED << 8 | RIPAS_EMPTY);

  /* RIPAS goes as far as one table. */
  u64 last = unprotected - 0x40000000UL;
  u64 table = unprotected - (1UL << 39);
  rtt_create(&realm, table, 1);
  check("INIT_RIPAS of a level 1 entry", rmi(RMI_RTT_INIT_RIPAS, realm.rd, last, unprotected, 0, 0), RMI_SUCCESS);
  check("  up to its end", out.x[1], unprotected);
  check("INIT_RIPAS of a part of it", rmi(RMI_RTT_INIT_RIPAS, realm.rd, last, last + 0x1000, 0, 0), RTT_ERROR(1));
  check("INIT_RIPAS: unaligned", rmi(RMI_RTT_INIT_RIPAS, realm.rd, last + 8, unprotected, 0, 0), RMI_ERROR_INPUT);
  check("INIT_RIPAS: upside down", rmi(RMI_RTT_INIT_RIPAS, realm.rd, unprotected, last, 0, 0), RMI_ERROR_INPUT);
  check("RTT_DESTROY: unaligned", rmi(RMI_RTT_DESTROY, realm.rd, last, 1, 0, 0), RMI_ERROR_INPUT);
  check("REALM_DESTROY: tables are left", rmi(RMI_REALM_DESTROY, realm.rd, 0, 0, 0, 0), RMI_ERROR_REALM);
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm.rd, 0, 1, 0, 0), RMI_SUCCESS);
  check("  top: the next table", out.x[2], table);
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm.rd, table, 1, 0, 0), RMI_SUCCESS);
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm.rd, unprotected, 1, 0, 0), RMI_SUCCESS);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, realm.rd, 0, 0, 0, 0), RMI_SUCCESS);
}

void test_shapes(void) {
  start_tables();
  levels();
}

/* A realm without memory, in a context. */
static u64 in_context(struct realm *realm, u16 vmid, s64 mecid) {
  fill_params(realm);
  params.vmid = vmid;
  params.mecid = mecid;
  return create(realm);
}

#define SECRET 0x5ec7e75ec7e7UL
#define FRESH (REALM_BASE + 0x10000)

/* A page that a realm has written to, in the hands of another and of the host. */
static void secrets(s64 first, s64 second) {
  struct realm realm = puppet_make(30, first, 1);
  u64 page = delegated();
  puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), FRESH, FRESH + 0x1000, RIPAS_RAM, 0);
  rmi(RMI_RTT_SET_RIPAS, realm.rd, realm.rec[0], FRESH, FRESH + 0x1000, 0);
  puppet_resume(&realm, 0);
  check("DATA_CREATE_UNKNOWN", rmi(RMI_DATA_CREATE_UNKNOWN, realm.rd, page, FRESH, 0, 0), RMI_SUCCESS);
  puppet_do(&realm, 0, PUPPET_WRITE, FRESH, SECRET);
  check("the realm reads what it wrote", (puppet_do(&realm, 0, PUPPET_READ, FRESH, 0), runs[0].exit.gprs[0]), SECRET);
  check("the host's read is a granule protection fault", FAULT_STATUS(probe_read(page)), 0x28);
  check("DATA_DESTROY", rmi(RMI_DATA_DESTROY, realm.rd, FRESH, 0, 0, 0), RMI_SUCCESS);
  puppet_unmake(&realm);

  realm = puppet_make(31, second, 1);
  puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), FRESH, FRESH + 0x1000, RIPAS_RAM, 0);
  rmi(RMI_RTT_SET_RIPAS, realm.rd, realm.rec[0], FRESH, FRESH + 0x1000, 0);
  puppet_resume(&realm, 0);
  rmi(RMI_DATA_CREATE_UNKNOWN, realm.rd, page, FRESH, 0, 0);
  check("another realm finds zeros", (puppet_do(&realm, 0, PUPPET_READ, FRESH, 0), puppet_done(0) ? runs[0].exit.gprs[0] : PUPPET_LOST), 0);
  rmi(RMI_DATA_DESTROY, realm.rd, FRESH, 0, 0, 0);
  puppet_unmake(&realm);
  check("UNDELEGATE", rmi(RMI_GRANULE_UNDELEGATE, page, 0, 0, 0, 0), RMI_SUCCESS);
  check("the host finds nothing of it", wiped(page, SECRET), true);
}

void test_contexts(void) {
  struct realm a = {.rd = delegated(), .rtt_base = delegated()};
  struct realm b = {.rd = delegated(), .rtt_base = delegated()};
  if (!has_mec()) {
    check("a MECID without FEAT_MEC", in_context(&a, 30, 1), RMI_ERROR_INPUT);
    secrets(0, 0);
    return;
  }
  check("a realm in the shared context", in_context(&a, 30, 0), RMI_SUCCESS);
  check("another one beside it", in_context(&b, 31, 0), RMI_SUCCESS);
  check("MEC_SET_PRIVATE: it has members", rmi(RMI_MEC_SET_PRIVATE, 0, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("MEC_SET_SHARED: it is shared", rmi(RMI_MEC_SET_SHARED, 0, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, b.rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("a realm with a context of its own", in_context(&b, 31, 7), RMI_SUCCESS);
  check("REALM_DESTROY of the shared context's last", rmi(RMI_REALM_DESTROY, a.rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("a context that another realm has", in_context(&a, 30, 7), RMI_ERROR_INPUT);
  check("a negative MECID", in_context(&a, 30, -1), RMI_ERROR_INPUT);
  check("MEC_SET_PRIVATE", rmi(RMI_MEC_SET_PRIVATE, 0, 0, 0, 0, 0), RMI_SUCCESS);
  check("MEC_SET_SHARED: a realm has it", rmi(RMI_MEC_SET_SHARED, 7, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("MEC_SET_SHARED of another", rmi(RMI_MEC_SET_SHARED, 9, 0, 0, 0, 0), RMI_SUCCESS);
  check("0 is private now", in_context(&a, 30, 0), RMI_SUCCESS);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, a.rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("9 is shared now", in_context(&a, 30, 9), RMI_SUCCESS);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, a.rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, b.rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("its context is free", in_context(&b, 31, 7), RMI_SUCCESS);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, b.rd, 0, 0, 0, 0), RMI_SUCCESS);
  rmi(RMI_MEC_SET_PRIVATE, 9, 0, 0, 0, 0);
  rmi(RMI_MEC_SET_SHARED, 0, 0, 0, 0, 0);
  secrets(7, 8);
  secrets(0, 0);
}
