/* Exits from a realm and what the host answers: waits, aborts, emulated devices, list registers; two RECs at once. */
#include "harness.h"

static struct realm realm;

#define DEVICE (REALM_UNPROTECTED + 0x5000)
#define SHARED (REALM_UNPROTECTED + REALM_SHARED)

static void waits(void) {
  runs[0].enter.flags = REC_ENTRY_TRAP_WFI;
  check("WFI: an exit", puppet_do(&realm, 0, PUPPET_WFI, 0, 0), RMI_EXIT_SYNC);
  check("WFI: its class", FIELD(runs[0].exit.esr, 31, 26) << 1 | (runs[0].exit.esr & 1), 1 << 1);
  puppet_resume(&realm, 0);
  check("WFI: done", puppet_done(0), true);
  runs[0].enter.flags = REC_ENTRY_TRAP_WFE;
  check("WFE: an exit", puppet_do(&realm, 0, PUPPET_WFE, 0, 0), RMI_EXIT_SYNC);
  check("WFE: its class", FIELD(runs[0].exit.esr, 31, 26) << 1 | (runs[0].exit.esr & 1), 1 << 1 | 1);
  for (u32 i = 0; i < 3 && !puppet_done(0); i++)
    puppet_resume(&realm, 0);
  check("WFE: done", puppet_done(0), true);
}

static void expect_abort(const char *what, u64 class) {
  u64 esr = runs[0].exit.gprs[PUPPET_ESR];
  check(what, puppet_done(0) ? FIELD(esr, 31, 26) << 8 | FIELD(esr, 5, 0) : PUPPET_LOST, class << 8 | 0x10);
}

static void aborts(void) {
  check("device read: an exit", puppet_do(&realm, 0, PUPPET_READ, DEVICE + 8, 0), RMI_EXIT_SYNC);
  check("device read: address", runs[0].exit.hpfar << 8 | runs[0].exit.far, (DEVICE >> 12 << 4) << 8 | 8);
  runs[0].enter.flags = REC_ENTRY_INJECT_SEA;
  puppet_resume(&realm, 0);
  expect_abort("device read: the host gives an abort", 0x25);
  puppet_do(&realm, 0, PUPPET_READ, DEVICE, 0);
  runs[0].enter.flags = REC_ENTRY_EMUL_MMIO;
  runs[0].enter.gprs[0] = 0x1234567890abcdef;
  puppet_resume(&realm, 0);
  check("device read: the host gives a value", puppet_done(0) ? runs[0].exit.gprs[0] : PUPPET_LOST, 0x1234567890abcdef);
  puppet_do(&realm, 0, PUPPET_WRITE, DEVICE, 0xfeedface12345678);
  check("device write: the value", runs[0].exit.gprs[0], 0xfeedface12345678);
  check("device write: not answered, so made again", puppet_resume(&realm, 0), RMI_EXIT_SYNC);
  runs[0].enter.flags = REC_ENTRY_EMUL_MMIO;
  puppet_resume(&realm, 0);
  check("device write: done", puppet_done(0), true);
  puppet_do(&realm, 0, PUPPET_EXECUTE, DEVICE, 0);
  expect_abort("code that is not protected: an abort in the realm", 0x21);
  puppet_do(&realm, 0, PUPPET_EXECUTE, SHARED, 0);
  expect_abort("code in the host's memory: an abort in the realm", 0x21);
}

static u64 enter_with(u64 hcr, u64 first, u64 second) {
  memset(runs[0].enter.gicv3_lrs, 0, sizeof runs[0].enter.gicv3_lrs);
  runs[0].enter.gicv3_hcr = hcr;
  runs[0].enter.gicv3_lrs[0] = first;
  runs[0].enter.gicv3_lrs[1] = second;
  u64 status = puppet_do(&realm, 0, PUPPET_READ, REALM_BASE, 0);
  memset(runs[0].enter.gicv3_lrs, 0, sizeof runs[0].enter.gicv3_lrs);
  runs[0].enter.gicv3_hcr = 0;
  return status;
}

#define LR(state, intid) ((u64)(state) << 62 | 1UL << 60 | 0xa0UL << 48 | (intid))
enum { PENDING = 1, ACTIVE = 2 };

static void list_registers(void) {
  u64 refused = ~(u64)RMI_ERROR_REC;
  check("list registers: the same interrupt twice", enter_with(0, LR(PENDING, 40), LR(ACTIVE, 40)), refused);
  check("list registers: a special INTID", enter_with(0, LR(PENDING, 1023), 0), refused);
  check("list registers: an INTID beyond the LPIs'", enter_with(0, LR(PENDING, 1UL << 24), 0), refused);
  check("list registers: a physical interrupt", enter_with(0, LR(PENDING, 40) | 1UL << 61, 0), refused);
  check("list registers: bits of a physical INTID", enter_with(0, LR(PENDING, 40) | 1UL << 33, 0), refused);
  check("list registers: a priority that is not there", enter_with(0, LR(PENDING, 40) | 1UL << 48, 0), refused);
  check("list registers: inactive ones may hold anything", enter_with(0, 1UL << 61 | 1023, 0), RMI_EXIT_HOST_CALL);
  check("interrupt control: bits that are RMM's", enter_with(1UL << 31, 0, 0), refused);
  check("list registers: two interrupts", enter_with(0, LR(PENDING, 40), LR(PENDING, 41) | 1UL << 41), RMI_EXIT_HOST_CALL);
  check("list registers: come back", runs[0].exit.gicv3_lrs[0] == LR(PENDING, 40) && runs[0].exit.gicv3_lrs[1] == (LR(PENDING, 41) | 1UL << 41), true);
  check("list registers: the rest is empty", runs[0].exit.gicv3_lrs[2], 0);
}

/* A core in streaming SVE mode has other vector registers: RMM does not enter a realm there. */
static void streaming(void) {
  if (!has_sme())
    return;
  u64 traps = read_sysreg(cptr_el2);
  /* SME, SVE and SIMD do not trap. */
  write_sysreg(cptr_el2, traps & ~(BIT(12) | BIT(10) | BIT(8)));
  isb();
  write_sysreg(SYS_SVCR, 1);
  check("streaming mode: refused", puppet_do(&realm, 0, PUPPET_READ, REALM_BASE, 0), ~(u64)RMI_ERROR_REC);
  check("  and left as it is", read_sysreg(SYS_SVCR), 1);
  write_sysreg(SYS_SVCR, 0);
  check("  without it: entered", puppet_do(&realm, 0, PUPPET_READ, REALM_BASE, 0), RMI_EXIT_HOST_CALL);
  write_sysreg(cptr_el2, traps);
}

void test_exits(void) {
  realm = puppet_make(22, 0, 1);
  check("MAP_UNPROTECTED", rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, SHARED, 3, DESCRIPTOR(shared_page), 0), RMI_SUCCESS);
  waits();
  aborts();
  list_registers();
  streaming();
  rmi(RMI_RTT_UNMAP_UNPROTECTED, realm.rd, SHARED, 3, 0, 0);
  puppet_unmake(&realm);
}

static volatile u64 spun;

static void spin(u64 unused) {
  u64 reason = puppet_do(&realm, 0, PUPPET_SPIN, SHARED, 0);
  while (reason == RMI_EXIT_IRQ)
    reason = puppet_resume(&realm, 0);
  spun = reason;
}

/* Interrupts and errors that no device of this machine makes: whoever debugs it does, when told to. */
void test_signals(void) {
  static const struct {
    const char *name;
    u64 reason, esr;
  } signals[] = {{"FIQ", RMI_EXIT_FIQ, 0}, {"SError", RMI_EXIT_SERROR, 0x2fUL << 26 | BIT(25) | 0x1e11}};
  realm = puppet_make(22, 0, 1);
  rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, SHARED, 3, DESCRIPTOR(shared_page), 0);
  volatile u64 *shared = (volatile u64 *)shared_page;
  shared[0] = shared[1] = 0;
  u64 *gprs = runs[0].enter.gprs;
  gprs[0] = PUPPET_SPIN;
  gprs[1] = SHARED;
  for (u32 i = 0; i < ARRAY_SIZE(signals); i++) {
    printf("NEXT: %s\n", signals[i].name);
    u64 reason = puppet_resume(&realm, 0);
    while (reason == RMI_EXIT_IRQ)
      reason = puppet_resume(&realm, 0);
    const struct rmi_rec_exit *exit = &runs[0].exit;
    check("an exit", reason, signals[i].reason);
    check("  its syndrome, as far as it is the host's business", exit->esr, signals[i].esr);
    check("  which learns nothing else", exit->far | exit->hpfar | exit->gprs[0] | exit->gprs[30] | exit->imm, 0);
  }
  shared[0] = 1;
  check("the realm goes on to its end", puppet_resume(&realm, 0) << 8 | puppet_done(0), RMI_EXIT_HOST_CALL << 8 | 1);
  rmi(RMI_RTT_UNMAP_UNPROTECTED, realm.rd, SHARED, 3, 0, 0);
  puppet_unmake(&realm);
}

/* A REC that runs on another core: what cannot be done to it, and what can be done beside it. */
void test_busy(void) {
  if (cores() < 2)
    return;
  realm = puppet_make(23, 0, 2);
  rmi(RMI_RTT_MAP_UNPROTECTED, realm.rd, SHARED, 3, DESCRIPTOR(shared_page), 0);
  volatile u64 *shared = (volatile u64 *)shared_page;
  shared[0] = shared[1] = 0;
  check("CPU_ON", core_start(1, spin, 0), PSCI_SUCCESS);
  while (!shared[1]) {
  }
  check("REC_ENTER of a REC that runs", rmi(RMI_REC_ENTER, realm.rec[0], (u64)&runs[1], 0, 0, 0), RMI_ERROR_REC);
  check("REC_DESTROY of a REC that runs", rmi(RMI_REC_DESTROY, realm.rec[0], 0, 0, 0, 0), RMI_ERROR_REC);
  check("RTT_SET_RIPAS for a REC that runs", rmi(RMI_RTT_SET_RIPAS, realm.rd, realm.rec[0], REALM_BASE + 0x10000, REALM_BASE + 0x11000, 0), RMI_ERROR_REC);
  check("PSCI_COMPLETE for a REC that runs", rmi(RMI_PSCI_COMPLETE, realm.rec[0], realm.rec[1], 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_DESTROY of a realm that runs", rmi(RMI_REALM_DESTROY, realm.rd, 0, 0, 0, 0), RMI_ERROR_REALM);
  check("DATA_CREATE_UNKNOWN beside it", rmi(RMI_DATA_CREATE_UNKNOWN, realm.rd, delegated(), REALM_BASE + 0x10000, 0, 0), RMI_SUCCESS);
  check("DATA_DESTROY beside it", rmi(RMI_DATA_DESTROY, realm.rd, REALM_BASE + 0x10000, 0, 0, 0), RMI_SUCCESS);
  shared[0] = 1;
  core_wait(1);
  check("it has gone on to its end", spun << 8 | puppet_done(0), RMI_EXIT_HOST_CALL << 8 | 1);
  rmi(RMI_RTT_UNMAP_UNPROTECTED, realm.rd, SHARED, 3, 0, 0);
  puppet_unmake(&realm);
}
