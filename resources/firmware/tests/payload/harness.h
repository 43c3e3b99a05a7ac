/* What the tests of the firmware share. */
#ifndef HARNESS_H
#define HARNESS_H

#include "lib.h"
#include "realm.h"

#define UART0 0x09000000UL
#define RMM_MEMORY 0x40200000UL
#define RTT_ERROR(level) RMI_RESULT(RMI_ERROR_RTT, level)

/* Counts, and prints one line. */
void check(const char *what, u64 actual, u64 expected);
extern u32 passed;
extern u32 failed;
void mmu_build(void);
void mmu_on(void);
/* An RMI call; registers after it are in out of the calling core. */
u64 rmi(u32 number, u64 a, u64 b, u64 c, u64 d, u64 e);
struct smc_result *rmi_out(void);
#define out (*rmi_out())
/* A fresh page; one that is delegated. */
u64 granule(void);
u64 delegated(void);
/* True if an undelegated page shows nothing of what it held; secret: what its first word was. */
bool wiped(u64 page, u64 secret);
/* 0, or the ESR of the data abort that the access met. Core 0 only. */
u64 probe_read(u64 address);
u64 probe_write(u64 address);
#define FAULT_CLASS(esr) FIELD(esr, 31, 26)
#define FAULT_STATUS(esr) FIELD(esr, 5, 0)

/* Granules given away and pages shared with RMM: plain memory behind the payload, twice. */
#define POOL 0x50000000UL
#define POOL_SIZE 0x01000000UL

/* Cores of the machine, as many as the tests use. */
#define MAX_CORES 4
u32 cores(void);
u32 core_index(void);
/* PPIs and SGIs, by a mask of INTIDs, may interrupt this core (and take it out of a realm); nobody acknowledges them. */
void interrupts_on(u64 intids);
/* Runs work(argument) on another core, and returns at once; wait for it to be off. PSCI's answer. */
u64 core_start(u32 core, void (*work)(u64), u64 argument);
void core_wait(u32 core);

/* A realm of the tests. */
struct realm {
  u64 rd;
  u64 rtt_base;
  u64 rec[2];
  u64 aux[2];
};
extern struct rmi_realm_params params;
extern struct rmi_rec_params rec_params;
extern struct rmi_rec_run runs[2];
extern u8 shared_page[4096];
extern u8 lost_page[4096];
extern u8 __realm_start[], __realm_end[];

void fill_params(const struct realm *realm);
void fill_rec_params(u64 mpidr, u64 aux);
/* A page of the host's as RTT_MAP_UNPROTECTED takes it: normal memory, read and write. */
#define DESCRIPTOR(page) ((u64)(page) | 6 << 2 | 3 << 6)
u64 create(const struct realm *realm);
u64 rtt_create(const struct realm *realm, u64 ipa, u64 level);
u64 read_entry(const struct realm *realm, u64 ipa, u64 level);

/* A realm that runs (REALM_BASE: image, data and buffer page), whose RECs do what they are told. Panics where it cannot be made. */
struct realm puppet_make(u16 vmid, s64 mecid, u32 recs);
/* Gives its memory back; its RECs must not run. */
void puppet_unmake(const struct realm *realm);
/* Enters a REC with an order (PUPPET_…), or with what runs[rec].enter says. Returns the reason of the exit, or ~status. */
u64 puppet_do(const struct realm *realm, u32 rec, u64 order, u64 a, u64 b);
u64 puppet_call(const struct realm *realm, u32 rec, u64 function, u64 a, u64 b, u64 c, u64 d);
u64 puppet_resume(const struct realm *realm, u32 rec);
/* True if the last order is done, with results in runs[rec].exit.gprs. */
bool puppet_done(u32 rec);
/* An order that comes back at once: x0, or a value that no call gives. */
#define PUPPET_LOST 0xdeadUL
u64 puppet_result(const struct realm *realm, u32 rec, u64 function, u64 a, u64 b, u64 c, u64 d);

void test_versions(void);
void test_granules(void);
void test_cores(void);
void test_mec(void);
void test_realm_create_errors(const struct realm *realm);
void test_tables(const struct realm *realm);
void test_recs(struct realm *realm);
void test_running(const struct realm *realm);
void test_teardown(const struct realm *realm);
void test_folding(void);
void test_shapes(void);
void test_contexts(void);
void test_services(void);
void test_memory_states(void);
void test_exits(void);
void test_signals(void);
void test_busy(void);
void test_conditions(void);

#endif
