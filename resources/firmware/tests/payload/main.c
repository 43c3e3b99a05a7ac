/*
 * The firmware's test host, at NS-EL2 in the place of a kernel: drives PSCI and RMI, runs a small realm, and checks each
 * answer. Prints a line for each check, then a summary; powers off.
 */
#include "lib.h"
#include "mmu.h"
#include "pl011.h"
#include "realm.h"

#define UART0 0x09000000UL
/* Granules to give away, and pages shared with RMM: plain memory behind the payload. */
#define POOL 0x50000000UL
#define RMM_MEMORY 0x40200000UL

static u32 passed;
static u32 failed;

static void check(const char *what, u64 actual, u64 expected) {
  if (actual == expected) {
    passed++;
    printf("PASS: %s\n", what);
  } else {
    failed++;
    printf("FAIL: %s: 0x%lx, expected 0x%lx\n", what, actual, expected);
  }
}

void panic_at(const char *file, int line, const char *format, ...) {
  printf("FAIL: %s:%d: %s\n", file, line, format);
  smc1(PSCI_SYSTEM_OFF, 0);
  for (;;)
    wfi();
}

void unexpected_exception(void) {
  printf("FAIL: exception at EL2: ESR 0x%lx ELR 0x%lx FAR 0x%lx\n", read_sysreg(esr_el2), read_sysreg(elr_el2), read_sysreg(far_el2));
  smc1(PSCI_SYSTEM_OFF, 0);
}

u64 probe_read(u64 address);
u64 probe_write(u64 address);
#define FAULT_CLASS(esr) FIELD(esr, 31, 26)
#define FAULT_STATUS(esr) FIELD(esr, 5, 0)

static u64 table_pool[4][512] __attribute__((aligned(4096)));
static u64 root_table[512] __attribute__((aligned(4096)));

static void mmu_on(void) {
  struct page_tables tables = {root_table, 1, table_pool, ARRAY_SIZE(table_pool), 0};
  u64 data = PTE_AF | PTE_AP1 | PTE_SH_INNER | PTE_ATTR(ATTR_NORMAL);
  mmu_map(&tables, 0, 0, 0x40000000, PTE_AF | PTE_AP1 | PTE_ATTR(ATTR_DEVICE) | PTE_XN);
  mmu_map(&tables, 0x40000000, 0x40000000, 0x40000000, data);
  write_sysreg(mair_el2, MAIR_VALUE);
  write_sysreg(tcr_el2, 25UL | 1UL << 8 | 1UL << 10 | 3UL << 12 | 2UL << 16 | BIT(23) | BIT(31));
  write_sysreg(ttbr0_el2, (u64)root_table);
  isb();
  __asm__ volatile("tlbi alle2");
  dsb(sy);
  isb();
  write_sysreg(sctlr_el2, 0x30c50830UL | BIT(0) | BIT(2) | BIT(12));
  isb();
}

static struct smc_result out;

static u64 rmi(u32 number, u64 a, u64 b, u64 c, u64 d, u64 e) {
  return smc(RMI_FID(number), a, b, c, d, e, 0, 0, &out);
}

static u64 next_granule = POOL;
static u64 granule(void) {
  u64 pa = next_granule;
  next_granule += 0x1000;
  return pa;
}
static u64 delegated(void) {
  u64 pa = granule();
  if (rmi(RMI_GRANULE_DELEGATE, pa, 0, 0, 0, 0))
    panic("a granule could not be delegated");
  return pa;
}

static struct rmi_realm_params params __attribute__((aligned(4096)));
static struct rmi_rec_params rec_params __attribute__((aligned(4096)));
static struct rmi_rec_run runs[2] __attribute__((aligned(4096)));
static u8 shared_page[4096] __attribute__((aligned(4096)));
static u8 lost_page[4096] __attribute__((aligned(4096)));
static bool lost_page_seen;

static void test_versions(void) {
  check("PSCI_VERSION", smc1(PSCI_VERSION, 0), 0x10001);
  check("PSCI_FEATURES(CPU_ON)", smc1(PSCI_FEATURES, PSCI_CPU_ON_64), 0);
  check("PSCI_FEATURES(unknown)", smc1(PSCI_FEATURES, 0x84000077), PSCI_NOT_SUPPORTED);
  check("SMCCC_VERSION", smc1(SMCCC_VERSION, 0), 0x10005);
  check("SMCCC_ARCH_FEATURES(SMCCC_ARCH_WORKAROUND_1)", smc1(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_1), SMC_NOT_SUPPORTED);
  check("RMI_VERSION 1.0", rmi(RMI_VERSION, RMI_ABI_1_0, 0, 0, 0, 0), RMI_SUCCESS);
  check("RMI_VERSION 1.0: lower", out.x[1], RMI_ABI_1_0);
  check("RMI_VERSION 1.0: higher", out.x[2], RMI_ABI_1_1);
  check("RMI_VERSION 2.0", rmi(RMI_VERSION, 0x20000, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("RMI_FEATURES 0", rmi(RMI_FEATURES, 0, 0, 0, 0, 0), RMI_SUCCESS);
  check("RMI_FEATURES 0: hash algorithms", FIELD(out.x[1], 33, 32), 3);
  check("RMI_FEATURES 0: address bits", FIELD(out.x[1], 7, 0), 48);
  check("RMI_FEATURES 99", rmi(RMI_FEATURES, 99, 0, 0, 0, 0), RMI_SUCCESS);
  check("RMI_FEATURES 99: value", out.x[1], 0);
  check("a call that RMI does not have", rmi(0x3f, 0, 0, 0, 0, 0), SMC_NOT_SUPPORTED);
  rmi(RMI_GRANULE_DELEGATE, 1, 2, 3, 4, 5);
  check("registers that are no results are kept", out.x[1] == 1 && out.x[2] == 2 && out.x[3] == 3 && out.x[4] == 4 && out.x[5] == 5, 1);
}

static void test_granules(void) {
  u64 pa = granule();
  *(volatile u64 *)pa = 0x5ec7e7;
  check("DELEGATE", rmi(RMI_GRANULE_DELEGATE, pa, 0, 0, 0, 0), RMI_SUCCESS);
  check("DELEGATE again", rmi(RMI_GRANULE_DELEGATE, pa, 0, 0, 0, 0), RMI_ERROR_INPUT);
  u64 esr = probe_read(pa);
  check("reading a delegated granule: data abort", FAULT_CLASS(esr), 0x25);
  check("reading a delegated granule: granule protection fault", FAULT_STATUS(esr), 0x28);
  check("writing a delegated granule: granule protection fault", FAULT_STATUS(probe_write(pa)), 0x28);
  check("UNDELEGATE", rmi(RMI_GRANULE_UNDELEGATE, pa, 0, 0, 0, 0), RMI_SUCCESS);
  check("reading it again", probe_read(pa), 0);
  check("it was wiped", *(volatile u64 *)pa, 0);
  check("UNDELEGATE again", rmi(RMI_GRANULE_UNDELEGATE, pa, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE unaligned", rmi(RMI_GRANULE_DELEGATE, pa + 8, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE a device", rmi(RMI_GRANULE_DELEGATE, UART0, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE outside memory", rmi(RMI_GRANULE_DELEGATE, 0x4000000000, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DELEGATE RMM's memory", rmi(RMI_GRANULE_DELEGATE, RMM_MEMORY, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("reading RMM's memory: fault", FAULT_STATUS(probe_read(RMM_MEMORY)), 0x28);
  check("reading the monitor's memory: fault", FAULT_STATUS(probe_read(0x0e000000)), 0x28);
}

/* A realm as it is made and unmade: what the tests below share. */
struct realm {
  u64 rd;
  u64 rtt_base;
  u64 rec[2];
  u64 aux[2];
};

static void fill_params(const struct realm *realm) {
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

static u64 create(const struct realm *realm) {
  return rmi(RMI_REALM_CREATE, realm->rd, (u64)&params, 0, 0, 0);
}

static void test_realm_create_errors(const struct realm *realm) {
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

static u64 rtt_create(const struct realm *realm, u64 ipa, u64 level) {
  u64 rtt = delegated();
  u64 status = rmi(RMI_RTT_CREATE, realm->rd, rtt, ipa, level, 0);
  if (status)
    rmi(RMI_GRANULE_UNDELEGATE, rtt, 0, 0, 0, 0);
  return status;
}

static u64 read_entry(const struct realm *realm, u64 ipa, u64 level) {
  return rmi(RMI_RTT_READ_ENTRY, realm->rd, ipa, level, 0, 0);
}

#define RTT_ERROR(level) RMI_RESULT(RMI_ERROR_RTT, level)

extern u8 __realm_start[], __realm_end[];

static void test_tables(const struct realm *realm) {
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

  u64 descriptor = (u64)shared_page | 6 << 2 | 3 << 6;
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

static u64 rec_create(const struct realm *realm, u32 index, u64 flags) {
  memset(&rec_params, 0, sizeof rec_params);
  rec_params.flags = flags;
  rec_params.mpidr = index;
  rec_params.pc = REALM_BASE;
  rec_params.gprs[0] = 0xabc;
  rec_params.num_aux = 1;
  rec_params.aux[0] = realm->aux[index];
  return rmi(RMI_REC_CREATE, realm->rd, realm->rec[index], (u64)&rec_params, 0, 0);
}

static void test_recs(struct realm *realm) {
  check("REC_AUX_COUNT", rmi(RMI_REC_AUX_COUNT, realm->rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("REC_AUX_COUNT: count", out.x[1], 1);
  check("REC_AUX_COUNT: no realm", rmi(RMI_REC_AUX_COUNT, (u64)&params, 0, 0, 0, 0), RMI_ERROR_INPUT);
  for (u32 i = 0; i < 2; i++) {
    realm->rec[i] = delegated();
    realm->aux[i] = delegated();
  }
  check("REC_CREATE: wrong MPIDR", rec_create(realm, 1, 0), RMI_ERROR_INPUT);
  u64 aux = realm->aux[0];
  realm->aux[0] = realm->rec[0];
  check("REC_CREATE: auxiliary granule is the REC", rec_create(realm, 0, 1), RMI_ERROR_INPUT);
  realm->aux[0] = (u64)&params;
  check("REC_CREATE: auxiliary granule not delegated", rec_create(realm, 0, 1), RMI_ERROR_INPUT);
  realm->aux[0] = aux;
  check("REC_CREATE: params unaligned", rmi(RMI_REC_CREATE, realm->rd, realm->rec[0], (u64)&rec_params + 8, 0, 0), RMI_ERROR_INPUT);
  check("REC_CREATE", rec_create(realm, 0, RMI_REC_FLAG_RUNNABLE), RMI_SUCCESS);
  check("REC_CREATE again", rec_create(realm, 0, RMI_REC_FLAG_RUNNABLE), RMI_ERROR_INPUT);
  check("REC_CREATE of a second one", rec_create(realm, 1, 0), RMI_SUCCESS);
  check("REC_ENTER before activation", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_RESULT(RMI_ERROR_REALM, 0));
  check("REALM_ACTIVATE: no realm", rmi(RMI_REALM_ACTIVATE, realm->rec[0], 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("REALM_ACTIVATE", rmi(RMI_REALM_ACTIVATE, realm->rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("REALM_ACTIVATE again", rmi(RMI_REALM_ACTIVATE, realm->rd, 0, 0, 0, 0), RMI_ERROR_REALM);
  check("DATA_CREATE in an active realm", rmi(RMI_DATA_CREATE, realm->rd, delegated(), REALM_BASE + 0x10000, (u64)&params, 0), RMI_ERROR_REALM);
  check("INIT_RIPAS in an active realm", rmi(RMI_RTT_INIT_RIPAS, realm->rd, REALM_BASE + 0x10000, REALM_BASE + 0x11000, 0, 0), RMI_ERROR_REALM);
  check("REC_ENTER: not runnable", rmi(RMI_REC_ENTER, realm->rec[1], (u64)&runs[1], 0, 0, 0), RMI_ERROR_REC);
  check("REC_ENTER: no REC", rmi(RMI_REC_ENTER, realm->rd, (u64)&runs[0], 0, 0, 0), RMI_ERROR_INPUT);
  check("REC_ENTER: run page delegated", rmi(RMI_REC_ENTER, realm->rec[0], realm->rd, 0, 0, 0), RMI_ERROR_INPUT);
  check("REC_ENTER: run page unaligned", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0] + 8, 0, 0, 0), RMI_ERROR_INPUT);
  runs[0].enter.gicv3_hcr = 1;
  check("REC_ENTER: interrupt control bits", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.gicv3_hcr = 0;
  runs[0].enter.gicv3_lrs[0] = 1UL << 62 | 1UL << 61 | 27;
  check("REC_ENTER: hardware interrupt in a list register", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.gicv3_lrs[0] = 0;
  runs[0].enter.flags = REC_ENTRY_EMUL_MMIO;
  check("REC_ENTER: answer to no access", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.flags = REC_ENTRY_INJECT_SEA;
  check("REC_ENTER: abort for no access", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_ERROR_REC);
  runs[0].enter.flags = 0;
}

#include "expected.h"

static bool run_rec(const struct realm *realm, u32 index);

static u64 esr_seen;
static u64 token_bytes;

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
    check("MAP_UNPROTECTED", rmi(RMI_RTT_MAP_UNPROTECTED, realm->rd, REALM_UNPROTECTED + REALM_LOST, 3, (u64)lost_page | 6 << 2 | 3 << 6, 0), RMI_SUCCESS);
    check("DELEGATE a page that is mapped", rmi(RMI_GRANULE_DELEGATE, (u64)lost_page, 0, 0, 0, 0), RMI_SUCCESS);
    break;
  case STEP_LOST:
    check("a page that was not the host's for a while: exit to the host, none in the realm", (u64)lost_page_seen << 8 | b, 1 << 8);
    check("a page that was not the host's for a while: wiped", a, 0);
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

static u64 mmio_writes;

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

static void destroy_data(const struct realm *realm, u64 ipa) {
  if (rmi(RMI_DATA_DESTROY, realm->rd, ipa, 0, 0, 0) == RMI_SUCCESS)
    rmi(RMI_GRANULE_UNDELEGATE, out.x[1], 0, 0, 0, 0);
}

static void destroy_table(const struct realm *realm, u64 ipa, u64 level) {
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm->rd, ipa, level, 0, 0), RMI_SUCCESS);
  check("UNDELEGATE the table", rmi(RMI_GRANULE_UNDELEGATE, out.x[1], 0, 0, 0, 0), RMI_SUCCESS);
}

static void test_teardown(const struct realm *realm) {
  u64 rd = realm->rd;
  check("REC_ENTER after SYSTEM_OFF", rmi(RMI_REC_ENTER, realm->rec[0], (u64)&runs[0], 0, 0, 0), RMI_RESULT(RMI_ERROR_REALM, 1));
  check("REC_DESTROY: no REC", rmi(RMI_REC_DESTROY, rd, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("DATA_DESTROY of nothing", rmi(RMI_DATA_DESTROY, rd, REALM_BASE + 0x6000, 0, 0, 0), RTT_ERROR(3));
  check("DATA_DESTROY: next live page", out.x[2], REALM_EXTRA);
  check("DATA_DESTROY: unprotected", rmi(RMI_DATA_DESTROY, rd, REALM_UNPROTECTED, 0, 0, 0), RMI_ERROR_INPUT);
  check("DATA_DESTROY", rmi(RMI_DATA_DESTROY, rd, REALM_BASE, 0, 0, 0), RMI_SUCCESS);
  u64 data = out.x[1];
  check("DATA_DESTROY: next live page", out.x[2], REALM_BASE + 0x1000);
  check("RIPAS is destroyed", (read_entry(realm, REALM_BASE, 3), out.x[4]), RIPAS_DESTROYED);
  check("UNDELEGATE the page", rmi(RMI_GRANULE_UNDELEGATE, data, 0, 0, 0, 0), RMI_SUCCESS);
  check("nothing of the realm is left in it", *(volatile u64 *)data | *(volatile u64 *)(data + 0x800), 0);
  for (u64 page = 1; page < 6; page++)
    destroy_data(realm, REALM_BASE + page * 0x1000);
  destroy_data(realm, REALM_EXTRA);
  check("UNMAP_UNPROTECTED", rmi(RMI_RTT_UNMAP_UNPROTECTED, rd, REALM_UNPROTECTED + REALM_SHARED, 3, 0, 0), RMI_SUCCESS);
  check("UNMAP_UNPROTECTED", rmi(RMI_RTT_UNMAP_UNPROTECTED, rd, REALM_UNPROTECTED + REALM_LOST, 3, 0, 0), RMI_SUCCESS);
  check("RTT_DESTROY: level not there", rmi(RMI_RTT_DESTROY, rd, REALM_BASE + 0x200000, 3, 0, 0), RTT_ERROR(2));
  destroy_table(realm, REALM_BASE, 3);
  destroy_table(realm, REALM_BASE, 2);
  destroy_table(realm, REALM_UNPROTECTED, 3);
  destroy_table(realm, REALM_UNPROTECTED, 2);
  check("REALM_DESTROY with RECs", rmi(RMI_REALM_DESTROY, rd, 0, 0, 0, 0), RMI_ERROR_REALM);
  for (u32 i = 0; i < 2; i++) {
    check("REC_DESTROY", rmi(RMI_REC_DESTROY, realm->rec[i], 0, 0, 0, 0), RMI_SUCCESS);
    check("UNDELEGATE the REC", rmi(RMI_GRANULE_UNDELEGATE, realm->rec[i], 0, 0, 0, 0), RMI_SUCCESS);
    check("UNDELEGATE its auxiliary granule", rmi(RMI_GRANULE_UNDELEGATE, realm->aux[i], 0, 0, 0, 0), RMI_SUCCESS);
  }
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("UNDELEGATE the RD", rmi(RMI_GRANULE_UNDELEGATE, rd, 0, 0, 0, 0), RMI_SUCCESS);
  check("UNDELEGATE the start table", rmi(RMI_GRANULE_UNDELEGATE, realm->rtt_base, 0, 0, 0, 0), RMI_SUCCESS);
}

/* Folding: 512 pages that lie together become a block, and the block 512 pages again. */
static void test_folding(void) {
  struct realm realm = {.rd = delegated(), .rtt_base = delegated()};
  fill_params(&realm);
  params.vmid = 6;
  params.hash_algo = RMI_HASH_SHA512;
  check("REALM_CREATE with SHA-512", create(&realm), RMI_SUCCESS);
  check("REALM_CREATE: VMID in use", (params.rtt_base = delegated(), rmi(RMI_REALM_CREATE, delegated(), (u64)&params, 0, 0, 0)), RMI_ERROR_INPUT);
  rtt_create(&realm, 0, 2);
  rtt_create(&realm, 0, 3);
  u64 block = 0x60000000;
  rmi(RMI_RTT_INIT_RIPAS, realm.rd, 0, 0x200000, 0, 0);
  u64 bad = 0;
  for (u64 i = 0; i < 512; i++) {
    bad |= rmi(RMI_GRANULE_DELEGATE, block + i * 0x1000, 0, 0, 0, 0);
    bad |= rmi(RMI_DATA_CREATE_UNKNOWN, realm.rd, block + i * 0x1000, i * 0x1000, 0, 0);
  }
  check("512 pages", bad, 0);
  check("RTT_FOLD: level 2 has nothing to fold into", rmi(RMI_RTT_FOLD, realm.rd, 0, 2, 0, 0), RTT_ERROR(2));
  check("RTT_FOLD", rmi(RMI_RTT_FOLD, realm.rd, 0, 3, 0, 0), RMI_SUCCESS);
  u64 folded = out.x[1];
  check("RTT_READ_ENTRY of the block", read_entry(&realm, 0, 3), RMI_SUCCESS);
  check("the block: level, state, address", out.x[1] << 60 | out.x[2] << 56 | out.x[3], 2UL << 60 | 1UL << 56 | block);
  check("DATA_DESTROY of a block", rmi(RMI_DATA_DESTROY, realm.rd, 0, 0, 0, 0), RTT_ERROR(2));
  check("RTT_CREATE splits it", rmi(RMI_RTT_CREATE, realm.rd, folded, 0, 3, 0), RMI_SUCCESS);
  check("RTT_READ_ENTRY of the last page", read_entry(&realm, 0x1ff000, 3), RMI_SUCCESS);
  check("the last page's address", out.x[3], block + 0x1ff000);
  for (u64 i = 0; i < 512; i++) {
    bad |= rmi(RMI_DATA_DESTROY, realm.rd, i * 0x1000, 0, 0, 0);
    bad |= rmi(RMI_GRANULE_UNDELEGATE, block + i * 0x1000, 0, 0, 0, 0);
  }
  check("512 pages given back", bad, 0);
  check("RTT_FOLD of destroyed pages", rmi(RMI_RTT_FOLD, realm.rd, 0, 3, 0, 0), RMI_SUCCESS);
  check("RIPAS of the fold", (read_entry(&realm, 0, 3), out.x[1] << 8 | out.x[4]), 2 << 8 | RIPAS_DESTROYED);
  check("RTT_DESTROY", rmi(RMI_RTT_DESTROY, realm.rd, 0, 2, 0, 0), RMI_SUCCESS);
  check("REALM_DESTROY", rmi(RMI_REALM_DESTROY, realm.rd, 0, 0, 0, 0), RMI_SUCCESS);
}

static volatile u64 second_core_saw;
extern u8 secondary_start[];

void secondary_main(u64 context) {
  mmu_on();
  struct smc_result result;
  u64 status = smc(RMI_FID(RMI_FEATURES), 0, 0, 0, 0, 0, 0, 0, &result);
  second_core_saw = context + status;
  dsb(sy);
  smc1(PSCI_CPU_OFF, 0);
}

static void test_second_core(void) {
  check("AFFINITY_INFO of core 1: off", smc(PSCI_AFFINITY_INFO_64, 1, 0, 0, 0, 0, 0, 0, NULL), 1);
  check("CPU_ON of a core that is not there", smc(PSCI_CPU_ON_64, 0x500, (u64)secondary_start, 0, 0, 0, 0, 0, NULL), PSCI_INVALID_PARAMETERS);
  check("CPU_ON of this core", smc(PSCI_CPU_ON_64, 0, (u64)secondary_start, 0, 0, 0, 0, 0, NULL), PSCI_ALREADY_ON);
  for (u64 round = 1; round <= 2; round++) {
    second_core_saw = 0;
    dsb(sy);
    check("CPU_ON", smc(PSCI_CPU_ON_64, 1, (u64)secondary_start, 0x55 * round, 0, 0, 0, 0, NULL), PSCI_SUCCESS);
    while (smc(PSCI_AFFINITY_INFO_64, 1, 0, 0, 0, 0, 0, 0, NULL) != 1) {
    }
    check("core 1 ran, its RMM answers, and it is off again", second_core_saw, 0x55 * round);
  }
}

static void test_mec(void) {
  rmi(RMI_FEATURES, 1, 0, 0, 0, 0);
  u64 max = out.x[1];
  if (!has_mec()) {
    check("RMI_FEATURES 1: no MECIDs", max, 0);
    check("MEC_SET_SHARED without FEAT_MEC", rmi(RMI_MEC_SET_SHARED, 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
    check("MEC_SET_PRIVATE without FEAT_MEC", rmi(RMI_MEC_SET_PRIVATE, 0, 0, 0, 0, 0), RMI_ERROR_INPUT);
    return;
  }
  printf("MECIDs: 0 to %lu\n", max);
  check("MEC_SET_SHARED: there is a shared one", rmi(RMI_MEC_SET_SHARED, 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("MEC_SET_PRIVATE: not the shared one", rmi(RMI_MEC_SET_PRIVATE, 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
  check("MEC_SET_PRIVATE", rmi(RMI_MEC_SET_PRIVATE, 0, 0, 0, 0, 0), RMI_SUCCESS);
  check("MEC_SET_SHARED", rmi(RMI_MEC_SET_SHARED, 0, 0, 0, 0, 0), RMI_SUCCESS);
  check("MEC_SET_PRIVATE: too large", rmi(RMI_MEC_SET_PRIVATE, max + 1, 0, 0, 0, 0), RMI_ERROR_INPUT);
}

/* The virtual timer's interrupt (INTID 27) takes the core out of a realm; the host never acknowledges it. */
static void gic_on(void) {
  volatile u32 *sgi_base = (volatile u32 *)0x080b0000UL;
  sgi_base[0x100 / 4] = BIT(27);
  write_sysreg(SYS_ICC_PMR_EL1, 0xff);
  write_sysreg(SYS_ICC_IGRPEN1_EL1, 1);
  isb();
}

void test_main(u64 device_tree) {
  console_init(UART0);
  mmu_on();
  gic_on();
  printf("Firmware tests at EL%lu\n", read_sysreg(currentel) >> 2);
  check("x0: device tree", device_tree, 0x40000000);
  printf("Realm image: 0x%lx to 0x%lx\n", (u64)__realm_start, (u64)__realm_end);
  test_versions();
  test_granules();
  test_second_core();
  test_mec();
  struct realm realm = {.rd = delegated(), .rtt_base = delegated()};
  test_realm_create_errors(&realm);
  fill_params(&realm);
  check("REALM_CREATE", create(&realm), RMI_SUCCESS);
  check("REALM_CREATE again", create(&realm), RMI_ERROR_INPUT);
  *(volatile u64 *)shared_page = 0x0123456789abcdef;
  test_tables(&realm);
  test_recs(&realm);
  /* The host's own registers must come back from a realm: SIMD, debug, EL1. */
  write_sysreg(cptr_el2, 0x32ff & ~0x1100UL);
  isb();
  u64 simd;
  __asm__ volatile(".arch_extension fp\n fmov d9, %0" : : "r"(0x4242));
  write_sysreg(dbgbvr0_el1, 0x2000);
  write_sysreg(vbar_el1, 0x3000);
  check("the realm runs until its SYSTEM_OFF", run_rec(&realm, 0), 1);
  __asm__ volatile("fmov %0, d9" : "=r"(simd));
  check("the host's SIMD registers are kept", simd, 0x4242);
  check("the host's breakpoint registers are kept", read_sysreg(dbgbvr0_el1), 0x2000);
  check("the host's EL1 registers are kept", read_sysreg(vbar_el1), 0x3000);
  check("one device write was emulated", mmio_writes, 1);
  test_teardown(&realm);
  test_folding();
  printf("%u passed, %u failed\n", passed, failed);
  smc1(PSCI_SYSTEM_OFF, 0);
}
