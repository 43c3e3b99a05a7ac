/* RSI and PSCI as a realm sees them: each call's errors, and what a call does that the host must answer first. */
#include "harness.h"

static struct realm realm;

static u64 call(u32 function, u64 a, u64 b, u64 c, u64 d) {
  return puppet_result(&realm, 0, function, a, b, c, d);
}
static u64 rsi(u32 number, u64 a, u64 b, u64 c, u64 d) {
  return call(RSI_FID(number), a, b, c, d);
}
static u64 result(u32 n) {
  return runs[0].exit.gprs[n];
}

#define BUFFER (REALM_BASE + REALM_BUFFER)
/* Protected, never made RAM; in a table that is there. */
#define NOTHING (REALM_BASE + 0x100000)

static void versions(void) {
  static const u64 unknown[] = {0, 0x10002, 0x20000, 1UL << 32 | 0x10000};
  check("RSI_VERSION 1.1", rsi(RSI_VERSION, RMI_ABI_1_1, 0, 0, 0), RSI_SUCCESS);
  check("RSI_VERSION 1.1: lower, higher", result(1) << 32 | result(2), RMI_ABI_1_1 << 32 | RMI_ABI_1_1);
  for (u32 i = 0; i < ARRAY_SIZE(unknown); i++) {
    check("RSI_VERSION: one that is not there", rsi(RSI_VERSION, unknown[i], 0, 0, 0), RSI_ERROR_INPUT);
    check("RSI_VERSION: lower, higher all the same", result(1) << 32 | result(2), RMI_ABI_1_1 << 32 | RMI_ABI_1_1);
  }
  check("RSI_FEATURES", rsi(RSI_FEATURES, 0, 0, 0, 0), RSI_SUCCESS);
  check("RSI_FEATURES: none", result(1), 0);
  check("SMCCC_VERSION in a realm", call(SMCCC_VERSION, 0, 0, 0, 0), VERSION_MAKE(1, 2));
  check("an RMI call in a realm", call(RMI_FID(RMI_VERSION), RMI_ABI_1_0, 0, 0, 0), SMC_NOT_SUPPORTED);
}

static void measurements(void) {
  for (u64 i = 0; i < 5; i++)
    check("RSI_MEASUREMENT_READ", rsi(RSI_MEASUREMENT_READ, i, 0, 0, 0), RSI_SUCCESS);
  check("a measurement that was not extended", result(1) | result(8), 0);
  check("RSI_MEASUREMENT_EXTEND, 64 bytes", rsi(RSI_MEASUREMENT_EXTEND, 4, 64, 1, 2), RSI_SUCCESS);
  rsi(RSI_MEASUREMENT_READ, 4, 0, 0, 0);
  check("a measurement that was extended", result(1) != 0 && result(5) == 0, true);
  check("RSI_MEASUREMENT_EXTEND, nothing", rsi(RSI_MEASUREMENT_EXTEND, 3, 0, 0, 0), RSI_SUCCESS);
  check("RSI_MEASUREMENT_EXTEND: index 5", rsi(RSI_MEASUREMENT_EXTEND, 5, 8, 0, 0), RSI_ERROR_INPUT);
}

/* Calls that take an address: what is no address for them. */
static void addresses(void) {
  static const struct {
    u32 call;
    u64 alignment;
    const char *name;
  } calls[] = {{RSI_REALM_CONFIG, 0x1000, "RSI_REALM_CONFIG"}, {RSI_HOST_CALL, 0x100, "RSI_HOST_CALL"}};
  for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
    u64 half = calls[i].alignment / 2;
    printf("%s:\n", calls[i].name);
    check("  unaligned", rsi(calls[i].call, BUFFER + half, 0, 0, 0), RSI_ERROR_INPUT);
    check("  unprotected", rsi(calls[i].call, REALM_UNPROTECTED, 0, 0, 0), RSI_ERROR_INPUT);
    check("  empty", rsi(calls[i].call, NOTHING, 0, 0, 0), RSI_ERROR_INPUT);
    check("  out of range", rsi(calls[i].call, 1UL << 48, 0, 0, 0), RSI_ERROR_INPUT);
  }
}

/* Protected memory whose granule the host gives later. */
#define LATE (REALM_BASE + 0x10000)

static void abort_at_late(const char *what, u64 reason) {
  check(what, reason << 8 | FIELD(runs[0].exit.esr, 31, 26), RMI_EXIT_SYNC << 8 | 0x24);
  check("  at the buffer's address", runs[0].exit.hpfar, LATE >> 12 << 4);
}

/* A buffer that is not there yet: the host supplies it, and the realm's call goes on. One that is gone: it does not. */
static void late_buffers(void) {
  static const u32 calls[] = {RSI_REALM_CONFIG, RSI_ATTESTATION_TOKEN_CONTINUE, RSI_HOST_CALL};
  puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), LATE, LATE + 0x1000, RIPAS_RAM, RSI_CHANGE_DESTROYED);
  rmi(RMI_RTT_SET_RIPAS, realm.rd, realm.rec[0], LATE, LATE + 0x1000, 0);
  puppet_resume(&realm, 0);
  for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
    bool host_call = calls[i] == RSI_HOST_CALL;
    abort_at_late("a call with memory that is not there yet: an exit", puppet_call(&realm, 0, RSI_FID(calls[i]), LATE, 0, 64, 0));
    check("DATA_CREATE_UNKNOWN", rmi(RMI_DATA_CREATE_UNKNOWN, realm.rd, delegated(), LATE, 0, 0), RMI_SUCCESS);
    check("  the call is made again", puppet_resume(&realm, 0) << 8 | puppet_done(0), RMI_EXIT_HOST_CALL << 8 | !host_call);
    check("DATA_DESTROY", rmi(RMI_DATA_DESTROY, realm.rd, LATE, 0, 0, 0), RMI_SUCCESS);
    if (host_call)
      break;
    puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), LATE, LATE + 0x1000, RIPAS_RAM, RSI_CHANGE_DESTROYED);
    rmi(RMI_RTT_SET_RIPAS, realm.rd, realm.rec[0], LATE, LATE + 0x1000, 0);
    puppet_resume(&realm, 0);
  }
  /* The host call waits for its answer, and the page for it is destroyed. */
  abort_at_late("an answer to memory that is gone: an exit", puppet_resume(&realm, 0));
  static const u64 interrupt = 1UL << 62 | 1UL << 60 | 0xa0UL << 48 | 40;
  runs[0].enter.gicv3_lrs[0] = interrupt;
  runs[0].enter.gicv3_hcr = BIT(1);
  abort_at_late("  again and again", puppet_resume(&realm, 0));
  check("  with the interrupt that it was given", runs[0].exit.gicv3_lrs[0], interrupt);
  check("  and the bits for the interrupt controller", runs[0].exit.gicv3_hcr, BIT(1));
  runs[0].enter.gicv3_lrs[0] = runs[0].enter.gicv3_hcr = 0;
}

static void tokens(void) {
  check("TOKEN_CONTINUE before TOKEN_INIT", rsi(RSI_ATTESTATION_TOKEN_CONTINUE, BUFFER, 0, 64, 0), RSI_ERROR_STATE);
  check("TOKEN_INIT", rsi(RSI_ATTESTATION_TOKEN_INIT, 1, 2, 3, 4), RSI_SUCCESS);
  u64 largest = result(1);
  check("TOKEN_CONTINUE: unaligned", rsi(RSI_ATTESTATION_TOKEN_CONTINUE, BUFFER + 8, 0, 64, 0), RSI_ERROR_INPUT);
  check("TOKEN_CONTINUE: unprotected", rsi(RSI_ATTESTATION_TOKEN_CONTINUE, REALM_UNPROTECTED, 0, 64, 0), RSI_ERROR_INPUT);
  check("TOKEN_CONTINUE: empty", rsi(RSI_ATTESTATION_TOKEN_CONTINUE, NOTHING, 0, 64, 0), RSI_ERROR_INPUT);
  check("TOKEN_CONTINUE: offset", rsi(RSI_ATTESTATION_TOKEN_CONTINUE, BUFFER, 0x1000, 1, 0), RSI_ERROR_INPUT);
  check("TOKEN_CONTINUE: size", rsi(RSI_ATTESTATION_TOKEN_CONTINUE, BUFFER, 8, 0xff9, 0), RSI_ERROR_INPUT);
  check("TOKEN_CONTINUE: size overflows", rsi(RSI_ATTESTATION_TOKEN_CONTINUE, BUFFER, 8, ~0UL, 0), RSI_ERROR_INPUT);
  u64 length = 0;
  u64 status;
  do {
    status = rsi(RSI_ATTESTATION_TOKEN_CONTINUE, BUFFER, 7, 1000, 0);
    length += status == PUPPET_LOST ? 0 : result(1);
  } while (status == RSI_INCOMPLETE || status == PUPPET_LOST);
  check("TOKEN_CONTINUE: to the end", status, RSI_SUCCESS);
  check("a token is as long as was said at most", length > 1000 && length <= largest, true);
  check("TOKEN_INIT again", rsi(RSI_ATTESTATION_TOKEN_INIT, 1, 2, 3, 4), RSI_SUCCESS);
}

static void psci(void) {
  static const u32 known[] = {PSCI_VERSION, PSCI_FEATURES, PSCI_CPU_SUSPEND_32, PSCI_CPU_SUSPEND_64, PSCI_CPU_OFF, PSCI_CPU_ON_32,
                              PSCI_CPU_ON_64, PSCI_AFFINITY_INFO_32, PSCI_AFFINITY_INFO_64, PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET};
  u64 bad = 0;
  for (u32 i = 0; i < ARRAY_SIZE(known); i++)
    bad |= call(PSCI_FEATURES, known[i], 0, 0, 0);
  check("realm: PSCI_FEATURES of what there is", bad, PSCI_SUCCESS);
  check("realm: MIGRATE_INFO_TYPE", call(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0, 0), PSCI_NOT_SUPPORTED);
  check("realm: AFFINITY_INFO: level", call(PSCI_AFFINITY_INFO_64, 1, 1, 0, 0), PSCI_INVALID_PARAMETERS);
  check("realm: AFFINITY_INFO: no such core", call(PSCI_AFFINITY_INFO_64, 0x100, 0, 0, 0), PSCI_INVALID_PARAMETERS);
  check("realm: AFFINITY_INFO of itself", call(PSCI_AFFINITY_INFO_64, 0, 0, 0, 0), 0);
  check("CPU_SUSPEND: an exit", puppet_call(&realm, 0, PSCI_CPU_SUSPEND_64, 5, 6, 7, 0), RMI_EXIT_PSCI);
  check("CPU_SUSPEND: its arguments", runs[0].exit.gprs[0] == PSCI_CPU_SUSPEND_64 && runs[0].exit.gprs[1] == 5 && runs[0].exit.gprs[2] == 0, true);
  puppet_resume(&realm, 0);
  check("CPU_SUSPEND: success", puppet_done(0) ? result(0) : PUPPET_LOST, PSCI_SUCCESS);

  check("CPU_ON: an exit", puppet_call(&realm, 0, PSCI_CPU_ON_64, 1, REALM_BASE, PUPPET, 0), RMI_EXIT_PSCI);
  check("REC_ENTER before PSCI_COMPLETE", puppet_resume(&realm, 0), ~(u64)RMI_ERROR_REC);
  check("PSCI_COMPLETE: target is no REC", rmi(RMI_PSCI_COMPLETE, realm.rec[0], realm.rd, 0, 0, 0), RMI_ERROR_INPUT);
  check("PSCI_COMPLETE: caller is no REC", rmi(RMI_PSCI_COMPLETE, realm.rd, realm.rec[1], 0, 0, 0), RMI_ERROR_INPUT);
  check("PSCI_COMPLETE: denied", rmi(RMI_PSCI_COMPLETE, realm.rec[0], realm.rec[1], PSCI_DENIED, 0, 0), RMI_SUCCESS);
  check("PSCI_COMPLETE: nothing to complete", rmi(RMI_PSCI_COMPLETE, realm.rec[0], realm.rec[1], 0, 0, 0), RMI_ERROR_INPUT);
  puppet_resume(&realm, 0);
  check("realm: CPU_ON was denied", result(0), PSCI_DENIED);
  puppet_call(&realm, 0, PSCI_CPU_ON_64, 1, REALM_BASE, PUPPET, 0);
  check("PSCI_COMPLETE: granted", rmi(RMI_PSCI_COMPLETE, realm.rec[0], realm.rec[1], 0, 0, 0), RMI_SUCCESS);
  puppet_resume(&realm, 0);
  check("realm: CPU_ON", result(0), PSCI_SUCCESS);
  check("the second core runs", puppet_resume(&realm, 1), RMI_EXIT_HOST_CALL);
  puppet_call(&realm, 0, PSCI_CPU_ON_64, 1, REALM_BASE, 0, 0);
  check("PSCI_COMPLETE: one that is on cannot be denied", rmi(RMI_PSCI_COMPLETE, realm.rec[0], realm.rec[1], PSCI_DENIED, 0, 0), RMI_ERROR_INPUT);
  check("REC_ENTER: still pending", puppet_resume(&realm, 0), ~(u64)RMI_ERROR_REC);
  check("PSCI_COMPLETE", rmi(RMI_PSCI_COMPLETE, realm.rec[0], realm.rec[1], 0, 0, 0), RMI_SUCCESS);
  puppet_resume(&realm, 0);
  check("realm: it is on already", result(0), PSCI_ALREADY_ON);
  check("CPU_OFF of the second core", puppet_call(&realm, 1, PSCI_CPU_OFF, 0, 0, 0, 0), RMI_EXIT_PSCI);
  check("REC_ENTER: it is off", puppet_resume(&realm, 1), ~(u64)RMI_ERROR_REC);
  check("SYSTEM_RESET: an exit", puppet_call(&realm, 0, PSCI_SYSTEM_RESET, 0, 0, 0, 0), RMI_EXIT_PSCI);
  check("REC_ENTER after SYSTEM_RESET", puppet_resume(&realm, 0), ~RMI_RESULT(RMI_ERROR_REALM, 1));
  check("REALM_ACTIVATE after SYSTEM_RESET", rmi(RMI_REALM_ACTIVATE, realm.rd, 0, 0, 0, 0), RMI_ERROR_REALM);
}

void test_services(void) {
  realm = puppet_make(20, 0, 2);
  versions();
  measurements();
  addresses();
  tokens();
  psci();
  puppet_unmake(&realm);
  realm = puppet_make(20, 0, 1);
  late_buffers();
  puppet_unmake(&realm);
}
