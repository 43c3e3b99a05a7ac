/* The model of what state the granules are in, by the calls that succeeded. */
#include "fuzz.h"

void fuzz_wrong(struct fuzz *f, u32 number, const u64 *a, const char *what) {
  if (f->wrong++ < 10)
    printf("FAIL: core %u, call %lu, RMI 0x%x(%lx, %lx, %lx, %lx): %s\n", core_index(), f->calls, number, a[1], a[2], a[3], a[4], what);
}

/* A granule that the call took or gave back: in the model it must have been in a state, and of a realm, if one is named. */
static void move(struct fuzz *f, u32 number, const u64 *a, u64 pa, enum fuzz_state from, enum fuzz_state to, u64 rd) {
  u32 index = fuzz_index(f, pa);
  u32 owner = fuzz_index(f, rd);
  if (index == NOBODY) {
    fuzz_wrong(f, number, a, "a granule that is not this core's");
    return;
  }
  if (f->state[index] != from)
    fuzz_wrong(f, number, a, "a granule in another state");
  bool leaves = to == DELEGATED && from != UNDELEGATED && from != RD;
  if (leaves && rd && f->owner[index] != owner)
    fuzz_wrong(f, number, a, "a granule of another realm");
  f->state[index] = (u8)to;
  f->owner[index] = (u8)(to == DELEGATED || to == UNDELEGATED ? NOBODY : owner);
}

static bool owns_any(const struct fuzz *f, u32 realm, bool but_starts) {
  for (u32 i = 0; i < GRANULES; i++)
    if (f->owner[i] == realm && i != realm && !(but_starts && i == f->starts[realm]))
      return true;
  return false;
}

/* A successful call's effect on the model. */
void fuzz_learn(struct fuzz *f, u32 number, const u64 *a) {
  const struct rmi_realm_params *realm = (const struct rmi_realm_params *)(void *)f->params;
  const struct rmi_rec_params *rec = (const struct rmi_rec_params *)(void *)f->params;
  u32 index = fuzz_index(f, a[1]);
  switch (number) {
  case RMI_GRANULE_DELEGATE:
    move(f, number, a, a[1], UNDELEGATED, DELEGATED, 0);
    break;
  case RMI_GRANULE_UNDELEGATE:
    move(f, number, a, a[1], DELEGATED, UNDELEGATED, 0);
    break;
  case RMI_REALM_CREATE:
    move(f, number, a, a[1], DELEGATED, RD, a[1]);
    move(f, number, a, realm->rtt_base, DELEGATED, RTT, a[1]);
    if (index != NOBODY)
      f->starts[index] = (u8)fuzz_index(f, realm->rtt_base);
    break;
  case RMI_REALM_DESTROY:
    if (index == NOBODY)
      fuzz_wrong(f, number, a, "no granule of this core's");
    else {
      if (owns_any(f, index, true))
        fuzz_wrong(f, number, a, "the realm has granules");
      move(f, number, a, fuzz_at(f, f->starts[index]), RTT, DELEGATED, a[1]);
      move(f, number, a, a[1], RD, DELEGATED, 0);
    }
    break;
  case RMI_REC_CREATE:
    move(f, number, a, a[2], DELEGATED, REC, a[1]);
    move(f, number, a, rec->aux[0], DELEGATED, AUX, a[1]);
    if (fuzz_index(f, a[2]) != NOBODY)
      f->aux_of[fuzz_index(f, a[2])] = (u8)fuzz_index(f, rec->aux[0]);
    break;
  case RMI_REC_DESTROY:
    move(f, number, a, a[1], REC, DELEGATED, 0);
    if (index != NOBODY)
      move(f, number, a, fuzz_at(f, f->aux_of[index]), AUX, DELEGATED, 0);
    break;
  case RMI_RTT_CREATE:
    move(f, number, a, a[2], DELEGATED, RTT, a[1]);
    break;
  case RMI_RTT_DESTROY:
  case RMI_RTT_FOLD:
    move(f, number, a, out.x[1], RTT, DELEGATED, a[1]);
    break;
  case RMI_DATA_CREATE:
  case RMI_DATA_CREATE_UNKNOWN:
    move(f, number, a, a[2], DELEGATED, DATA, a[1]);
    break;
  case RMI_DATA_DESTROY:
    move(f, number, a, out.x[1], DATA, DELEGATED, a[1]);
    break;
  default:
    break;
  }
}
