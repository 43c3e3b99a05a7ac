/* PSCI calls of a realm (DEN0137, "Realm PSCI"), and how the host completes them. */
#include "rmm.h"

static u64 complete_cpu_on(struct granule *target_granule, struct rec *target, const struct rec *caller, u64 status) {
  if (target_granule->references || target->runnable)
    return PSCI_ALREADY_ON;
  if (status == PSCI_DENIED)
    return PSCI_DENIED;
  bool wide = (u32)caller->x[0] == PSCI_CPU_ON_64;
  rec_reset(target, wide ? caller->x[2] : (u32)caller->x[2], wide ? caller->x[3] : (u32)caller->x[3]);
  target->runnable = true;
  return PSCI_SUCCESS;
}

/* Both RECs, locked in the order of their addresses. */
static bool lock_two(u64 first, u64 second) {
  u64 low = MIN(first, second);
  u64 high = MAX(first, second);
  if (!granule_lock(low, GRANULE_REC))
    return false;
  if (granule_lock(high, GRANULE_REC))
    return true;
  granule_unlock(granule_of(low));
  return false;
}

u64 rmi_psci_complete(u64 calling_pa, u64 target_pa, u64 psci_status) {
  if (calling_pa == target_pa || !lock_two(calling_pa, target_pa))
    return RMI_ERROR_INPUT;
  struct granule *target_granule = granule_of(target_pa);
  struct rec *caller = rec_at(calling_pa);
  struct rec *target = rec_at(target_pa);
  u64 status = RMI_ERROR_INPUT;
  u64 answer = PSCI_NOT_SUPPORTED;
  if (!caller->psci_pending || granule_of(calling_pa)->references || caller->rd != target->rd ||
      rec_index(caller->x[1]) != rec_index(target->mpidr))
    goto unlock;
  switch ((u32)caller->x[0]) {
  case PSCI_CPU_ON_32:
  case PSCI_CPU_ON_64:
    if (psci_status != PSCI_SUCCESS && psci_status != PSCI_DENIED)
      goto unlock;
    answer = complete_cpu_on(target_granule, target, caller, psci_status);
    /* A core that is on cannot be denied. */
    if (psci_status == PSCI_DENIED && answer == PSCI_ALREADY_ON)
      goto unlock;
    break;
  case PSCI_AFFINITY_INFO_32:
  case PSCI_AFFINITY_INFO_64:
    if (psci_status != PSCI_SUCCESS)
      goto unlock;
    answer = target_granule->references || target->runnable ? 0 : 1;
    break;
  default:
    goto unlock;
  }
  caller->x[0] = answer;
  caller->x[1] = caller->x[2] = caller->x[3] = 0;
  caller->psci_pending = false;
  status = RMI_SUCCESS;
unlock:
  granule_unlock(granule_of(calling_pa));
  granule_unlock(target_granule);
  return status;
}

static const u32 psci_functions[] = {PSCI_VERSION,          PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64,   PSCI_CPU_OFF,
                                     PSCI_CPU_ON_32,        PSCI_CPU_ON_64,      PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64,
                                     PSCI_SYSTEM_OFF,       PSCI_SYSTEM_RESET,   PSCI_FEATURES,         SMCCC_VERSION};

static enum after_exit answer(struct rec *rec, u64 value) {
  rec->x[0] = value;
  rec->x[1] = rec->x[2] = rec->x[3] = 0;
  return RESUME_REALM;
}

static enum after_exit to_host(const struct rec *rec, struct rmi_rec_exit *exit, u32 arguments) {
  exit->reason = RMI_EXIT_PSCI;
  for (u32 i = 0; i <= arguments; i++)
    exit->gprs[i] = rec->x[i];
  return RETURN_TO_HOST;
}

static void realm_off(u64 rd_pa) {
  struct granule *granule = granule_lock(rd_pa, GRANULE_RD);
  rd_at(rd_pa)->state = REALM_SYSTEM_OFF;
  granule_unlock(granule);
}

/* A core of the realm that is meant by MPIDR; the answer if there is none or it is the caller. */
static bool other_core(const struct rec *rec, u64 mpidr, u64 *own_answer) {
  if (rec_index(mpidr) >= rd_at(rec->rd)->rec_count || (mpidr & ~MPIDR_MASK)) {
    *own_answer = PSCI_INVALID_PARAMETERS;
    return false;
  }
  return rec_index(mpidr) != rec_index(rec->mpidr);
}

enum after_exit realm_psci(struct rec *rec, struct rmi_rec_exit *exit, u32 function) {
  u64 own_answer;
  switch (function) {
  case PSCI_VERSION:
    return answer(rec, VERSION_MAKE(1, 1));
  case PSCI_CPU_SUSPEND_32:
  case PSCI_CPU_SUSPEND_64:
    to_host(rec, exit, 1);
    answer(rec, PSCI_SUCCESS);
    return RETURN_TO_HOST;
  case PSCI_CPU_OFF:
    rec->runnable = false;
    to_host(rec, exit, 1);
    answer(rec, PSCI_SUCCESS);
    return RETURN_TO_HOST;
  case PSCI_CPU_ON_32:
  case PSCI_CPU_ON_64: {
    u64 entry = function == PSCI_CPU_ON_64 ? rec->x[2] : (u32)rec->x[2];
    if (!ipa_is_protected(rd_at(rec->rd), entry))
      return answer(rec, PSCI_INVALID_ADDRESS);
    own_answer = PSCI_ALREADY_ON;
    if (!other_core(rec, rec->x[1], &own_answer))
      return answer(rec, own_answer);
    rec->psci_pending = true;
    return to_host(rec, exit, 2);
  }
  case PSCI_AFFINITY_INFO_32:
  case PSCI_AFFINITY_INFO_64:
    if (rec->x[2])
      return answer(rec, PSCI_INVALID_PARAMETERS);
    own_answer = 0;
    if (!other_core(rec, rec->x[1], &own_answer))
      return answer(rec, own_answer);
    rec->psci_pending = true;
    return to_host(rec, exit, 2);
  case PSCI_SYSTEM_OFF:
  case PSCI_SYSTEM_RESET:
    realm_off(rec->rd);
    return to_host(rec, exit, 1);
  case PSCI_FEATURES:
    for (u32 i = 0; i < ARRAY_SIZE(psci_functions); i++)
      if (psci_functions[i] == (u32)rec->x[1])
        return answer(rec, PSCI_SUCCESS);
    return answer(rec, PSCI_NOT_SUPPORTED);
  default:
    return answer(rec, PSCI_NOT_SUPPORTED);
  }
}
