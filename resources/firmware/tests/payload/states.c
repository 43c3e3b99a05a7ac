/* RIPAS and HIPAS of realm memory, by what the realm and the host do to it. */
#include "harness.h"

static struct realm realm;

#define PAGE_A (REALM_BASE + 0x10000)
#define PAGE_B (REALM_BASE + 0x11000)
#define BLOCK (REALM_BASE + 0x200000)

static u64 status_of(u64 exit_reason) {
  return exit_reason == RMI_EXIT_HOST_CALL && puppet_done(0) ? runs[0].exit.gprs[0] : PUPPET_LOST;
}

/* HIPAS and RIPAS at level 3. */
static u64 state(u64 ipa) {
  read_entry(&realm, ipa, 3);
  return out.x[2] << 8 | out.x[4];
}
#define STATE(hipas, ripas) ((u64)(hipas) << 8 | (ripas))

static u64 set_ripas(u64 base, u64 top) {
  return rmi(RMI_RTT_SET_RIPAS, realm.rd, realm.rec[0], base, top, 0);
}

/* The realm asks for a change, the host makes it up to top. The realm's answer. */
static u64 change(u64 base, u64 top, u64 ripas, u64 flags, u64 done_to) {
  check("IPA_STATE_SET: an exit", puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), base, top, ripas, flags), RMI_EXIT_RIPAS_CHANGE);
  check("IPA_STATE_SET: what is asked for",
        runs[0].exit.ripas_base == base && runs[0].exit.ripas_top == top && runs[0].exit.ripas_value == ripas, true);
  if (done_to > base)
    check("RTT_SET_RIPAS", set_ripas(base, done_to), RMI_SUCCESS);
  return status_of(puppet_resume(&realm, 0));
}

/* A read that the realm itself must see fail. */
static void read_aborts(const char *what, u64 ipa) {
  u64 before = runs[0].exit.gprs[PUPPET_EXCEPTIONS];
  puppet_do(&realm, 0, PUPPET_READ, ipa, 0);
  check(what, puppet_done(0) && runs[0].exit.gprs[PUPPET_EXCEPTIONS] == before + 1 && FIELD(runs[0].exit.gprs[PUPPET_ESR], 5, 0) == 0x10, true);
}
static u64 read(u64 ipa) {
  return status_of(puppet_do(&realm, 0, PUPPET_READ, ipa, 0));
}
/* A read that the host has to make possible. */
static void read_exits(const char *what, u64 ipa) {
  u64 reason = puppet_do(&realm, 0, PUPPET_READ, ipa, 0);
  check(what, reason << 8 | FIELD(runs[0].exit.esr, 31, 26), RMI_EXIT_SYNC << 8 | 0x24);
  check("  at its address", runs[0].exit.hpfar, ipa >> 12 << 4);
  check("  which the host learns nothing else of", runs[0].exit.far | runs[0].exit.gprs[0] | (runs[0].exit.esr & 0x1ffffc0), 0);
}
static void give(u64 ipa, u64 expected) {
  check("DATA_CREATE_UNKNOWN", rmi(RMI_DATA_CREATE_UNKNOWN, realm.rd, delegated(), ipa, 0, 0), expected);
}
static void take(u64 ipa) {
  check("DATA_DESTROY", rmi(RMI_DATA_DESTROY, realm.rd, ipa, 0, 0, 0), RMI_SUCCESS);
  check("UNDELEGATE", rmi(RMI_GRANULE_UNDELEGATE, out.x[1], 0, 0, 0, 0), RMI_SUCCESS);
}

static void refused_requests(void) {
  static const struct {
    const char *what;
    u64 base, top, ripas;
  } bad[] = {
    {"IPA_STATE_SET: unaligned base", PAGE_A + 8, PAGE_B, RIPAS_RAM},
    {"IPA_STATE_SET: unaligned top", PAGE_A, PAGE_B + 8, RIPAS_RAM},
    {"IPA_STATE_SET: empty range", PAGE_A, PAGE_A, RIPAS_RAM},
    {"IPA_STATE_SET: upside down", PAGE_B, PAGE_A, RIPAS_RAM},
    {"IPA_STATE_SET: DESTROYED", PAGE_A, PAGE_B, RIPAS_DESTROYED},
    {"IPA_STATE_SET: unprotected", REALM_UNPROTECTED, REALM_UNPROTECTED + 0x1000, RIPAS_RAM},
    {"IPA_STATE_SET: into the unprotected half", REALM_UNPROTECTED - 0x1000, REALM_UNPROTECTED + 0x1000, RIPAS_RAM},
  };
  for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
    check(bad[i].what, puppet_result(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), bad[i].base, bad[i].top, bad[i].ripas, 0), RSI_ERROR_INPUT);
    if (bad[i].ripas == RIPAS_RAM)
      check("  the same for IPA_STATE_GET", puppet_result(&realm, 0, RSI_FID(RSI_IPA_STATE_GET), bad[i].base, bad[i].top, 0, 0), RSI_ERROR_INPUT);
  }
  check("RTT_SET_RIPAS that nobody asked for", set_ripas(PAGE_A, PAGE_B), RMI_ERROR_INPUT);
  check("RTT_SET_RIPAS: no REC", rmi(RMI_RTT_SET_RIPAS, realm.rd, realm.rd, PAGE_A, PAGE_B, 0), RMI_ERROR_INPUT);
  check("RTT_SET_RIPAS: no realm", rmi(RMI_RTT_SET_RIPAS, realm.rec[0], realm.rec[0], PAGE_A, PAGE_B, 0), RMI_ERROR_INPUT);
}

void test_memory_states(void) {
  realm = puppet_make(21, 0, 1);
  refused_requests();

  check("at first: UNASSIGNED, EMPTY", state(PAGE_A), STATE(RMI_UNASSIGNED, RIPAS_EMPTY));
  read_aborts("EMPTY: an abort in the realm", PAGE_A);
  check("the host may reject: nothing is done", (puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), PAGE_A, PAGE_B, RIPAS_RAM, 0),
        runs[0].enter.flags = REC_ENTRY_RIPAS_RESPONSE, status_of(puppet_resume(&realm, 0))), RSI_SUCCESS);
  check("  and the realm learns it", runs[0].exit.gprs[1] << 8 | runs[0].exit.gprs[2], PAGE_A << 8 | RSI_REJECT);
  check("the host may do a part", change(PAGE_A, PAGE_A + 0x4000, RIPAS_RAM, 0, PAGE_B), RSI_SUCCESS);
  check("  and the realm learns which", runs[0].exit.gprs[1] << 8 | runs[0].exit.gprs[2], PAGE_B << 8 | RSI_ACCEPT);
  check("UNASSIGNED, RAM", state(PAGE_A), STATE(RMI_UNASSIGNED, RIPAS_RAM));
  read_exits("UNASSIGNED, RAM: an exit", PAGE_A);
  give(PAGE_A, RMI_SUCCESS);
  give(PAGE_A, RTT_ERROR(3));
  puppet_resume(&realm, 0);
  check("ASSIGNED, RAM: zeros", puppet_done(0) ? runs[0].exit.gprs[0] : PUPPET_LOST, 0);
  check("ASSIGNED, RAM", state(PAGE_A), STATE(RMI_ASSIGNED, RIPAS_RAM));
  puppet_do(&realm, 0, PUPPET_WRITE, PAGE_A, 0x77);
  check("what the realm writes", read(PAGE_A), 0x77);

  check("RAM to EMPTY", change(PAGE_A, PAGE_B, RIPAS_EMPTY, 0, PAGE_B), RSI_SUCCESS);
  check("ASSIGNED, EMPTY", state(PAGE_A), STATE(RMI_ASSIGNED, RIPAS_EMPTY));
  read_aborts("ASSIGNED, EMPTY: an abort in the realm", PAGE_A);
  take(PAGE_A);
  check("UNASSIGNED, EMPTY", state(PAGE_A), STATE(RMI_UNASSIGNED, RIPAS_EMPTY));
  give(PAGE_A, RMI_SUCCESS);
  check("ASSIGNED, EMPTY again", state(PAGE_A), STATE(RMI_ASSIGNED, RIPAS_EMPTY));
  check("EMPTY to RAM", change(PAGE_A, PAGE_B, RIPAS_RAM, 0, PAGE_B), RSI_SUCCESS);
  check("nothing of the page before is seen", read(PAGE_A), 0);

  take(PAGE_A);
  check("UNASSIGNED, DESTROYED", state(PAGE_A), STATE(RMI_UNASSIGNED, RIPAS_DESTROYED));
  check("IPA_STATE_GET: DESTROYED", puppet_result(&realm, 0, RSI_FID(RSI_IPA_STATE_GET), PAGE_A, PAGE_A + 0x8000, 0, 0), RSI_SUCCESS);
  check("  up to", runs[0].exit.gprs[1] << 8 | runs[0].exit.gprs[2], PAGE_B << 8 | RIPAS_DESTROYED);
  read_exits("UNASSIGNED, DESTROYED: an exit", PAGE_A);
  give(PAGE_A, RMI_SUCCESS);
  check("ASSIGNED, DESTROYED", state(PAGE_A), STATE(RMI_ASSIGNED, RIPAS_DESTROYED));
  check("  an exit again", puppet_resume(&realm, 0), RMI_EXIT_SYNC);
  check("the realm cannot go on; the host gives the page RAM by no call", set_ripas(PAGE_A, PAGE_B), RMI_ERROR_INPUT);
  puppet_unmake(&realm);

  realm = puppet_make(21, 0, 1);
  change(PAGE_A, PAGE_B, RIPAS_RAM, 0, PAGE_B);
  give(PAGE_A, RMI_SUCCESS);
  take(PAGE_A);
  check("DESTROYED to RAM: not unless the realm says so", (puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), PAGE_A, PAGE_B, RIPAS_RAM, 0),
        RMI_STATUS(set_ripas(PAGE_A, PAGE_B))), RMI_ERROR_RTT);
  puppet_resume(&realm, 0);
  check("DESTROYED to RAM, as the realm says", change(PAGE_A, PAGE_B, RIPAS_RAM, RSI_CHANGE_DESTROYED, PAGE_B), RSI_SUCCESS);
  check("UNASSIGNED, RAM", state(PAGE_A), STATE(RMI_UNASSIGNED, RIPAS_RAM));

  /* A level 2 entry: all of it, or a table first. */
  puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), BLOCK, BLOCK + 0x201000, RIPAS_RAM, 0);
  check("RTT_SET_RIPAS of a block", set_ripas(BLOCK, BLOCK + 0x201000), RMI_SUCCESS);
  check("  up to its end", out.x[1], BLOCK + 0x200000);
  check("RTT_SET_RIPAS of a part of a block", set_ripas(BLOCK + 0x200000, BLOCK + 0x201000), RTT_ERROR(2));
  puppet_resume(&realm, 0);
  check("the realm's answer", runs[0].exit.gprs[1] << 8 | runs[0].exit.gprs[2], (BLOCK + 0x200000) << 8 | RSI_ACCEPT);
  puppet_unmake(&realm);
}
