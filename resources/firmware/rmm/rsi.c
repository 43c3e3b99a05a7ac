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

/* The realm touched memory the host has not given it: as if its own access had faulted; the call is made again. */
static enum after_exit data_abort_exit(struct rmi_rec_exit *exit, u64 ipa, u32 level) {
  exit->reason = RMI_EXIT_SYNC;
  exit->esr = 0x24UL << 26 | (0x04UL + level);
  exit->hpfar = ipa >> 12 << 4;
  return RETURN_TO_HOST;
}

/* What a call does with memory of the realm, which lies in one granule. */
typedef enum after_exit (*buffer_use)(struct rec *rec, const struct rd *rd, u8 *at, struct rmi_rec_exit *exit, const void *context);

static enum after_exit with_buffer(struct rec *rec, struct rmi_rec_exit *exit, u64 ipa, u64 alignment, buffer_use use,
                                   const void *context) {
  struct rd *rd = realm_lock(rec->rd);
  enum after_exit after = RESUME_REALM;
  u64 pa;
  u32 level;
  if (!IS_ALIGNED(ipa, alignment) || !ipa_is_protected(rd, ipa))
    after = done(rec, RSI_ERROR_INPUT);
  else
    switch (rtt_data_at(rd, ipa, &pa, &level)) {
    case ACCESS_OK:
      after = use(rec, rd, (u8 *)mec_map(rd->mecid, ALIGN_DOWN(pa, GRANULE_SIZE)) + pa % GRANULE_SIZE, exit, context);
      break;
    case ACCESS_EMPTY:
      after = done(rec, RSI_ERROR_INPUT);
      break;
    case ACCESS_ABORT:
      after = data_abort_exit(exit, ipa, level);
      break;
    }
  realm_unlock(rd);
  return after;
}

static enum after_exit write_config(struct rec *rec, const struct rd *rd, u8 *at, struct rmi_rec_exit *exit, const void *context) {
  struct rsi_realm_config *config = (struct rsi_realm_config *)(void *)at;
  memset(config, 0, sizeof *config);
  config->ipa_width = rd->ipa_bits;
  config->hash_algo = rd->hash_algo;
  config->gicv3_vtr = read_sysreg(SYS_ICH_VTR_EL2);
  memcpy(config->rpv, rd->rpv, sizeof config->rpv);
  return done(rec, RSI_SUCCESS);
}

static enum after_exit realm_config(struct rec *rec, struct rmi_rec_exit *exit) {
  return with_buffer(rec, exit, rec->x[1], GRANULE_SIZE, write_config, NULL);
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

static enum after_exit read_host_call(struct rec *rec, const struct rd *rd, u8 *at, struct rmi_rec_exit *exit, const void *context) {
  const struct rsi_host_call *call = (const struct rsi_host_call *)(void *)at;
  exit->reason = RMI_EXIT_HOST_CALL;
  exit->imm = call->imm;
  memcpy(exit->gprs, call->gprs, sizeof exit->gprs);
  rec->host_call_pending = true;
  rec->host_call_ipa = rec->x[1];
  return RETURN_TO_HOST;
}

static enum after_exit host_call(struct rec *rec, struct rmi_rec_exit *exit) {
  return with_buffer(rec, exit, rec->x[1], sizeof(struct rsi_host_call), read_host_call, NULL);
}

static enum after_exit answer_host_call(struct rec *rec, const struct rd *rd, u8 *at, struct rmi_rec_exit *exit, const void *gprs) {
  struct rsi_host_call *call = (struct rsi_host_call *)(void *)at;
  memcpy(call->gprs, gprs, sizeof call->gprs);
  return done(rec, RSI_SUCCESS);
}

enum after_exit host_call_complete(struct rec *rec, const struct rmi_rec_enter *enter, struct rmi_rec_exit *exit) {
  if (!rec->host_call_pending)
    return RESUME_REALM;
  enum after_exit after =
    with_buffer(rec, exit, rec->host_call_ipa, sizeof(struct rsi_host_call), answer_host_call, enter->gprs);
  rec->host_call_pending = after != RESUME_REALM;
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

static enum after_exit write_token(struct rec *rec, const struct rd *rd, u8 *at, struct rmi_rec_exit *exit, const void *context) {
  u64 offset = rec->x[2];
  bool interrupted = false;
  u64 status = attestation_token_continue(rec, at + offset, rec->x[3], &rec->x[1], &interrupted);
  done(rec, status);
  if (!interrupted)
    return RESUME_REALM;
  exit->reason = RMI_EXIT_IRQ;
  return RETURN_TO_HOST;
}

static enum after_exit token_continue(struct rec *rec, struct rmi_rec_exit *exit) {
  u64 offset = rec->x[2];
  if (offset >= GRANULE_SIZE || rec->x[3] > GRANULE_SIZE - offset)
    return done(rec, RSI_ERROR_INPUT);
  return with_buffer(rec, exit, rec->x[1], GRANULE_SIZE, write_token, NULL);
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
