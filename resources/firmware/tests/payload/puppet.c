/* Realms that do what the host tells them to. */
#include "harness.h"

static void must(const char *what, u64 status) {
  if (status)
    panic("%s: 0x%lx", what, status);
}

struct realm puppet_make(u16 vmid, s64 mecid, u32 recs) {
  struct realm realm = {.rd = delegated(), .rtt_base = delegated()};
  fill_params(&realm);
  params.vmid = vmid;
  params.mecid = mecid;
  must("REALM_CREATE", create(&realm));
  static const u64 halves[] = {REALM_BASE, REALM_UNPROTECTED};
  for (u32 i = 0; i < ARRAY_SIZE(halves); i++) {
    must("RTT_CREATE", rtt_create(&realm, halves[i], 2));
    must("RTT_CREATE", rtt_create(&realm, halves[i], 3));
  }
  must("INIT_RIPAS", rmi(RMI_RTT_INIT_RIPAS, realm.rd, REALM_BASE, REALM_BASE + 0x6000, 0, 0));
  for (u64 at = 0; at < 0x6000; at += 0x1000) {
    u64 source = (u64)__realm_start + at;
    source = source < (u64)__realm_end ? source : (u64)shared_page;
    must("DATA_CREATE", rmi(RMI_DATA_CREATE, realm.rd, delegated(), REALM_BASE + at, source, 0));
  }
  for (u32 i = 0; i < recs; i++) {
    realm.aux[i] = delegated();
    fill_rec_params(i, realm.aux[i]);
    rec_params.flags = i == 0 ? RMI_REC_FLAG_RUNNABLE : 0;
    rec_params.gprs[0] = PUPPET;
    realm.rec[i] = delegated();
    must("REC_CREATE", rmi(RMI_REC_CREATE, realm.rd, realm.rec[i], (u64)&rec_params, 0, 0));
    memset(&runs[i], 0, sizeof runs[i]);
  }
  must("REALM_ACTIVATE", rmi(RMI_REALM_ACTIVATE, realm.rd, 0, 0, 0, 0));
  if (puppet_resume(&realm, 0) != RMI_EXIT_HOST_CALL)
    panic("the realm does not ask what to do");
  return realm;
}

static void give_back(u64 pa) {
  must("UNDELEGATE", rmi(RMI_GRANULE_UNDELEGATE, pa, 0, 0, 0, 0));
}

/* All that the realm has in a half of its address space. */
static void empty(const struct realm *realm, u64 base) {
  u64 top = base + 0x200000;
  for (u64 ipa = base; ipa < top && base < REALM_UNPROTECTED;) {
    if (rmi(RMI_DATA_DESTROY, realm->rd, ipa, 0, 0, 0) == RMI_SUCCESS) {
      u64 next = out.x[2];
      give_back(out.x[1]);
      ipa = next;
    } else
      ipa = out.x[2] > ipa ? out.x[2] : top;
  }
  for (u64 level = 3; level >= 2; level--) {
    must("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm->rd, base, level, 0, 0));
    give_back(out.x[1]);
  }
}

void puppet_unmake(const struct realm *realm) {
  for (u32 i = 0; i < ARRAY_SIZE(realm->rec); i++)
    if (realm->rec[i]) {
      must("REC_DESTROY", rmi(RMI_REC_DESTROY, realm->rec[i], 0, 0, 0, 0));
      give_back(realm->rec[i]);
      give_back(realm->aux[i]);
    }
  empty(realm, REALM_BASE);
  empty(realm, REALM_UNPROTECTED);
  must("REALM_DESTROY", rmi(RMI_REALM_DESTROY, realm->rd, 0, 0, 0, 0));
  give_back(realm->rd);
  give_back(realm->rtt_base);
}

u64 puppet_resume(const struct realm *realm, u32 rec) {
  u64 status = rmi(RMI_REC_ENTER, realm->rec[rec], (u64)&runs[rec], 0, 0, 0);
  runs[rec].enter.flags = 0;
  return status ? ~status : runs[rec].exit.reason;
}

u64 puppet_do(const struct realm *realm, u32 rec, u64 order, u64 a, u64 b) {
  u64 *gprs = runs[rec].enter.gprs;
  gprs[0] = order;
  gprs[1] = a;
  gprs[2] = b;
  return puppet_resume(realm, rec);
}

u64 puppet_call(const struct realm *realm, u32 rec, u64 function, u64 a, u64 b, u64 c, u64 d) {
  u64 *gprs = runs[rec].enter.gprs;
  memset(gprs, 0, sizeof runs[rec].enter.gprs);
  gprs[3] = b;
  gprs[4] = c;
  gprs[5] = d;
  return puppet_do(realm, rec, PUPPET_CALL, function, a);
}

bool puppet_done(u32 rec) {
  return runs[rec].exit.reason == RMI_EXIT_HOST_CALL && runs[rec].exit.imm == STEP_PUPPET;
}

u64 puppet_result(const struct realm *realm, u32 rec, u64 function, u64 a, u64 b, u64 c, u64 d) {
  puppet_call(realm, rec, function, a, b, c, d);
  return puppet_done(rec) ? runs[rec].exit.gprs[0] : PUPPET_LOST;
}
