/* The Realm Management Monitor's parts, as they see each other. */
#ifndef RMM_H
#define RMM_H

#include "cpu.h"
#include "rmi.h"
#include "smccc.h"

#define RMM_VERSION "0.1.0"
#define GRANULE_SIZE 4096UL

/* ---- memory.c: RMM's own translation; all DRAM is mapped thrice ---- */
#define ALIAS_MEC (1UL << 39)
#define ALIAS_NS (2UL << 39)

struct memory_bank {
  u64 base;
  u64 size;
  /* Index of the bank's first granule. */
  u64 first;
};
#define MAX_BANKS 4
extern struct memory_bank banks[MAX_BANKS];
extern u32 bank_count;

void memory_map(u64 console);
void memory_enable(void);
/* Overwrites a granule with zeros through the given address. */
void zero_granule(void *granule);

/* Host memory: size is a multiple of 8; false if any of it is not (or no longer) Non-secure memory in one granule. */
bool ns_read(void *to, u64 pa, u64 size);
bool ns_write(u64 pa, const void *from, u64 size);

/* ---- granule.c ---- */
enum granule_state {
  GRANULE_UNDELEGATED,
  GRANULE_DELEGATED,
  GRANULE_RD,
  GRANULE_REC,
  GRANULE_REC_AUX,
  GRANULE_DATA,
  GRANULE_RTT,
  /* RMM's own memory. */
  GRANULE_RMM,
};

struct granule {
  /* State in bits [7:0], lock in bit 31: one word, so that waiting for a lock ends when the state is another. */
  u32 word;
  /* RD: RECs and RTTs; REC: 1 while it runs; RTT: live entries. */
  u32 references;
};

void granules_init(struct granule *table);
/* NULL if pa is not the base of a granule of DRAM. */
struct granule *granule_of(u64 pa);
enum granule_state granule_state(const struct granule *granule);
/* Locks the granule at pa if it is in the state; else NULL. Waits only while another core has it locked in that state. */
struct granule *granule_lock(u64 pa, enum granule_state state);
/*
 * Several that are in one state: all or none, each named once. They are locked in the order of their addresses, so that two
 * cores which name the same ones do not wait for each other.
 */
#define MAX_LOCKED 17
bool granules_lock(const u64 *pas, u32 count, enum granule_state state);
void granules_unlock_to(const u64 *pas, u32 count, enum granule_state state);
void granule_unlock(struct granule *granule);
void granule_unlock_to(struct granule *granule, enum granule_state state);

u64 rmi_granule_delegate(u64 pa);
u64 rmi_granule_undelegate(u64 pa);

/* ---- mec.c: memory encryption contexts ---- */
void mec_init_cpu(void);
bool mec_present(void);
/* Largest MECID a host may name; 0 without FEAT_MEC. */
u64 mec_max(void);
bool mec_set_shared(u64 mecid);
bool mec_set_private(u64 mecid);
/* Takes the context the host named for a realm; false if it cannot have it. *internal is the MECID registers hold. */
bool mec_take(u64 mecid, u32 *internal);
void mec_give(u32 internal);
/* A granule of realm memory as this realm's context shows it, valid until the next call on this core. */
void *mec_map(u32 internal, u64 pa);
/* Zeroes a granule under the scrub context and cleans it to the point of encryption. */
void mec_scrub(u64 pa);
void mec_clean(u64 pa);
void mec_leave(void);

/* ---- realm.c ---- */
enum realm_state { REALM_NEW, REALM_ACTIVE, REALM_SYSTEM_OFF };

#define MEASUREMENTS 5
#define MEASUREMENT_SIZE 64

struct rd {
  enum realm_state state;
  u32 s2_start_level;
  u32 s2_start_tables;
  u32 ipa_bits;
  u64 rtt_base;
  u64 rec_count;
  u32 vmid;
  u32 mecid;
  u32 hash_algo;
  u32 num_bps;
  u32 num_wps;
  u64 vttbr;
  u64 vtcr;
  u8 measurement[MEASUREMENTS][MEASUREMENT_SIZE];
  u8 rpv[64];
};

u64 feature_register(u64 index);
u32 hardware_breakpoints(void);
u32 hardware_watchpoints(void);
u64 rmi_realm_create(u64 rd, u64 params);
u64 rmi_realm_activate(u64 rd);
u64 rmi_realm_destroy(u64 rd);

static inline struct rd *rd_at(u64 pa) {
  return (struct rd *)pa;
}
static inline bool ipa_in_range(const struct rd *rd, u64 ipa) {
  return ipa >> rd->ipa_bits == 0;
}
/* The lower half of the IPA space is protected. */
static inline bool ipa_is_protected(const struct rd *rd, u64 ipa) {
  return ipa >> (rd->ipa_bits - 1) == 0;
}

/* ---- rtt.c, data.c ---- */
struct rtt_walk {
  u64 *table;
  u64 table_pa;
  u32 index;
  u32 level;
};
/* Down to level at most, or the last table there is. The realm's lock is held. */
struct rtt_walk rtt_walk(const struct rd *rd, u64 ipa, u32 level);
u64 rmi_rtt_create(u64 rd, u64 rtt, u64 ipa, u64 level);
u64 rmi_rtt_destroy(u64 rd, u64 ipa, u64 level, u64 *out);
u64 rmi_rtt_fold(u64 rd, u64 ipa, u64 level, u64 *out);
u64 rmi_rtt_map_unprotected(u64 rd, u64 ipa, u64 level, u64 descriptor);
u64 rmi_rtt_unmap_unprotected(u64 rd, u64 ipa, u64 level, u64 *out);
u64 rmi_rtt_read_entry(u64 rd, u64 ipa, u64 level, u64 *out);
u64 rmi_rtt_init_ripas(u64 rd, u64 base, u64 top, u64 *out);
u64 rmi_rtt_set_ripas(u64 rd, u64 rec, u64 base, u64 top, u64 *out);
u64 rmi_data_create(u64 rd, u64 data, u64 ipa, u64 src, u64 flags);
u64 rmi_data_create_unknown(u64 rd, u64 data, u64 ipa);
u64 rmi_data_destroy(u64 rd, u64 ipa, u64 *out);
/* Fills a start table of a new realm. */
void rtt_init_start_tables(const struct rd *rd);

/* RIPAS of the entry that covers a protected IPA, and the end of the range that has it, at most top. */
u32 rtt_ripas(const struct rd *rd, u64 ipa, u64 top, u64 *end);
/* What an access to an IPA by the realm's RSI calls meets. */
enum rtt_access { ACCESS_OK, ACCESS_EMPTY, ACCESS_ABORT };
enum rtt_access rtt_data_at(const struct rd *rd, u64 ipa, u64 *pa, u32 *level);

/* ---- measurement.c ---- */
void hash_of(u32 algorithm, const void *data, u64 size, u8 digest[MEASUREMENT_SIZE]);
u32 hash_size(u32 algorithm);
void measure_realm(struct rd *rd, const struct rmi_realm_params *params);
void measure_data(struct rd *rd, u64 ipa, const void *content, u64 flags);
void measure_rec(struct rd *rd, const struct rmi_rec_params *params);
void measure_ripas(struct rd *rd, u64 base, u64 top);
void measurement_extend(struct rd *rd, u32 index, const u8 *value, u64 size);

/* ---- rec.c, rec_run.c, realm_psci.c, … ---- */
#define REC_AUX_GRANULES 1

struct rec {
  /* x0 - x30: first, entry.S and rec_run.c use it. */
  u64 x[31];
  u64 pc;
  u64 pstate;
  struct el1_registers el1;
  struct debug_registers debug;
  struct simd_registers simd;
  struct gic_registers gic;
  u64 rd;
  u64 aux[REC_AUX_GRANULES];
  u64 mpidr;
  bool runnable;
  /* CNTHCTL_EL2 masks of the timers that had fired at the last exit. */
  u64 timers_told;
  /* How the last entry ended, as far as the next one must know. */
  bool exit_is_abort;
  bool exit_is_sysreg_read;
  u64 exit_esr;
  u64 exit_far;
  u64 exit_ipa;
  /* A call that waits for the host. */
  bool psci_pending;
  bool host_call_pending;
  u64 host_call_ipa;
  /* RSI_IPA_STATE_SET; base == top: none. */
  u64 ripas_base;
  u64 ripas_next;
  u64 ripas_top;
  u32 ripas_value;
  bool ripas_change_destroyed;
};
static_assert(sizeof(struct rec) <= GRANULE_SIZE, "a REC is one granule");

static inline struct rec *rec_at(u64 pa) {
  return (struct rec *)pa;
}

/* A REC's place in its realm, by its MPIDR (RmiRecMpidr): Aff0 is four bits wide, the others eight. */
#define MPIDR_MASK 0xffffff0fUL
u64 rec_index(u64 mpidr);
void rec_reset(struct rec *rec, u64 pc, u64 x0);
u64 rmi_rec_aux_count(u64 rd, u64 *out);
u64 rmi_rec_create(u64 rd, u64 rec, u64 params);
u64 rmi_rec_destroy(u64 rec);
u64 rmi_rec_enter(u64 rec, u64 run);
u64 rmi_psci_complete(u64 calling, u64 target, u64 status);

/* What the realm does next after RMM dealt with an exit. */
enum after_exit { RESUME_REALM, RETURN_TO_HOST };

/* An SMC of the realm (rsi.c, realm_psci.c). */
enum after_exit realm_smc(struct rec *rec, struct rmi_rec_exit *exit);
enum after_exit realm_psci(struct rec *rec, struct rmi_rec_exit *exit, u32 function);
/* Writes a host call's answer into the realm; RETURN_TO_HOST if its buffer is gone. */
enum after_exit host_call_complete(struct rec *rec, const struct rmi_rec_enter *enter, struct rmi_rec_exit *exit);
/* An abort (rec_abort.c). */
enum after_exit realm_abort(struct rec *rec, struct rmi_rec_exit *exit, u64 esr);
/* The host's answer to the abort of the last exit; false if it has no right to give it. */
bool abort_complete(struct rec *rec, const struct rmi_rec_enter *enter, bool *inject_sea);
/* A trapped system register access (sysreg.c). */
enum after_exit realm_sysreg(struct rec *rec, struct rmi_rec_exit *exit, u64 esr);

/* Exceptions given to the realm (inject.c); they change pc and the current EL1 registers. */
#define FSC_SEA 0x10UL
void inject_abort(struct rec *rec, bool instruction, u64 far, u64 fsc);
void inject_undef(struct rec *rec);

/* Lazy state of the realm that runs on this core (lazy.c). */
/* False in streaming mode, which would give other registers; what it keeps besides no realm can reach. */
bool simd_enterable(void);
void simd_start(void);
void simd_use(struct rec *rec);
void simd_stop(struct rec *rec);
void debug_start(struct rec *rec);
void debug_use(struct rec *rec);
void debug_stop(struct rec *rec);

/* gic.c */
void gic_init(void);
u32 gic_list_registers(void);
bool gic_entry_valid(const struct rmi_rec_enter *enter);
void gic_enter(struct rec *rec, const struct rmi_rec_enter *enter);
void gic_leave(struct rec *rec, struct rmi_rec_exit *exit);
/* The exit of an entry that did not get as far as the realm. */
void gic_not_entered(const struct rec *rec, const struct rmi_rec_enter *enter, struct rmi_rec_exit *exit);

/* timer.c */
void timer_enter(struct rec *rec);
void timer_leave(struct rec *rec, struct rmi_rec_exit *exit);
void timer_not_entered(struct rec *rec, struct rmi_rec_exit *exit);

/* attestation.c; offsets and sizes in bytes. The token is built in the REC's auxiliary granule. */
u64 attestation_token_init(struct rec *rec, const struct rd *rd, const u8 challenge[64], u64 *size);
/* Copies what fits; *done false: the caller comes again. *interrupted: an interrupt waits, nothing was copied. */
u64 attestation_token_continue(struct rec *rec, u8 *to, u64 size, u64 *copied, bool *interrupted);
/* The page EL3 and RMM exchange data in (boot.c). */
u8 *shared_buffer(void);

/* ---- handler.c ---- */
/* All calls, or those that RMM users are used to see. */
extern bool log_everything;
/* Versions of RMI and RSI: out[1] and out[2] are the lower and the higher revision; false if the requested one is not there. */
bool abi_version(u64 requested, u64 *out);
void handle_rmi(const u64 *request, u64 *answer);
static inline bool is_psci(u32 function) {
  return (function & 0xbfffffe0U) == 0x84000000U;
}
void log_rsi(u32 function, const u64 *arguments, const u64 *result, bool answered);

#endif
