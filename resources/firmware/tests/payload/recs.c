/* Making execution contexts, and what entering them refuses. */
#include "harness.h"

void fill_rec_params(u64 mpidr, u64 aux) {
  memset(&rec_params, 0, sizeof rec_params);
  rec_params.mpidr = mpidr;
  rec_params.pc = REALM_BASE;
  rec_params.num_aux = 1;
  rec_params.aux[0] = aux;
}

static u64 rec_create(const struct realm *realm, u32 index, u64 flags) {
  fill_rec_params(index, realm->aux[index]);
  rec_params.flags = flags;
  rec_params.gprs[0] = 0xabc;
  return rmi(RMI_REC_CREATE, realm->rd, realm->rec[index], (u64)&rec_params, 0, 0);
}

void test_recs(struct realm *realm) {
  check("REC_AUX_COUNT", rmi(RMI_REC_AUX_COUNT, realm->rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("REC_AUX_COUNT: count", out.x[1], 1);
  check("REC_AUX_COUNT: no realm", rmi(RMI_REC_AUX_COUNT, (u64)&params, 0, 0, 0, 0), RMI_ERROR_INPUT);
  for (u32 i = 0; i < 2; i++) {
    realm->rec[i] = delegated();
    realm->aux[i] = delegated();
  }
  check("REC_CREATE: wrong MPIDR", rec_create(realm, 1, 0), RMI_ERROR_INPUT);
  u64 aux = realm->aux[0];
  realm->aux[0] = realm->rec[0];
  check("REC_CREATE: auxiliary granule is the REC", rec_create(realm, 0, 1), RMI_ERROR_INPUT);
  realm->aux[0] = (u64)&params;
  check("REC_CREATE: auxiliary granule not delegated", rec_create(realm, 0, 1), RMI_ERROR_INPUT);
  realm->aux[0] = aux;
  check("REC_CREATE: params unaligned", rmi(RMI_REC_CREATE, realm->rd, realm->rec[0], (u64)&rec_params + 8, 0, 0), RMI_ERROR_INPUT);
  check("REC_CREATE", rec_create(realm, 0, RMI_REC_FLAG_RUNNABLE), RMI_SUCCESS);
  check("REC_CREATE again", rec_create(realm, 0, RMI_REC_FLAG_RUNNABLE), RMI_ERROR_INPUT);
  check("REC_CREATE of a second one", rec_create(realm, 1, 0), RMI_SUCCESS);
  check("REC_ENTER before activation", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_RESULT(RMI_ERROR_REALM, 0));
  check("REALM_ACTIVATE: no realm", rmi(RMI_REALM_ACTIVATE, realm->rec[0], 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_ACTIVATE", rmi(RMI_REALM_ACTIVATE, realm->rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("REALM_ACTIVATE again", rmi(RMI_REALM_ACTIVATE, realm->rd, 0, 0, 0, 0), RMI_ERROR_REALM);
  check("DATA_CREATE in an active realm", rmi(RMI_DATA_CREATE, realm->rd, delegated(), REALM_BASE + 0x10000, (u64)&params, 0), RMI_ERROR_REALM);
  check("INIT_RIPAS in an active realm", rmi(RMI_RTT_INIT_RIPAS, realm->rd, REALM_BASE + 0x10000, REALM_BASE + 0x11000, 0, 0), RMI_ERROR_REALM);
  check("REC_ENTER: not runnable", rmi(RMI_REC_ENTER, realm->rec[1], (u64)&runs[1], 0, 0, 0), RMI_ERROR_REC);
  check("REC_ENTER: no REC", rmi(RMI_REC_ENTER, realm->rd, (u64)&runs[0], 0, 0, 0), RMI_ERROR_INPUT);
  check("REC_ENTER: run page delegated", rmi(RMI_REC_ENTER, realm->rec[0], realm->rd, 0, 0, 0), RMI_ERROR_INPUT);
  check("REC_ENTER: run page unaligned", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0] + 8, 0, 0, 0), RMI_ERROR_INPUT);
  runs[0].enter.gicv3_hcr = 1;
  check("REC_ENTER: interrupt control bits", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.gicv3_hcr = 0;
  runs[0].enter.gicv3_lrs[0] = 1UL << 62 | 1UL << 61 | 27;
  check("REC_ENTER: hardware interrupt in a list register", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.gicv3_lrs[0] = 0;
  runs[0].enter.flags = REC_ENTRY_EMUL_MMIO;
  check("REC_ENTER: answer to no access", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.flags = REC_ENTRY_INJECT_SEA;
  check("REC_ENTER: abort for no access", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.flags = 0;
}
