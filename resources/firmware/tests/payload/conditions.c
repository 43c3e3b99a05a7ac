/*
 * A realm's life, call by call. Before each call that does, the same call is made with one of its arguments wrong, for each argument
 * and each way in which it can be wrong (DEN0137, "Failure conditions" of the commands: alignment, bounds, state of a granule, level):
 * RMM refuses it, and that it changed nothing is seen by the right call's success after it.
 */
#include "harness.h"

enum kind {
  /* Granules by the state they must be in. */
  HOST,
  FREE,
  IS_RD,
  IS_REC,
  IS_AUX,
  IS_DATA,
  IS_RTT,
  GRANULE_KINDS,
  /* Addresses of a realm: of any page, of one of a half, of what a table covers. */
  PAGE,
  PROTECTED,
  UNPROTECTED,
  COVERED,
  /* Levels: of a table that is not a start table, of an entry, of a mapping of the host's memory. */
  TABLE_LEVEL,
  ENTRY_LEVEL,
  MAP_LEVEL,
  /* The rest: DATA_CREATE's flags, a mapping of the host's memory, an answer to PSCI. */
  FLAGS,
  MAPPING,
  ANSWER,
};

struct argument {
  enum kind kind;
  u64 value;
};

enum { MAX_WRONG = 16 };
/* A granule in each state. */
static u64 in_state[GRANULE_KINDS];

static u32 wrong_granules(enum kind kind, u64 value, u64 *to) {
  static const u64 never[] = {UART0, RMM_MEMORY, 0x4000000000, 1UL << 52};
  u32 count = 0;
  for (u32 i = 0; i < ARRAY_SIZE(never); i++)
    to[count++] = never[i];
  for (u32 i = 0; i < GRANULE_KINDS; i++)
    if (i != kind)
      to[count++] = in_state[i];
  to[count++] = value + 8;
  to[count++] = value + 0x800;
  to[count++] = value | 1UL << 63;
  return count;
}

/* Values that are not of the kind, made from one that is. */
static u32 wrong_values(const struct argument *argument, u64 *to) {
  u64 value = argument->value;
  u32 count = 0;
  if (argument->kind < GRANULE_KINDS)
    return wrong_granules(argument->kind, value, to);
  switch (argument->kind) {
  case PAGE:
  case PROTECTED:
  case UNPROTECTED:
    to[count++] = value + 8;
    to[count++] = value + 0x800;
    to[count++] = value | 1UL << REALM_IPA_BITS;
    to[count++] = value | 1UL << 63;
    if (argument->kind != PAGE)
      to[count++] = value ^ REALM_UNPROTECTED;
    break;
  case COVERED:
    to[count++] = value + 8;
    to[count++] = value + 0x1000;
    to[count++] = value | 1UL << REALM_IPA_BITS;
    to[count++] = value | 1UL << 63;
    break;
  case TABLE_LEVEL:
  case MAP_LEVEL:
    to[count++] = 1;
    __attribute__((fallthrough));
  case ENTRY_LEVEL:
    to[count++] = 0;
    to[count++] = 4;
    to[count++] = value | 1UL << 32;
    to[count++] = ~0UL;
    break;
  case FLAGS:
    to[count++] = value | 2;
    to[count++] = value | 1UL << 32;
    to[count++] = ~0UL;
    break;
  case MAPPING:
    to[count++] = value | 3;
    to[count++] = value | 1UL << 8;
    to[count++] = value | 1UL << 10;
    to[count++] = value | 1UL << 52;
    to[count++] = value | 1UL << 55;
    to[count++] = (value & ~0x1cUL) | 4 << 2;
    break;
  default:
    to[count++] = 1;
    to[count++] = PSCI_ALREADY_ON;
    to[count++] = PSCI_INVALID_PARAMETERS;
    to[count++] = 1UL << 32;
    break;
  }
  return count;
}

static u64 make_call(u32 number, const u64 *values) {
  return rmi(number, values[0], values[1], values[2], values[3], values[4]);
}

static void step(const char *name, u32 number, const struct argument *arguments, u32 count) {
  u64 right[5] = {0}, wrong[MAX_WRONG];
  char text[64];
  for (u32 i = 0; i < count; i++)
    right[i] = arguments[i].value;
  for (u32 i = 0; i < count; i++) {
    u64 values[5];
    memcpy(values, right, sizeof values);
    u32 ways = wrong_values(&arguments[i], wrong), refused = 0;
    for (u32 way = 0; way < ways; way++) {
      values[i] = wrong[way];
      u64 status = make_call(number, values);
      refused += status == RMI_ERROR_INPUT;
      if (status != RMI_ERROR_INPUT)
        printf("%s, argument %u is 0x%lx: status 0x%lx\n", name, i + 1, wrong[way], status);
    }
    snprintf(text, sizeof text, "%s: wrong argument %u is refused", name, i + 1);
    check(text, refused, ways);
  }
  check(name, make_call(number, right), RMI_SUCCESS);
}
#define STEP(name, ...) \
  step(#name, RMI_##name, (const struct argument[]){__VA_ARGS__}, sizeof((const struct argument[]){__VA_ARGS__}) / sizeof(struct argument))

/* A realm before its activation, and its end. */
static void young(void) {
  struct realm realm = {.rd = granule(), .rtt_base = delegated(), .rec = {delegated()}, .aux = {delegated()}};
  u64 rd = realm.rd, table = delegated(), pages = delegated(), data = delegated();
  STEP(GRANULE_DELEGATE, {HOST, rd});
  fill_params(&realm);
  params.vmid = 25;
  STEP(REALM_CREATE, {FREE, rd}, {HOST, (u64)&params});
  STEP(REC_AUX_COUNT, {IS_RD, rd});
  STEP(RTT_CREATE, {IS_RD, rd}, {FREE, table}, {COVERED, REALM_BASE}, {TABLE_LEVEL, 2});
  STEP(RTT_CREATE, {IS_RD, rd}, {FREE, pages}, {COVERED, REALM_BASE}, {TABLE_LEVEL, 3});
  STEP(RTT_INIT_RIPAS, {IS_RD, rd}, {PROTECTED, REALM_BASE}, {PROTECTED, REALM_BASE + 0x2000});
  STEP(DATA_CREATE, {IS_RD, rd}, {FREE, data}, {PROTECTED, REALM_BASE}, {HOST, (u64)shared_page}, {FLAGS, 1});
  check("RTT_INIT_RIPAS of a page that is assigned", rmi(RMI_RTT_INIT_RIPAS, rd, REALM_BASE, REALM_BASE + 0x1000, 0, 0), RTT_ERROR(3));

  static const u64 aux_counts[] = {0, 2, 16, 17, ~0UL};
  for (u32 i = 0; i < ARRAY_SIZE(aux_counts); i++) {
    fill_rec_params(0, realm.aux[0]);
    rec_params.num_aux = aux_counts[i];
    rec_params.aux[1] = table;
    check("REC_CREATE: count of auxiliary granules", rmi(RMI_REC_CREATE, rd, realm.rec[0], (u64)&rec_params, 0, 0), RMI_ERROR_INPUT);
  }
  fill_rec_params(0, realm.aux[0]);
  rec_params.flags = 2;
  check("REC_CREATE: reserved flags", rmi(RMI_REC_CREATE, rd, realm.rec[0], (u64)&rec_params, 0, 0), RMI_ERROR_INPUT);
  static const u64 mpidrs[] = {1, 0x10, 0x100, 1UL << 31, 1UL << 32};
  for (u32 i = 0; i < ARRAY_SIZE(mpidrs); i++) {
    fill_rec_params(mpidrs[i], realm.aux[0]);
    check("REC_CREATE: MPIDR", rmi(RMI_REC_CREATE, rd, realm.rec[0], (u64)&rec_params, 0, 0), RMI_ERROR_INPUT);
  }
  u64 aux_wrong[MAX_WRONG];
  u32 ways = wrong_granules(FREE, realm.aux[0], aux_wrong), refused = 0;
  for (u32 i = 0; i < ways; i++) {
    fill_rec_params(0, aux_wrong[i]);
    refused += rmi(RMI_REC_CREATE, rd, realm.rec[0], (u64)&rec_params, 0, 0) == RMI_ERROR_INPUT;
  }
  check("REC_CREATE: wrong auxiliary granule is refused", refused, ways);
  fill_rec_params(0, realm.aux[0]);
  STEP(REC_CREATE, {IS_RD, rd}, {FREE, realm.rec[0]}, {HOST, (u64)&rec_params});
  STEP(REALM_ACTIVATE, {IS_RD, rd});
  u64 aux = delegated();
  fill_rec_params(1, aux);
  check("REC_CREATE in an active realm", rmi(RMI_REC_CREATE, rd, delegated(), (u64)&rec_params, 0, 0), RMI_ERROR_REALM);
  check("  and its auxiliary granule is as before", rmi(RMI_GRANULE_UNDELEGATE, aux, 0, 0, 0, 0), RMI_SUCCESS);

  STEP(REC_DESTROY, {IS_REC, realm.rec[0]});
  STEP(DATA_DESTROY, {IS_RD, rd}, {PROTECTED, REALM_BASE});
  STEP(RTT_DESTROY, {IS_RD, rd}, {COVERED, REALM_BASE}, {TABLE_LEVEL, 3});
  check("RTT_DESTROY of level 2", rmi(RMI_RTT_DESTROY, rd, REALM_BASE, 2, 0, 0), RMI_SUCCESS);
  STEP(REALM_DESTROY, {IS_RD, rd});
  STEP(GRANULE_UNDELEGATE, {FREE, rd});
}

/* A realm that runs; `other`: one that has nothing to do with it. */
static void grown(const struct realm *other) {
  struct realm realm = puppet_make(26, 0, 2);
  u64 rd = realm.rd, page = REALM_BASE + 0x10000, block = REALM_BASE + 0x200000, mapped = REALM_UNPROTECTED + REALM_SHARED;
  STEP(DATA_CREATE_UNKNOWN, {IS_RD, rd}, {FREE, delegated()}, {PROTECTED, page});
  STEP(RTT_READ_ENTRY, {IS_RD, rd}, {PAGE, page}, {ENTRY_LEVEL, 3});
  STEP(DATA_DESTROY, {IS_RD, rd}, {PROTECTED, page});
  STEP(RTT_MAP_UNPROTECTED, {IS_RD, rd}, {UNPROTECTED, mapped}, {MAP_LEVEL, 3}, {MAPPING, DESCRIPTOR(shared_page)});
  STEP(RTT_UNMAP_UNPROTECTED, {IS_RD, rd}, {UNPROTECTED, mapped}, {MAP_LEVEL, 3});
  STEP(RTT_CREATE, {IS_RD, rd}, {FREE, delegated()}, {COVERED, block}, {TABLE_LEVEL, 3});
  STEP(RTT_FOLD, {IS_RD, rd}, {COVERED, block}, {TABLE_LEVEL, 3});

  runs[0].enter.gprs[0] = PUPPET_READ;
  runs[0].enter.gprs[1] = REALM_BASE;
  STEP(REC_ENTER, {IS_REC, realm.rec[0]}, {HOST, (u64)&runs[0]});
  check("  which ran", puppet_done(0), true);
  puppet_call(&realm, 0, RSI_FID(RSI_IPA_STATE_SET), page, page + 0x2000, RIPAS_RAM, 0);
  check("RTT_SET_RIPAS: a REC of another realm", rmi(RMI_RTT_SET_RIPAS, rd, other->rec[0], page, page + 0x2000, 0), RMI_ERROR_REC);
  STEP(RTT_SET_RIPAS, {IS_RD, rd}, {IS_REC, realm.rec[0]}, {PROTECTED, page}, {PROTECTED, page + 0x2000});
  puppet_resume(&realm, 0);
  puppet_call(&realm, 0, PSCI_CPU_ON_64, 1, REALM_BASE, PUPPET, 0);
  check("PSCI_COMPLETE: a REC of another realm", rmi(RMI_PSCI_COMPLETE, realm.rec[0], other->rec[0], 0, 0, 0), RMI_ERROR_INPUT);
  STEP(PSCI_COMPLETE, {IS_REC, realm.rec[0]}, {IS_REC, realm.rec[1]}, {ANSWER, PSCI_SUCCESS});
  puppet_resume(&realm, 0);
  puppet_unmake(&realm);
}

/* As many RECs as feature register 0 says, and no more. MPIDRs count as the specification has it: 16 in Aff0, 256 in Aff1. */
static void many_recs(void) {
  struct realm realm = {.rd = delegated(), .rtt_base = delegated()};
  fill_params(&realm);
  params.vmid = 27;
  check("REALM_CREATE", create(&realm), RMI_SUCCESS);
  rmi(RMI_FEATURES, 0, 0, 0, 0, 0);
  u64 most = 1UL << FIELD(out.x[1], 41, 38), made = 0;
  static u64 recs[512];
  for (; made < MIN(most, ARRAY_SIZE(recs)); made++) {
    fill_rec_params((made & 15) | made >> 4 << 8, delegated());
    recs[made] = delegated();
    if (rmi(RMI_REC_CREATE, realm.rd, recs[made], (u64)&rec_params, 0, 0))
      break;
  }
  check("as many RECs as RMM says", made, most);
  fill_rec_params((made & 15) | made >> 4 << 8, delegated());
  check("one REC more", rmi(RMI_REC_CREATE, realm.rd, delegated(), (u64)&rec_params, 0, 0), RMI_ERROR_REALM);
  check("REALM_DESTROY with RECs", rmi(RMI_REALM_DESTROY, realm.rd, 0, 0, 0, 0), RMI_ERROR_REALM);
  u64 left = 0;
  for (u64 i = 0; i < made; i++)
    left += rmi(RMI_REC_DESTROY, recs[i], 0, 0, 0, 0) != RMI_SUCCESS;
  check("REC_DESTROY of all", left, 0);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, realm.rd, 0, 0, 0, 0), RMI_SUCCESS);
}

void test_conditions(void) {
  struct realm other = puppet_make(24, 0, 1);
  read_entry(&other, REALM_BASE, 3);
  in_state[IS_DATA] = out.x[3];
  in_state[HOST] = granule();
  in_state[FREE] = delegated();
  in_state[IS_RD] = other.rd;
  in_state[IS_REC] = other.rec[0];
  in_state[IS_AUX] = other.aux[0];
  in_state[IS_RTT] = other.rtt_base;
  young();
  grown(&other);
  puppet_unmake(&other);
  many_recs();
}
