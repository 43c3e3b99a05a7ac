/* Making a realm: parameters, translation tables, memory. */
#include "harness.h"

void fill_params(const struct realm *realm) {
  memset(&params, 0, sizeof params);
  params.s2sz = REALM_IPA_BITS;
  params.hash_algo = RMI_HASH_SHA256;
  params.vmid = 5;
  params.rtt_base = realm->rtt_base;
  params.rtt_level_start = 1;
  params.rtt_num_start = 1;
  params.rpv[0] = 0x42;
  params.rpv[63] = 0x24;
}

u64 create(const struct realm *realm) {
  return rmi(RMI_REALM_CREATE, realm->rd, (u64)&params, 0, 0, 0);
}

void test_realm_create_errors(const struct realm *realm) {
  fill_params(realm);
  check("REALM_CREATE: params unaligned", rmi(RMI_REALM_CREATE, realm->rd, (u64)&params + 8, 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_CREATE: params outside memory", rmi(RMI_REALM_CREATE, realm->rd, 0x9000000, 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_CREATE: params delegated", rmi(RMI_REALM_CREATE, realm->rd, realm->rtt_base, 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_CREATE: rd not delegated", rmi(RMI_REALM_CREATE, (u64)&runs[0], (u64)&params, 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_CREATE: rd is the table", rmi(RMI_REALM_CREATE, realm->rtt_base, (u64)&params, 0, 0, 0), RMI_ERROR_INPUT);
#define BAD(field, value, what) \
  fill_params(realm); \
  params.field = value; \
  check("REALM_CREATE: " what, create(realm), RMI_ERROR_INPUT)
  BAD(hash_algo, 7, "hash algorithm");
  BAD(s2sz, 60, "too many address bits");
  BAD(s2sz, 20, "too few address bits");
  BAD(rtt_level_start, 3, "start level");
  BAD(rtt_level_start, -1, "negative start level");
  BAD(rtt_num_start, 2, "number of start tables");
  BAD(rtt_base, realm->rtt_base + 8, "unaligned tables");
  BAD(rtt_base, (u64)&runs[0], "tables not delegated");
  BAD(flags, RMI_REALM_FLAG_LPA2, "LPA2");
  BAD(flags, RMI_REALM_FLAG_SVE, "SVE");
  BAD(flags, RMI_REALM_FLAG_PMU, "PMU");
  BAD(num_bps, 63, "too many breakpoints");
  BAD(num_wps, 63, "too many watchpoints");
  if (has_mec()) {
    BAD(mecid, 65535, "MECID");
  }
}

u64 rtt_create(const struct realm *realm, u64 ipa, u64 level) {
  u64 rtt = delegated();
  u64 status = rmi(RMI_RTT_CREATE, realm->rd, rtt, ipa, level, 0);
  if (status)
    rmi(RMI_GRANULE_UNDELEGATE, rtt, 0, 0, 0, 0);
  return status;
}

u64 read_entry(const struct realm *realm, u64 ipa, u64 level) {
  return rmi(RMI_RTT_READ_ENTRY, realm->rd, ipa, level, 0, 0);
}

void test_tables(const struct realm *realm) {
  u64 rd = realm->rd;
  u64 rtt = delegated();
  check("RTT_CREATE: rd is no realm", rmi(RMI_RTT_CREATE, rtt, rtt, REALM_BASE, 2, 0), RMI_ERROR_INPUT);
  check("RTT_CREATE: start level", rmi(RMI_RTT_CREATE, rd, rtt, REALM_BASE, 1, 0), RMI_ERROR_INPUT);
  check("RTT_CREATE: level 4", rmi(RMI_RTT_CREATE, rd, rtt, REALM_BASE, 4, 0), RMI_ERROR_INPUT);
  check("RTT_CREATE: unaligned IPA", rmi(RMI_RTT_CREATE, rd, rtt, REALM_BASE + 0x1000, 2, 0), RMI_ERROR_INPUT);
  check("RTT_CREATE: IPA too large", rmi(RMI_RTT_CREATE, rd, rtt, 1UL << REALM_IPA_BITS, 2, 0), RMI_ERROR_INPUT);
  check("RTT_CREATE: table not delegated", rmi(RMI_RTT_CREATE, rd, (u64)&params, REALM_BASE, 2, 0), RMI_ERROR_INPUT);
  check("RTT_CREATE: missing level 2", rmi(RMI_RTT_CREATE, rd, rtt, REALM_BASE, 3, 0), RTT_ERROR(1));
  check("RTT_CREATE level 2", rmi(RMI_RTT_CREATE, rd, rtt, REALM_BASE, 2, 0), RMI_SUCCESS);
  check("RTT_CREATE again", rtt_create(realm, REALM_BASE, 2), RTT_ERROR(1));
  check("RTT_CREATE level 3", rtt_create(realm, REALM_BASE, 3), RMI_SUCCESS);
  check("RTT_READ_ENTRY of a table", read_entry(realm, REALM_BASE, 2), RMI_SUCCESS);
  check("RTT_READ_ENTRY: state", out.x[2], RMI_TABLE);
  check("RTT_READ_ENTRY unaligned", read_entry(realm, REALM_BASE + 8, 3), RMI_ERROR_INPUT);
  check("RTT_READ_ENTRY below the start level", read_entry(realm, REALM_BASE, 0), RMI_ERROR_INPUT);
  check("RTT_READ_ENTRY of nothing", read_entry(realm, REALM_BASE, 3), RMI_SUCCESS);
  check("RTT_READ_ENTRY: level, state, RIPAS", out.x[1] << 16 | out.x[2] << 8 | out.x[4], 3 << 16 | RMI_UNASSIGNED << 8 | RIPAS_EMPTY);
  check("INIT_RIPAS: empty range", rmi(RMI_RTT_INIT_RIPAS, rd, REALM_BASE, REALM_BASE, 0, 0), RMI_ERROR_INPUT);
  check("INIT_RIPAS: unprotected", rmi(RMI_RTT_INIT_RIPAS, rd, REALM_UNPROTECTED, REALM_UNPROTECTED + 0x1000, 0, 0), RMI_ERROR_INPUT);
  check("INIT_RIPAS: too shallow", rmi(RMI_RTT_INIT_RIPAS, rd, REALM_BASE + 0x200000, REALM_BASE + 0x201000, 0, 0), RTT_ERROR(2));
  check("INIT_RIPAS", rmi(RMI_RTT_INIT_RIPAS, rd, REALM_BASE, REALM_BASE + 0x6000, 0, 0), RMI_SUCCESS);
  check("INIT_RIPAS: top", out.x[1], REALM_BASE + 0x6000);
  u64 data = delegated();
  u64 source = (u64)__realm_start;
  check("DATA_CREATE: source not the host's", rmi(RMI_DATA_CREATE, rd, data, REALM_BASE, rd, 1), RMI_ERROR_INPUT);
  check("DATA_CREATE: unprotected", rmi(RMI_DATA_CREATE, rd, data, REALM_UNPROTECTED, source, 1), RMI_ERROR_INPUT);
  check("DATA_CREATE: data not delegated", rmi(RMI_DATA_CREATE, rd, source, REALM_BASE, source, 1), RMI_ERROR_INPUT);
  check("DATA_CREATE: no level 3", rmi(RMI_DATA_CREATE, rd, data, REALM_BASE + 0x200000, source, 1), RTT_ERROR(2));
  check("DATA_CREATE", rmi(RMI_DATA_CREATE, rd, data, REALM_BASE, source, 1), RMI_SUCCESS);
  check("DATA_CREATE again", rmi(RMI_DATA_CREATE, rd, delegated(), REALM_BASE, source, 1), RTT_ERROR(3));
  check("UNDELEGATE realm memory", rmi(RMI_GRANULE_UNDELEGATE, data, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("RTT_READ_ENTRY of data", read_entry(realm, REALM_BASE, 3), RMI_SUCCESS);
  check("RTT_READ_ENTRY: state, RIPAS", out.x[2] << 8 | out.x[4], RMI_ASSIGNED << 8 | RIPAS_RAM);
  check("RTT_READ_ENTRY: address", out.x[3], data);
  for (u64 page = 1; page < REALM_IMAGE_PAGES; page++) {
    bool image = source + page * 0x1000 < (u64)__realm_end;
    u64 status = rmi(RMI_DATA_CREATE, rd, delegated(), REALM_BASE + page * 0x1000, image ? source + page * 0x1000 : (u64)shared_page, image);
    if (status)
      check("DATA_CREATE of the image", status, RMI_SUCCESS);
  }
  check("DATA_CREATE_UNKNOWN", rmi(RMI_DATA_CREATE_UNKNOWN, rd, delegated(), REALM_BASE + REALM_DATA, 0, 0), RMI_SUCCESS);
  check("DATA_CREATE_UNKNOWN: unprotected", rmi(RMI_DATA_CREATE_UNKNOWN, rd, delegated(), REALM_UNPROTECTED, 0, 0), RMI_ERROR_INPUT);
  check("DATA_CREATE_UNKNOWN", rmi(RMI_DATA_CREATE_UNKNOWN, rd, delegated(), REALM_BASE + REALM_BUFFER, 0, 0), RMI_SUCCESS);
  check("RTT_DESTROY of a live table", rmi(RMI_RTT_DESTROY, rd, REALM_BASE, 3, 0, 0), RTT_ERROR(3));
  check("RTT_FOLD of a mixed table", rmi(RMI_RTT_FOLD, rd, REALM_BASE, 3, 0, 0), RTT_ERROR(3));
  check("REALM_DESTROY of a live realm", rmi(RMI_REALM_DESTROY, rd, 0, 0, 0, 0), RMI_ERROR_REALM);

  u64 descriptor = DESCRIPTOR(shared_page);
  check("MAP_UNPROTECTED: protected IPA", rmi(RMI_RTT_MAP_UNPROTECTED, rd, REALM_BASE, 3, descriptor, 0), RMI_ERROR_INPUT);
  check("MAP_UNPROTECTED: level 1", rmi(RMI_RTT_MAP_UNPROTECTED, rd, REALM_UNPROTECTED, 1, descriptor, 0), RMI_ERROR_INPUT);
  check("MAP_UNPROTECTED: bad descriptor", rmi(RMI_RTT_MAP_UNPROTECTED, rd, REALM_UNPROTECTED, 3, descriptor | 1, 0), RMI_ERROR_INPUT);
  check("MAP_UNPROTECTED: no table", rmi(RMI_RTT_MAP_UNPROTECTED, rd, REALM_UNPROTECTED + REALM_SHARED, 3, descriptor, 0), RTT_ERROR(1));
  rtt_create(realm, REALM_UNPROTECTED, 2);
  rtt_create(realm, REALM_UNPROTECTED, 3);
  check("MAP_UNPROTECTED", rmi(RMI_RTT_MAP_UNPROTECTED, rd, REALM_UNPROTECTED + REALM_SHARED, 3, descriptor, 0), RMI_SUCCESS);
  check("MAP_UNPROTECTED again", rmi(RMI_RTT_MAP_UNPROTECTED, rd, REALM_UNPROTECTED + REALM_SHARED, 3, descriptor, 0), RTT_ERROR(3));
  check("RTT_READ_ENTRY of host memory", read_entry(realm, REALM_UNPROTECTED + REALM_SHARED, 3), RMI_SUCCESS);
  check("RTT_READ_ENTRY: descriptor", out.x[3], descriptor);
  check("UNMAP_UNPROTECTED of nothing", rmi(RMI_RTT_UNMAP_UNPROTECTED, rd, REALM_UNPROTECTED, 3, 0, 0), RTT_ERROR(3));
  check("UNMAP_UNPROTECTED: next mapping", out.x[1], REALM_UNPROTECTED + REALM_SHARED);
}
