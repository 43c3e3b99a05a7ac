/* The RMI commands: numbers, argument counts, and what is logged of them. */
#include "rmm.h"

#define SVE_HINT BIT(16)

bool abi_version(u64 requested, u64 *out) {
  bool known = requested == RMI_ABI_1_0 || requested == RMI_ABI_1_1;
  /* The highest below what was asked for; where there is none, the highest of all. */
  out[1] = known ? requested : RMI_ABI_1_1;
  out[2] = RMI_ABI_1_1;
  return known;
}

/* Arguments start at a[1]; results are written from out[1]. */
typedef u64 (*command)(const u64 *a, u64 *out);

static u64 version(const u64 *a, u64 *out) {
  return abi_version(a[1], out) ? RMI_SUCCESS : RMI_ERROR_INPUT;
}
static u64 features(const u64 *a, u64 *out) {
  out[1] = feature_register(a[1]);
  return RMI_SUCCESS;
}
static u64 granule_delegate(const u64 *a, u64 *out) {
  (void)out;
  return rmi_granule_delegate(a[1]);
}
static u64 granule_undelegate(const u64 *a, u64 *out) {
  (void)out;
  return rmi_granule_undelegate(a[1]);
}
static u64 data_create(const u64 *a, u64 *out) {
  (void)out;
  return rmi_data_create(a[1], a[2], a[3], a[4], a[5]);
}
static u64 data_create_unknown(const u64 *a, u64 *out) {
  (void)out;
  return rmi_data_create_unknown(a[1], a[2], a[3]);
}
static u64 data_destroy(const u64 *a, u64 *out) {
  return rmi_data_destroy(a[1], a[2], out);
}
static u64 realm_activate(const u64 *a, u64 *out) {
  (void)out;
  return rmi_realm_activate(a[1]);
}
static u64 realm_create(const u64 *a, u64 *out) {
  (void)out;
  return rmi_realm_create(a[1], a[2]);
}
static u64 realm_destroy(const u64 *a, u64 *out) {
  (void)out;
  return rmi_realm_destroy(a[1]);
}
static u64 rec_create(const u64 *a, u64 *out) {
  (void)out;
  return rmi_rec_create(a[1], a[2], a[3]);
}
static u64 rec_destroy(const u64 *a, u64 *out) {
  (void)out;
  return rmi_rec_destroy(a[1]);
}
static u64 rec_enter(const u64 *a, u64 *out) {
  (void)out;
  return rmi_rec_enter(a[1], a[2]);
}
static u64 rec_aux_count(const u64 *a, u64 *out) {
  return rmi_rec_aux_count(a[1], out);
}
static u64 rtt_create(const u64 *a, u64 *out) {
  (void)out;
  return rmi_rtt_create(a[1], a[2], a[3], a[4]);
}
static u64 rtt_destroy(const u64 *a, u64 *out) {
  return rmi_rtt_destroy(a[1], a[2], a[3], out);
}
static u64 rtt_fold(const u64 *a, u64 *out) {
  return rmi_rtt_fold(a[1], a[2], a[3], out);
}
static u64 rtt_map_unprotected(const u64 *a, u64 *out) {
  (void)out;
  return rmi_rtt_map_unprotected(a[1], a[2], a[3], a[4]);
}
static u64 rtt_unmap_unprotected(const u64 *a, u64 *out) {
  return rmi_rtt_unmap_unprotected(a[1], a[2], a[3], out);
}
static u64 rtt_read_entry(const u64 *a, u64 *out) {
  return rmi_rtt_read_entry(a[1], a[2], a[3], out);
}
static u64 rtt_init_ripas(const u64 *a, u64 *out) {
  return rmi_rtt_init_ripas(a[1], a[2], a[3], out);
}
static u64 rtt_set_ripas(const u64 *a, u64 *out) {
  return rmi_rtt_set_ripas(a[1], a[2], a[3], a[4], out);
}
static u64 psci_complete(const u64 *a, u64 *out) {
  (void)out;
  return rmi_psci_complete(a[1], a[2], a[3]);
}
static u64 set_shared(const u64 *a, u64 *out) {
  (void)out;
  return mec_set_shared(a[1]) ? RMI_SUCCESS : RMI_ERROR_INPUT;
}
static u64 set_private(const u64 *a, u64 *out) {
  (void)out;
  return mec_set_private(a[1]) ? RMI_SUCCESS : RMI_ERROR_INPUT;
}

enum { LOG_NONE = 0, LOG_ERRORS = 1, LOG_ALL = 2, OUTPUTS_ON_RTT_ERROR = 4 };

static const struct {
  const char *name;
  command call;
  u8 inputs;
  u8 outputs;
  u8 log;
} commands[] = {
  [RMI_VERSION] = {"VERSION", version, 1, 2, LOG_ALL},
  [RMI_GRANULE_DELEGATE] = {"GRANULE_DELEGATE", granule_delegate, 1, 0, LOG_ERRORS},
  [RMI_GRANULE_UNDELEGATE] = {"GRANULE_UNDELEGATE", granule_undelegate, 1, 0, LOG_ERRORS},
  [RMI_DATA_CREATE] = {"DATA_CREATE", data_create, 5, 0, LOG_NONE},
  [RMI_DATA_CREATE_UNKNOWN] = {"DATA_CREATE_UNKNOWN", data_create_unknown, 3, 0, LOG_NONE},
  [RMI_DATA_DESTROY] = {"DATA_DESTROY", data_destroy, 2, 2, LOG_ERRORS | OUTPUTS_ON_RTT_ERROR},
  [RMI_REALM_ACTIVATE] = {"REALM_ACTIVATE", realm_activate, 1, 0, LOG_ALL},
  [RMI_REALM_CREATE] = {"REALM_CREATE", realm_create, 2, 0, LOG_ALL},
  [RMI_REALM_DESTROY] = {"REALM_DESTROY", realm_destroy, 1, 0, LOG_ALL},
  [RMI_REC_CREATE] = {"REC_CREATE", rec_create, 3, 0, LOG_ALL},
  [RMI_REC_DESTROY] = {"REC_DESTROY", rec_destroy, 1, 0, LOG_ALL},
  [RMI_REC_ENTER] = {"REC_ENTER", rec_enter, 2, 0, LOG_ERRORS},
  [RMI_RTT_CREATE] = {"RTT_CREATE", rtt_create, 4, 0, LOG_ERRORS},
  [RMI_RTT_DESTROY] = {"RTT_DESTROY", rtt_destroy, 3, 2, LOG_ERRORS | OUTPUTS_ON_RTT_ERROR},
  [RMI_RTT_MAP_UNPROTECTED] = {"RTT_MAP_UNPROTECTED", rtt_map_unprotected, 4, 0, LOG_NONE},
  [RMI_RTT_READ_ENTRY] = {"RTT_READ_ENTRY", rtt_read_entry, 3, 4, LOG_ERRORS},
  [RMI_RTT_UNMAP_UNPROTECTED] = {"RTT_UNMAP_UNPROTECTED", rtt_unmap_unprotected, 3, 1, OUTPUTS_ON_RTT_ERROR},
  [RMI_PSCI_COMPLETE] = {"PSCI_COMPLETE", psci_complete, 3, 0, LOG_ALL},
  [RMI_FEATURES] = {"FEATURES", features, 1, 1, LOG_ERRORS},
  [RMI_RTT_FOLD] = {"RTT_FOLD", rtt_fold, 3, 1, LOG_NONE},
  [RMI_REC_AUX_COUNT] = {"REC_AUX_COUNT", rec_aux_count, 1, 1, LOG_ALL},
  [RMI_RTT_INIT_RIPAS] = {"RTT_INIT_RIPAS", rtt_init_ripas, 3, 1, LOG_ERRORS},
  [RMI_RTT_SET_RIPAS] = {"RTT_SET_RIPAS", rtt_set_ripas, 4, 1, LOG_ERRORS},
  [RMI_MEC_SET_SHARED] = {"MEC_SET_SHARED", set_shared, 1, 0, LOG_ALL},
  [RMI_MEC_SET_PRIVATE] = {"MEC_SET_PRIVATE", set_private, 1, 0, LOG_ALL},
};

bool log_everything;

static const char *const statuses[] = {"SUCCESS", "ERROR_INPUT", "ERROR_REALM", "ERROR_REC", "ERROR_RTT"};

struct line {
  char text[400];
  size_t length;
};

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t space = sizeof line->text - line->length;
  line->length += MIN((size_t)vsnprintf(line->text + line->length, space, format, arguments), space - 1);
  va_end(arguments);
}

static void log_rmi(u32 number, const u64 *arguments, const u64 *result) {
  u64 status = RMI_STATUS(result[0]);
  u8 log = commands[number].log;
  bool failed = status != RMI_SUCCESS;
  if (!log_everything && !(log & LOG_ALL) && !((log & LOG_ERRORS) && failed))
    return;
  struct line line = {.length = 0};
  append(&line, "SMC_RMI_%-25s", commands[number].name);
  for (u32 i = 1; i <= commands[number].inputs; i++)
    append(&line, " %lx", arguments[i]);
  append(&line, " > RMI_%s", statuses[status]);
  if (status == RMI_ERROR_RTT || (status == RMI_ERROR_REALM && number == RMI_REC_ENTER))
    append(&line, " %lx", RMI_INDEX(result[0]));
  if (!failed || (status == RMI_ERROR_RTT && (log & OUTPUTS_ON_RTT_ERROR)))
    for (u32 i = 1; i <= commands[number].outputs; i++)
      append(&line, " %lx", result[i]);
  printf("%s\n", line.text);
}

void handle_rmi(const u64 *request, u64 *answer) {
  u32 number = ((u32)request[0] & ~(u32)SVE_HINT) - RMI_FID(0);
  /* What is not a result keeps the caller's value (SMCCC 1.2). */
  memcpy(answer, request, 8 * sizeof(u64));
  if (number >= ARRAY_SIZE(commands) || !commands[number].call) {
    answer[0] = SMC_NOT_SUPPORTED;
    return;
  }
  u64 out[5] = {0};
  out[0] = commands[number].call(request, out);
  answer[0] = out[0];
  for (u32 i = 1; i <= commands[number].outputs; i++)
    answer[i] = out[i];
  log_rmi(number, request, out);
}

static const char *const rsi_names[] = {
  [RSI_VERSION] = "VERSION",
  [RSI_FEATURES] = "FEATURES",
  [RSI_MEASUREMENT_READ] = "MEASUREMENT_READ",
  [RSI_MEASUREMENT_EXTEND] = "MEASUREMENT_EXTEND",
  [RSI_ATTESTATION_TOKEN_INIT] = "ATTESTATION_TOKEN_INIT",
  [RSI_ATTESTATION_TOKEN_CONTINUE] = "ATTESTATION_TOKEN_CONTINUE",
  [RSI_REALM_CONFIG] = "REALM_CONFIG",
  [RSI_IPA_STATE_SET] = "IPA_STATE_SET",
  [RSI_IPA_STATE_GET] = "IPA_STATE_GET",
  [RSI_HOST_CALL] = "HOST_CALL",
};
static const struct {
  u8 inputs;
  u8 outputs;
} rsi_counts[] = {
  [RSI_VERSION] = {1, 2},
  [RSI_FEATURES] = {1, 1},
  [RSI_MEASUREMENT_READ] = {1, 0},
  [RSI_MEASUREMENT_EXTEND] = {2, 0},
  [RSI_ATTESTATION_TOKEN_INIT] = {0, 1},
  [RSI_ATTESTATION_TOKEN_CONTINUE] = {3, 1},
  [RSI_REALM_CONFIG] = {1, 0},
  [RSI_IPA_STATE_SET] = {4, 2},
  [RSI_IPA_STATE_GET] = {2, 2},
  [RSI_HOST_CALL] = {1, 0},
};
static const char *const rsi_statuses[] = {"SUCCESS", "ERROR_INPUT", "ERROR_STATE", "INCOMPLETE", "ERROR_UNKNOWN"};

void log_rsi(u32 function, const u64 *arguments, const u64 *result, bool answered) {
  struct line line = {.length = 0};
  u32 number = function - RSI_FID(0);
  if (number >= ARRAY_SIZE(rsi_names)) {
    char name[16];
    snprintf(name, sizeof name, "%s_%x", is_psci(function) ? "PSCI" : "SMC", function);
    append(&line, "%-33s", name);
    for (u32 i = 1; i <= 7; i++)
      append(&line, " %lx", arguments[i]);
    if (answered)
      append(&line, " > %lx %lx %lx %lx", result[0], result[1], result[2], result[3]);
    printf("%s\n", line.text);
    return;
  }
  /* One line for each granule of a token or a host call says nothing; they come with all calls. */
  if (number == RSI_HOST_CALL && !log_everything)
    return;
  append(&line, "SMC_RSI_%-25s", rsi_names[number]);
  for (u32 i = 1; i <= rsi_counts[number].inputs; i++)
    append(&line, " %lx", arguments[i]);
  if (answered) {
    append(&line, " > RSI_%s", result[0] < ARRAY_SIZE(rsi_statuses) ? rsi_statuses[result[0]] : "?");
    if (result[0] == RSI_SUCCESS || result[0] == RSI_INCOMPLETE)
      for (u32 i = 1; i <= rsi_counts[number].outputs; i++)
        append(&line, " %lx", result[i]);
  }
  printf("%s\n", line.text);
}
