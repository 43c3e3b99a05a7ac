/* Realm execution contexts: creation, destruction. */
#include "rmm.h"


u64 rec_index(u64 mpidr) {
  return FIELD(mpidr, 3, 0) | FIELD(mpidr, 15, 8) << 4 | FIELD(mpidr, 23, 16) << 12 | FIELD(mpidr, 31, 24) << 20;
}
void rec_reset(struct rec *rec, u64 pc, u64 x0) {
  memset(rec->x, 0, sizeof rec->x);
  rec->x[0] = x0;
  rec->pc = pc;
  rec->pstate = PSTATE_EL1H_MASKED;
  rec->el1.sctlr_el1 = SCTLR_EL1_RESET;
}

u64 rmi_rec_aux_count(u64 rd_pa, u64 *out) {
  struct granule *granule = granule_lock(rd_pa, GRANULE_RD);
  if (!granule)
    return RMI_ERROR_INPUT;
  granule_unlock(granule);
  out[1] = REC_AUX_GRANULES;
  return RMI_SUCCESS;
}

#define MAX_RECS 512

static bool rec_params_valid(const struct rmi_rec_params *params) {
  return params->num_aux == REC_AUX_GRANULES && !(params->flags & ~RMI_REC_FLAG_RUNNABLE) && !(params->mpidr & ~MPIDR_MASK);
}

u64 rmi_rec_create(u64 rd_pa, u64 rec_pa, u64 params_pa) {
  struct rmi_rec_params *params = (struct rmi_rec_params *)(void *)this_cpu()->run;
  if (!IS_ALIGNED(params_pa, GRANULE_SIZE) || !ns_read(params, params_pa, sizeof *params) || !rec_params_valid(params))
    return RMI_ERROR_INPUT;
  struct granule *realm = granule_lock(rd_pa, GRANULE_RD);
  if (!realm)
    return RMI_ERROR_INPUT;
  struct rd *rd = rd_at(rd_pa);
  u64 status = RMI_ERROR_INPUT;
  /* The REC, then its auxiliary granules. */
  u64 pas[1 + REC_AUX_GRANULES] = {rec_pa};
  memcpy(pas + 1, params->aux, sizeof pas - sizeof pas[0]);
  if (!granules_lock(pas, ARRAY_SIZE(pas), GRANULE_DELEGATED))
    goto unlock_realm;
  if (rd->state != REALM_NEW || rd->rec_count == MAX_RECS) {
    status = RMI_ERROR_REALM;
    goto unlock;
  }
  if (rec_index(params->mpidr) != rd->rec_count)
    goto unlock;
  struct rec *rec = rec_at(rec_pa);
  zero_granule(rec);
  rec_reset(rec, params->pc, 0);
  memcpy(rec->x, params->gprs, sizeof params->gprs);
  rec->rd = rd_pa;
  rec->mpidr = params->mpidr;
  rec->runnable = params->flags & RMI_REC_FLAG_RUNNABLE;
  for (u32 i = 0; i < REC_AUX_GRANULES; i++) {
    rec->aux[i] = params->aux[i];
    zero_granule((void *)params->aux[i]);
  }
  if (rec->runnable)
    measure_rec(rd, params);
  rd->rec_count++;
  __atomic_fetch_add(&realm->references, 1, __ATOMIC_ACQ_REL);
  granule_of(rec_pa)->references = 0;
  granules_unlock_to(pas + 1, REC_AUX_GRANULES, GRANULE_REC_AUX);
  granules_unlock_to(pas, 1, GRANULE_REC);
  granule_unlock(realm);
  return RMI_SUCCESS;

unlock:
  granules_unlock_to(pas, ARRAY_SIZE(pas), GRANULE_DELEGATED);
unlock_realm:
  granule_unlock(realm);
  return status;
}

u64 rmi_rec_destroy(u64 rec_pa) {
  struct granule *granule = granule_lock(rec_pa, GRANULE_REC);
  if (!granule)
    return RMI_ERROR_INPUT;
  if (granule->references) {
    granule_unlock(granule);
    return RMI_ERROR_REC;
  }
  struct rec *rec = rec_at(rec_pa);
  for (u32 i = 0; i < REC_AUX_GRANULES; i++)
    granule_unlock_to(granule_lock(rec->aux[i], GRANULE_REC_AUX), GRANULE_DELEGATED);
  __atomic_fetch_sub(&granule_of(rec->rd)->references, 1, __ATOMIC_ACQ_REL);
  granule_unlock_to(granule, GRANULE_DELEGATED);
  return RMI_SUCCESS;
}
