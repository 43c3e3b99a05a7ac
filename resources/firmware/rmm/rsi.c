/* The Realm Services Interface: what a realm asks of RMM. */
#include "rmm.h"
#include "rtt.h"

static enum after_exit done(struct rec *rec, u64 status) {
  rec->x[0] = status;
  return RESUME_REALM;
}

static enum after_exit version(struct rec *rec) {
  return done(rec, abi_version(rec->x[1], rec->x) ? RSI_SUCCESS : RSI_ERROR_INPUT);
}

static enum after_exit measurement_read(struct rec *rec) {
  u64 index = rec->x[1];
  if (index >= MEASUREMENTS)
    return done(rec, RSI_ERROR_INPUT);
  struct rd *rd = realm_lock(rec->rd);
  memcpy(&rec->x[1], rd->measurement[index], MEASUREMENT_SIZE);
  realm_unlock(rd);
  return done(rec, RSI_SUCCESS);
}

static enum after_exit measurement_extend_call(struct rec *rec) {
  u64 index = rec->x[1];
  u64 size = rec->x[2];
  if (index == 0 || index >= MEASUREMENTS || size > MEASUREMENT_SIZE)
    return done(rec, RSI_ERROR_INPUT);
  struct rd *rd = realm_lock(rec->rd);
  measurement_extend(rd, (u32)index, (const u8 *)&rec->x[3], size);
  realm_unlock(rd);
  return done(rec, RSI_SUCCESS);
}

/* A range of realm memory within one granule: a pointer to it, or what became of the call. */
static enum rtt_access realm_buffer(const struct rd *rd, u64 ipa, u8 **at, u32 *level) {
  u64 pa;
  enum rtt_access access = rtt_data_at(rd, ipa, &pa, level);
  if (access == ACCESS_OK)
    *at = (u8 *)mec_map(rd->mecid, ALIGN_DOWN(pa, GRANULE_SIZE)) + pa % GRANULE_SIZE;
  return access;
}

/* The realm touched memory the host has not given it: as if its own access had faulted; the call is made again. */
static enum after_exit data_abort_exit(struct rmi_rec_exit *exit, u64 ipa, u32 level) {
  exit->reason = RMI_EXIT_SYNC;
  exit->esr = 0x24UL << 26 | (0x04UL + level);
  exit->hpfar = ipa >> 12 << 4;
  return RETURN_TO_HOST;
}

static enum after_exit realm_config(struct rec *rec, struct rmi_rec_exit *exit) {
  u64 ipa = rec->x[1];
  struct rd *rd = realm_lock(rec->rd);
  enum after_exit after;
  u8 *at;
  u32 level;
  if (!IS_ALIGNED(ipa, GRANULE_SIZE) || !ipa_is_protected(rd, ipa))
    after = done(rec, RSI_ERROR_INPUT);
  else
    switch (realm_buffer(rd, ipa, &at, &level)) {
    case ACCESS_OK: {
      struct rsi_realm_config *config = (struct rsi_realm_config *)(void *)at;
      memset(config, 0, sizeof *config);
      config->ipa_width = rd->ipa_bits;
      config->hash_algo = rd->hash_algo;
      config->gicv3_vtr = read_sysreg(SYS_ICH_VTR_EL2);
      memcpy(config->rpv, rd->rpv, sizeof config->rpv);
      after = done(rec, RSI_SUCCESS);
      break;
    }
    case ACCESS_EMPTY:
      after = done(rec, RSI_ERROR_INPUT);
      break;
    default:
      after = data_abort_exit(exit, ipa, level);
    }
  realm_unlock(rd);
  return after;
}

static bool protected_range(const struct rd *rd, u64 base, u64 top) {
  return base < top && IS_ALIGNED(base, GRANULE_SIZE) && IS_ALIGNED(top, GRANULE_SIZE) && ipa_is_protected(rd, base) &&
         ipa_is_protected(rd, top - 1);
}

static enum after_exit ipa_state_set(struct rec *rec, struct rmi_rec_exit *exit) {
  u64 base = rec->x[1];
  u64 top = rec->x[2];
  u64 ripas = rec->x[3];
  if (ripas > RIPAS_RAM || !protected_range(rd_at(rec->rd), base, top))
    return done(rec, RSI_ERROR_INPUT);
  rec->ripas_base = rec->ripas_next = base;
  rec->ripas_top = top;
  rec->ripas_value = (u32)ripas;
  rec->ripas_change_destroyed = rec->x[4] & RSI_CHANGE_DESTROYED;
  exit->reason = RMI_EXIT_RIPAS_CHANGE;
  exit->ripas_base = base;
  exit->ripas_top = top;
  exit->ripas_value = ripas;
  return RETURN_TO_HOST;
}

static enum after_exit ipa_state_get(struct rec *rec) {
  u64 base = rec->x[1];
  u64 top = rec->x[2];
  struct rd *rd = realm_lock(rec->rd);
  u64 status = RSI_ERROR_INPUT;
  if (protected_range(rd, base, top)) {
    rec->x[2] = rtt_ripas(rd, base, top, &rec->x[1]);
    status = RSI_SUCCESS;
  }
  realm_unlock(rd);
  return done(rec, status);
}

static enum after_exit host_call(struct rec *rec, struct rmi_rec_exit *exit) {
  u64 ipa = rec->x[1];
  struct rd *rd = realm_lock(rec->rd);
  enum after_exit after;
  u8 *at;
  u32 level;
  if (!IS_ALIGNED(ipa, sizeof(struct rsi_host_call)) || !ipa_is_protected(rd, ipa))
    after = done(rec, RSI_ERROR_INPUT);
  else
    switch (realm_buffer(rd, ipa, &at, &level)) {
    case ACCESS_OK: {
      const struct rsi_host_call *call = (const struct rsi_host_call *)(void *)at;
      exit->reason = RMI_EXIT_HOST_CALL;
      exit->imm = call->imm;
      memcpy(exit->gprs, call->gprs, sizeof exit->gprs);
      rec->host_call_pending = true;
      rec->host_call_ipa = ipa;
      after = RETURN_TO_HOST;
      break;
    }
    case ACCESS_EMPTY:
      after = done(rec, RSI_ERROR_INPUT);
      break;
    default:
      after = data_abort_exit(exit, ipa, level);
    }
  realm_unlock(rd);
  return after;
}

enum after_exit host_call_complete(struct rec *rec, const struct rmi_rec_enter *enter, struct rmi_rec_exit *exit) {
  if (!rec->host_call_pending)
    return RESUME_REALM;
  struct rd *rd = realm_lock(rec->rd);
  u8 *at;
  u32 level;
  enum after_exit after = RESUME_REALM;
  switch (realm_buffer(rd, rec->host_call_ipa, &at, &level)) {
  case ACCESS_OK:
    memcpy(((struct rsi_host_call *)(void *)at)->gprs, enter->gprs, sizeof enter->gprs);
    rec->x[0] = RSI_SUCCESS;
    rec->host_call_pending = false;
    break;
  case ACCESS_EMPTY:
    rec->x[0] = RSI_ERROR_INPUT;
    rec->host_call_pending = false;
    break;
  default:
    after = data_abort_exit(exit, rec->host_call_ipa, level);
  }
  realm_unlock(rd);
  return after;
}

static enum after_exit token_init(struct rec *rec) {
  struct rd *rd = realm_lock(rec->rd);
  u8 challenge[64];
  memcpy(challenge, &rec->x[1], sizeof challenge);
  u64 size = 0;
  u64 status = attestation_token_init(rec, rd, challenge, &size);
  realm_unlock(rd);
  rec->x[1] = size;
  return done(rec, status);
}

static enum after_exit token_continue(struct rec *rec, struct rmi_rec_exit *exit) {
  u64 ipa = rec->x[1];
  u64 offset = rec->x[2];
  u64 size = rec->x[3];
  if (!IS_ALIGNED(ipa, GRANULE_SIZE) || offset >= GRANULE_SIZE || size > GRANULE_SIZE - offset ||
      !ipa_is_protected(rd_at(rec->rd), ipa))
    return done(rec, RSI_ERROR_INPUT);
  struct rd *rd = realm_lock(rec->rd);
  enum after_exit after;
  u8 *at;
  u32 level;
  switch (realm_buffer(rd, ipa, &at, &level)) {
  case ACCESS_OK: {
    bool interrupted = false;
    u64 status = attestation_token_continue(rec, at + offset, size, &rec->x[1], &interrupted);
    after = done(rec, status);
    if (interrupted) {
      exit->reason = RMI_EXIT_IRQ;
      after = RETURN_TO_HOST;
    }
    break;
  }
  case ACCESS_EMPTY:
    after = done(rec, RSI_ERROR_INPUT);
    break;
  default:
    after = data_abort_exit(exit, ipa, level);
  }
  realm_unlock(rd);
  return after;
}

/* A call that is not RSI's: x1 to x3 are results as well. */
static enum after_exit other_call(struct rec *rec, u64 result) {
  rec->x[1] = rec->x[2] = rec->x[3] = 0;
  return done(rec, result);
}

static enum after_exit call(struct rec *rec, struct rmi_rec_exit *exit, u32 function) {
  if (is_psci(function))
    return realm_psci(rec, exit, function);
  switch (function) {
  case SMCCC_VERSION:
    return other_call(rec, VERSION_MAKE(1, 2));
  case RSI_FID(RSI_VERSION):
    return version(rec);
  case RSI_FID(RSI_FEATURES):
    rec->x[1] = 0;
    return done(rec, RSI_SUCCESS);
  case RSI_FID(RSI_MEASUREMENT_READ):
    return measurement_read(rec);
  case RSI_FID(RSI_MEASUREMENT_EXTEND):
    return measurement_extend_call(rec);
  case RSI_FID(RSI_ATTESTATION_TOKEN_INIT):
    return token_init(rec);
  case RSI_FID(RSI_ATTESTATION_TOKEN_CONTINUE):
    return token_continue(rec, exit);
  case RSI_FID(RSI_REALM_CONFIG):
    return realm_config(rec, exit);
  case RSI_FID(RSI_IPA_STATE_SET):
    return ipa_state_set(rec, exit);
  case RSI_FID(RSI_IPA_STATE_GET):
    return ipa_state_get(rec);
  case RSI_FID(RSI_HOST_CALL):
    return host_call(rec, exit);
  default:
    return other_call(rec, SMC_NOT_SUPPORTED);
  }
}

enum after_exit realm_smc(struct rec *rec, struct rmi_rec_exit *exit) {
  u64 arguments[8];
  memcpy(arguments, rec->x, sizeof arguments);
  u32 function = (u32)rec->x[0];
  exit->reason = RMI_EXIT_SYNC;
  enum after_exit after = call(rec, exit, function);
  bool repeated = after == RETURN_TO_HOST && exit->reason == RMI_EXIT_SYNC;
  /* An access the host has to make possible first: the call is made again. */
  if (!repeated)
    rec->pc += 4;
  bool answered = after == RESUME_REALM;
  if (!repeated)
    log_rsi(function, arguments, rec->x, answered);
  return after;
}
