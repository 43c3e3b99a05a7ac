/* Which memory encryption context a realm gets: the lowest free one, or the one that realms share. */
#include "realm.h"

static u64 max_mecid;
static u8 users[65536 / 8];
static u64 shared_context, shared_context_users;
static spinlock lock;

void mecids_init(u64 max) {
  max_mecid = max;
}

bool mecid_choose(struct realm_state *r, const struct launch *launch) {
  if (!max_mecid) {
    if (launch->shared_mec && launch->mecid) {
      tprintf("  Fatal: --shared-mec %lu: this machine has no memory encryption contexts (FEAT_MEC)\n", launch->mecid);
      return false;
    }
    return true;
  }
  bool done = true;
  spin_lock(&lock);
  if (launch->shared_mec) {
    if (launch->mecid != shared_context) {
      done = launch->mecid <= max_mecid && !shared_context_users &&
             rmi_call(RMI_MEC_SET_PRIVATE, shared_context, 0, 0, 0, 0, NULL) == RMI_SUCCESS;
      if (done) {
        u64 old = shared_context;
        shared_context = launch->mecid;
        done = rmi_call(RMI_MEC_SET_SHARED, shared_context, 0, 0, 0, 0, NULL) == RMI_SUCCESS;
        if (!done && rmi_call(RMI_MEC_SET_SHARED, old, 0, 0, 0, 0, NULL) == RMI_SUCCESS)
          shared_context = old;
      }
    }
    if (done) {
      r->mecid = shared_context;
      r->shared_mec = true;
      shared_context_users++;
    }
  } else {
    u64 id = 0;
    while (id <= max_mecid && ((users[id / 8] >> (id % 8) & 1) || id == shared_context))
      id++;
    done = id <= max_mecid;
    if (done) {
      users[id / 8] |= (u8)(1 << (id % 8));
      r->mecid = id;
    }
  }
  spin_unlock(&lock);
  if (!done)
    tprintf("  Fatal: no encryption context: realms share MECID %lu now, the highest is %lu\n", shared_context, max_mecid);
  return done;
}

void mecid_release(struct realm_state *r) {
  if (r->mecid == NO_MECID)
    return;
  spin_lock(&lock);
  if (r->shared_mec)
    shared_context_users--;
  else
    users[r->mecid / 8] &= (u8)~(1 << (r->mecid % 8));
  spin_unlock(&lock);
  r->mecid = NO_MECID;
}

s64 mecid_param(const struct realm_state *r) {
  return r->mecid == NO_MECID ? 0 : (s64)r->mecid;
}
