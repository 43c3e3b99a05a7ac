/* Unmaking a realm, and folding tables. */
#include "harness.h"

static void destroy_data(const struct realm *realm, u64 ipa) {
  if (rmi(RMI_DATA_DESTROY, realm->rd, ipa, 0, 0, 0) == RMI_SUCCESS)
    rmi(RMI_GRANULE_UNDELEGATE, out.x[1], 0, 0, 0, 0);
}

static void destroy_table(const struct realm *realm, u64 ipa, u64 level) {
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm->rd, ipa, level, 0, 0), RMI_SUCCESS);
  check("UNDELEGATE the table", rmi(RMI_GRANULE_UNDELEGATE, out.x[1], 0, 0, 0, 0), RMI_SUCCESS);
}

void test_teardown(const struct realm *realm) {
  u64 rd = realm->rd;
  check("REC_ENTER after SYSTEM_OFF", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_RESULT(RMI_ERROR_REALM, 1));
  check("REC_DESTROY: no REC", rmi(RMI_REC_DESTROY, rd, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DATA_DESTROY of nothing", rmi(RMI_DATA_DESTROY, rd, REALM_BASE + 0x6000, 0, 0, 0), RTT_ERROR(3));
  check("DATA_DESTROY: next live page", out.x[2], REALM_EXTRA);
  check("DATA_DESTROY: unprotected", rmi(RMI_DATA_DESTROY, rd, REALM_UNPROTECTED, 0, 0, 0), RMI_ERROR_INPUT);
  check("DATA_DESTROY", rmi(RMI_DATA_DESTROY, rd, REALM_BASE, 0, 0, 0), RMI_SUCCESS);
  u64 data = out.x[1];
  check("DATA_DESTROY: next live page", out.x[2], REALM_BASE + 0x1000);
  check("RIPAS is destroyed", (read_entry(realm, REALM_BASE, 3), out.x[4]), RIPAS_DESTROYED);
  check("UNDELEGATE the page", rmi(RMI_GRANULE_UNDELEGATE, data, 0, 0, 0, 0), RMI_SUCCESS);
  check("nothing of the realm is left in it", wiped(data, *(volatile u64 *)__realm_start), true);
  for (u64 page = 1; page < 6; page++)
    destroy_data(realm, REALM_BASE + page * 0x1000);
  destroy_data(realm, REALM_EXTRA);
  check("UNMAP_UNPROTECTED", rmi(RMI_RTT_UNMAP_UNPROTECTED, rd, REALM_UNPROTECTED + REALM_SHARED, 3, 0, 0), RMI_SUCCESS);
  check("UNMAP_UNPROTECTED", rmi(RMI_RTT_UNMAP_UNPROTECTED, rd, REALM_UNPROTECTED + REALM_LOST, 3, 0, 0), RMI_SUCCESS);
  check("RTT_DESTROY: level not there", rmi(RMI_RTT_DESTROY, rd, REALM_BASE + 0x200000, 3, 0, 0), RTT_ERROR(2));
  destroy_table(realm, REALM_BASE, 3);
  destroy_table(realm, REALM_BASE, 2);
  destroy_table(realm, REALM_UNPROTECTED, 3);
  destroy_table(realm, REALM_UNPROTECTED, 2);
  check("REALM_DESTROY with RECs", rmi(RMI_REALM_DESTROY, rd, 0, 0, 0, 0), RMI_ERROR_REALM);
  for (u32 i = 0; i < 2; i++) {
    check("REC_DESTROY", rmi(RMI_REC_DESTROY, realm->rec[i], 0, 0, 0, 0), RMI_SUCCESS);
    check("UNDELEGATE the REC", rmi(RMI_GRANULE_UNDELEGATE, realm->rec[i], 0, 0, 0, 0), RMI_SUCCESS);
    check("UNDELEGATE its auxiliary granule", rmi(RMI_GRANULE_UNDELEGATE, realm->aux[i], 0, 0, 0, 0), RMI_SUCCESS);
  }
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("UNDELEGATE the RD", rmi(RMI_GRANULE_UNDELEGATE, rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("UNDELEGATE the start table", rmi(RMI_GRANULE_UNDELEGATE, realm->rtt_base, 0, 0, 0, 0), RMI_SUCCESS);
}

/* Folding: 512 pages that lie together become a block, and the block 512 pages again. */
void test_folding(void) {
  struct realm realm = {.rd = delegated(), .rtt_base = delegated()};
  fill_params(&realm);
  params.vmid = 6;
  params.hash_algo = RMI_HASH_SHA512;
  check("REALM_CREATE with SHA-512", create(&realm), RMI_SUCCESS);
  check("REALM_CREATE: VMID in use", (params.rtt_base = delegated(), rmi(RMI_REALM_CREATE, delegated(), (u64)&params, 0, 0, 0)), RMI_ERROR_INPUT);
  rtt_create(&realm, 0, 2);
  rtt_create(&realm, 0, 3);
  u64 block = 0x60000000;
  rmi(RMI_RTT_INIT_RIPAS, realm.rd, 0, 0x200000, 0, 0);
  u64 bad = 0;
  for (u64 i = 0; i < 512; i++) {
    bad |= rmi(RMI_GRANULE_DELEGATE, block + i * 0x1000, 0, 0, 0, 0);
    bad |= rmi(RMI_DATA_CREATE_UNKNOWN, realm.rd, block + i * 0x1000, i * 0x1000, 0, 0);
  }
  check("512 pages", bad, 0);
  check("RTT_FOLD: level 2 has nothing to fold into", rmi(RMI_RTT_FOLD, realm.rd, 0, 2, 0, 0), RTT_ERROR(2));
  check("RTT_FOLD", rmi(RMI_RTT_FOLD, realm.rd, 0, 3, 0, 0), RMI_SUCCESS);
  u64 folded = out.x[1];
  check("RTT_READ_ENTRY of the block", read_entry(&realm, 0, 3), RMI_SUCCESS);
  check("the block: level, state, address", out.x[1] << 60 | out.x[2] << 56 | out.x[3], 2UL << 60 | 1UL << 56 | block);
  check("DATA_DESTROY of a block", rmi(RMI_DATA_DESTROY, realm.rd, 0, 0, 0, 0), RTT_ERROR(2));
  check("RTT_CREATE splits it", rmi(RMI_RTT_CREATE, realm.rd, folded, 0, 3, 0), RMI_SUCCESS);
  check("RTT_READ_ENTRY of the last page", read_entry(&realm, 0x1ff000, 3), RMI_SUCCESS);
  check("the last page's address", out.x[3], block + 0x1ff000);
  for (u64 i = 0; i < 512; i++) {
    bad |= rmi(RMI_DATA_DESTROY, realm.rd, i * 0x1000, 0, 0, 0);
    bad |= rmi(RMI_GRANULE_UNDELEGATE, block + i * 0x1000, 0, 0, 0, 0);
  }
  check("512 pages given back", bad, 0);
  check("RTT_FOLD of destroyed pages", rmi(RMI_RTT_FOLD, realm.rd, 0, 3, 0, 0), RMI_SUCCESS);
  check("RIPAS of the fold", (read_entry(&realm, 0, 3), out.x[1] << 8 | out.x[4]), 2 << 8 | RIPAS_DESTROYED);
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm.rd, 0, 2, 0, 0), RMI_SUCCESS);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, realm.rd, 0, 0, 0, 0), RMI_SUCCESS);
}
