/* The realm runs: exits that the host answers, and what the realm reports. */
#include "expected.h"
#include "harness.h"

static bool run_rec(const struct realm *realm, u32 index);

static u64 esr_seen;
static u64 token_bytes;
static bool lost_page_seen;
static u64 mmio_writes;

/* Checks what a step of the realm reports. */
static void step(const struct realm *realm, const struct rmi_rec_exit *exit) {
  u64 a = exit->gprs[0];
  u64 b = exit->gprs[1];
  u64 c = exit->gprs[2];
  switch (exit->imm) {
  case STEP_HELLO:
    check("realm: x0", a, 0xabc);
    check("realm: exception level", b >> 2, 1);
    check("realm: MPIDR", c, 1UL << 31);
    break;
  case STEP_VERSION:
    check("RSI_VERSION 1.0", a << 40 | (b == RMI_ABI_1_0) << 8 | (c == RMI_ABI_1_1), 0x101);
    break;
  case STEP_VERSION_BAD:
    check("RSI_VERSION 2.0", a, RSI_ERROR_INPUT);
    break;
  case STEP_CONFIG:
    check("RSI_REALM_CONFIG", a, RSI_SUCCESS);
    check("RSI_REALM_CONFIG: address bits", b, REALM_IPA_BITS);
    check("RSI_REALM_CONFIG: hash", c, RMI_HASH_SHA256);
    break;
  case STEP_RPV:
    check("RSI_REALM_CONFIG: personalization value", b << 8 | c, 0x4224);
    break;
  case STEP_CONFIG_UNALIGNED:
    check("RSI_REALM_CONFIG unaligned", a, RSI_ERROR_INPUT);
    break;
  case STEP_CONFIG_UNPROTECTED:
    check("RSI_REALM_CONFIG unprotected", a, RSI_ERROR_INPUT);
    break;
  case STEP_RIM:
    check("RSI_MEASUREMENT_READ", a, RSI_SUCCESS);
    printf("RIM: %016lx … %016lx\n", __builtin_bswap64(b), __builtin_bswap64(c));
    check("the initial measurement is not empty", b != 0, 1);
    break;
  case STEP_MEASUREMENT_BAD:
    check("RSI_MEASUREMENT_READ: index", a, RSI_ERROR_INPUT);
    check("RSI_MEASUREMENT_EXTEND: index", b, RSI_ERROR_INPUT);
    check("RSI_MEASUREMENT_EXTEND: size", c, RSI_ERROR_INPUT);
    break;
  case STEP_REM:
    check("RSI_MEASUREMENT_EXTEND", a, RSI_SUCCESS);
    check("REM: first bytes", __builtin_bswap64(b), EXPECTED_REM_FIRST);
    check("REM: last bytes", __builtin_bswap64(c), EXPECTED_REM_LAST);
    break;
  case STEP_IPA_GET:
    check("RSI_IPA_STATE_GET", a, RSI_SUCCESS);
    check("RSI_IPA_STATE_GET: top", b, REALM_BASE + 0x6000);
    check("RSI_IPA_STATE_GET: RIPAS", c, RIPAS_RAM);
    break;
  case STEP_IPA_SET:
    check("RSI_IPA_STATE_SET", a, RSI_SUCCESS);
    check("RSI_IPA_STATE_SET: next", b, REALM_EXTRA + 0x4000);
    check("RSI_IPA_STATE_SET: accepted", c, RSI_ACCEPT);
    break;
  case STEP_IPA_GET_EXTRA:
    check("RSI_IPA_STATE_GET after setting", b, REALM_EXTRA + 0x4000);
    check("RSI_IPA_STATE_GET after setting: RIPAS", c, RIPAS_RAM);
    break;
  case STEP_IPA_SET_BAD:
    check("RSI_IPA_STATE_SET unaligned", a, RSI_ERROR_INPUT);
    break;
  case STEP_UNKNOWN_CALL:
    check("an unknown call in the realm", a, SMC_NOT_SUPPORTED);
    break;
  case STEP_PSCI_VERSION:
    check("realm: PSCI_VERSION", a, 0x10001);
    check("realm: PSCI_FEATURES", b, 0);
    check("realm: PSCI_FEATURES(unknown)", c, PSCI_NOT_SUPPORTED);
    break;
  case STEP_FRESH_MEMORY:
    check("fresh memory is zero", a, 0);
    check("fresh memory holds what is written", b, 0x1122334455667788);
    break;
  case STEP_EMPTY_MEMORY:
    check("empty memory: external abort in the realm", a << 32 | FIELD(b, 31, 26) << 8 | FIELD(b, 5, 0), 1UL << 32 | 0x25 << 8 | 0x10);
    break;
  case STEP_BEYOND:
    check("beyond the address space: abort in the realm", a, 1);
    break;
  case STEP_MMIO:
    check("emulated device: word", a, 0x12345678);
    check("emulated device: signed byte", b, (u64)-2);
    break;
  case STEP_SHARED:
    check("shared memory: host to realm", a, 0x0123456789abcdef);
    check("shared memory: realm to host", *(volatile u64 *)(shared_page + 8), 0x5ea1);
    break;
  case STEP_LOSE:
    *(volatile u64 *)lost_page = 0x105e;
    check("MAP_UNPROTECTED", rmi(RMI_RTT_MAP_UNPROTECTED, realm->rd, REALM_UNPROTECTED + REALM_LOST, 3, DESCRIPTOR(lost_page), 0), RMI_SUCCESS);
    check("DELEGATE a page that is mapped", rmi(RMI_GRANULE_DELEGATE, (u64)lost_page, 0, 0, 0, 0), RMI_SUCCESS);
    break;
  case STEP_LOST:
    check("a page that was not the host's for a while: exit to the host, none in the realm", (u64)lost_page_seen << 8 | b, 1 << 8);
    check("a page that was not the host's for a while: wiped", wiped((u64)lost_page, 0x105e), true);
    check("a page that was not the host's for a while: the realm sees what the host does", a, *(volatile u64 *)lost_page);
    break;
  case STEP_ID:
    check("ID registers trap to RMM, not to the realm", a, 0);
    check("ID_AA64PFR0_EL1: EL0 and EL1 AArch64, no EL2, EL3", b & 0xffff, 0x11);
    check("ID_AA64PFR0_EL1: no SVE, RME, MPAM, AMU", FIELD(b, 35, 32) | FIELD(b, 55, 52) | FIELD(b, 43, 40) | FIELD(b, 47, 44), 0);
    check("no PMU, MEC, PIE for realms", c, 0);
    break;
  case STEP_UNDEFINED:
    check("a register that realms do not have", a << 8 | FIELD(b, 31, 26), 1 << 8);
    break;
  case STEP_HVC:
    check("HVC in a realm is undefined", a << 8 | FIELD(b, 31, 26), 2 << 8);
    break;
  case STEP_DEBUG_AND_SIMD:
    check("realm: breakpoint registers", a, 0x1000);
    check("realm: SIMD registers", b, 0x4008000000000000);
    break;
  case STEP_SIMD_KEPT:
    check("realm: breakpoint registers are kept", a, 0x1000);
    check("realm: SIMD registers are kept", b, 0x4008000000000000);
    break;
  case STEP_TIMER:
    check("realm: virtual timer interrupt", a, 27);
    break;
  case STEP_SGI:
    check("realm: a sent interrupt comes to the host", esr_seen, 1);
    break;
  case STEP_TOKEN_INIT:
    check("ATTESTATION_TOKEN_INIT", a, RSI_SUCCESS);
    break;
  case STEP_TOKEN_BYTES:
    printf("TOKEN: ");
    for (u64 i = 0; i < a; i++)
      printf("%02x", (u32)(b >> 8 * i & 0xff));
    printf("\n");
    token_bytes += a;
    break;
  case STEP_TOKEN:
    check("ATTESTATION_TOKEN_CONTINUE", a, RSI_SUCCESS);
    check("token length", b, token_bytes);
    check("ATTESTATION_TOKEN_CONTINUE after the end", c, RSI_ERROR_STATE);
    break;
  case STEP_CPU_ON_BAD:
    check("realm: CPU_ON of a core that is not there", a, PSCI_INVALID_PARAMETERS);
    check("realm: CPU_ON at an unprotected address", b, PSCI_INVALID_ADDRESS);
    check("realm: CPU_ON of itself", c, PSCI_ALREADY_ON);
    break;
  case STEP_CPU_ON:
    check("realm: AFFINITY_INFO: off", a, 1);
    check("realm: CPU_ON", b, PSCI_SUCCESS);
    check("realm: CPU_ON again", c, PSCI_ALREADY_ON);
    check("the second REC runs until its CPU_OFF", run_rec(realm, 1), 1);
    check("REC_ENTER after CPU_OFF", rmi(RMI_REC_ENTER, realm->rec[1], (u64)&runs[1], 0, 0, 0), RMI_ERROR_REC);
    break;
  case STEP_SECOND_CORE:
    check("realm: second core's MPIDR", a, 1UL << 31 | 1);
    break;
  case STEP_BYE:
    printf("The realm took %lu exceptions.\n", a);
    break;
  default:
    check("a step nobody knows", exit->imm, 0);
  }
}

/* A synchronous exit: memory to supply, or a device to emulate. */
static void sync_exit(const struct realm *realm, struct rmi_rec_run *run) {
  u64 class = FIELD(run->exit.esr, 31, 26);
  u64 ipa = run->exit.hpfar >> 4 << 12;
  if (class == 0x24 && FIELD(run->exit.esr, 5, 0) == 0x28) {
    check("granule protection fault in a realm: its address", ipa, REALM_UNPROTECTED + REALM_LOST);
    check("granule protection fault: no access to emulate", (run->enter.flags = REC_ENTRY_EMUL_MMIO, rmi(RMI_REC_ENTER, realm->rec[0], (u64)run, 0, 0, 0)), RMI_ERROR_REC);
    run->enter.flags = 0;
    check("UNDELEGATE it", rmi(RMI_GRANULE_UNDELEGATE, (u64)lost_page, 0, 0, 0, 0), RMI_SUCCESS);
    lost_page_seen = true;
  } else if (class == 0x24 && ipa >= REALM_UNPROTECTED) {
    run->enter.flags = REC_ENTRY_EMUL_MMIO;
    if (run->exit.esr & BIT(6)) {
      check("emulated write: offset and value", (run->exit.far & 0xff) << 32 | run->exit.gprs[0], 4UL << 32 | 0xcafe0001);
      mmio_writes++;
    } else
      run->enter.gprs[0] = run->exit.far & 1 ? 0xfe : 0x12345678;
  } else if (class == 0x24) {
    check("fresh memory: data abort exit at its page", ipa, REALM_EXTRA);
    check("REC_ENTER: abort for protected memory", (run->enter.flags = REC_ENTRY_INJECT_SEA, rmi(RMI_REC_ENTER, realm->rec[0], (u64)run, 0, 0, 0)),
          RMI_ERROR_REC);
    run->enter.flags = 0;
    check("DATA_CREATE_UNKNOWN", rmi(RMI_DATA_CREATE_UNKNOWN, realm->rd, delegated(), REALM_EXTRA, 0, 0), RMI_SUCCESS);
  } else if (class == 0x18) {
    esr_seen = run->exit.gprs[0] == 0x0a000001;
  } else if (class == 0x01) {
    /* WFI. */
  } else
    check("a synchronous exit nobody expects", run->exit.esr, 0);
}

static void timer_exit(struct rmi_rec_run *run) {
  /* The physical timer interrupt shows itself as the realm's state; the virtual one is ours to give. */
  if ((run->exit.cntv_ctl & 7) == 5 && !(run->exit.gicv3_lrs[0] >> 62))
    run->enter.gicv3_lrs[0] = 1UL << 62 | 1UL << 60 | 0xa0UL << 48 | 27;
  else
    run->enter.gicv3_lrs[0] = run->exit.gicv3_lrs[0];
}

static void ripas_exit(const struct realm *realm, const struct rmi_rec_run *run) {
  u64 base = run->exit.ripas_base;
  u64 top = run->exit.ripas_top;
  check("RIPAS change: range", base << 16 | (top - base), REALM_EXTRA << 16 | 0x4000);
  check("SET_RIPAS: wrong base", rmi(RMI_RTT_SET_RIPAS, realm->rd, realm->rec[0], base + 0x1000, top, 0), RMI_ERROR_INPUT);
  check("SET_RIPAS: beyond what was asked", rmi(RMI_RTT_SET_RIPAS, realm->rd, realm->rec[0], base, top + 0x1000, 0), RMI_ERROR_INPUT);
  check("SET_RIPAS: REC that asked nothing", rmi(RMI_RTT_SET_RIPAS, realm->rd, realm->rec[1], base, top, 0), RMI_ERROR_INPUT);
  check("SET_RIPAS: one page", rmi(RMI_RTT_SET_RIPAS, realm->rd, realm->rec[0], base, base + 0x1000, 0), RMI_SUCCESS);
  check("SET_RIPAS: the rest", rmi(RMI_RTT_SET_RIPAS, realm->rd, realm->rec[0], base + 0x1000, top, 0), RMI_SUCCESS);
  check("SET_RIPAS: next", out.x[1], top);
}

/* Runs a REC until it is off; false if the entry is refused. */
static bool run_rec(const struct realm *realm, u32 index) {
  struct rmi_rec_run *run = &runs[index];
  for (u32 entries = 0; entries < 5000; entries++) {
    u64 status = rmi(RMI_REC_ENTER, realm->rec[index], (u64)run, 0, 0, 0);
    if (status) {
      check("REC_ENTER", status, RMI_SUCCESS);
      return false;
    }
    run->enter.flags = 0;
    switch (run->exit.reason) {
    case RMI_EXIT_SYNC:
      sync_exit(realm, run);
      break;
    case RMI_EXIT_IRQ:
      timer_exit(run);
      break;
    case RMI_EXIT_RIPAS_CHANGE:
      ripas_exit(realm, run);
      break;
    case RMI_EXIT_HOST_CALL:
      step(realm, &run->exit);
      run->enter.gprs[0] = run->exit.imm + HOST_ANSWER;
      break;
    case RMI_EXIT_PSCI:
      switch ((u32)run->exit.gprs[0]) {
      case PSCI_CPU_ON_64:
      case PSCI_AFFINITY_INFO_64:
        check("REC_ENTER with a pending PSCI call", rmi(RMI_REC_ENTER, realm->rec[index], (u64)run, 0, 0, 0), RMI_ERROR_REC);
        check("PSCI_COMPLETE: same REC", rmi(RMI_PSCI_COMPLETE, realm->rec[0], realm->rec[0], 0, 0, 0), RMI_ERROR_INPUT);
        check("PSCI_COMPLETE: wrong order", rmi(RMI_PSCI_COMPLETE, realm->rec[1], realm->rec[0], 0, 0, 0), RMI_ERROR_INPUT);
        check("PSCI_COMPLETE: status", rmi(RMI_PSCI_COMPLETE, realm->rec[0], realm->rec[1], 77, 0, 0), RMI_ERROR_INPUT);
        check("PSCI_COMPLETE", rmi(RMI_PSCI_COMPLETE, realm->rec[0], realm->rec[1], 0, 0, 0), RMI_SUCCESS);
        break;
      case PSCI_CPU_OFF:
      case PSCI_SYSTEM_OFF:
        return true;
      default:
        check("a PSCI exit nobody expects", run->exit.gprs[0], 0);
      }
      break;
    default:
      check("an exit nobody expects", run->exit.reason, 0);
      return false;
    }
  }
  return false;
}

void test_running(const struct realm *realm) {
  check("the realm runs until its SYSTEM_OFF", run_rec(realm, 0), 1);
  check("one device write was emulated", mmio_writes, 1);
}
