/* Realms: feature registers, creation, activation, destruction. */
#include "rmm.h"

#define MAX_VMIDS 65536
#define MAX_IPA_BITS 48
#define MIN_IPA_BITS 32
#define MAX_START_TABLES 16
#define MAX_RECS_ORDER 9

static u64 vmids[MAX_VMIDS / 64];

u32 hardware_breakpoints(void) {
  return (u32)FIELD(read_sysreg(id_aa64dfr0_el1), 15, 12);
}

u32 hardware_watchpoints(void) {
  return (u32)FIELD(read_sysreg(id_aa64dfr0_el1), 23, 20);
}

static u32 pa_bits(void) {
  static const u8 bits[] = {32, 36, 40, 42, 44, 48, 52, 56};
  u64 range = FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0);
  return range < sizeof bits ? bits[range] : 48;
}

static u32 max_ipa_bits(void) {
  return MIN(pa_bits(), (u32)MAX_IPA_BITS);
}

u64 feature_register(u64 index) {
  switch (index) {
  case 0:
    return RMI_FEATURE0_S2SZ(max_ipa_bits()) | RMI_FEATURE0_NUM_BPS(hardware_breakpoints()) |
           RMI_FEATURE0_NUM_WPS(hardware_watchpoints()) | RMI_FEATURE0_SHA256 | RMI_FEATURE0_SHA512 |
           RMI_FEATURE0_NUM_LRS(gic_list_registers() - 1) | RMI_FEATURE0_MAX_RECS_ORDER(MAX_RECS_ORDER);
  case 1:
    return mec_max();
  default:
    return 0;
  }
}

static bool vmid_take(u32 vmid) {
  bool wide = FIELD(read_sysreg(id_aa64mmfr1_el1), 7, 4) == 2;
  if (vmid >= (wide ? 65536U : 256U))
    return false;
  u64 bit = 1UL << (vmid % 64);
  return !(__atomic_fetch_or(&vmids[vmid / 64], bit, __ATOMIC_ACQ_REL) & bit);
}

static void vmid_give(u32 vmid) {
  __atomic_fetch_and(&vmids[vmid / 64], ~(1UL << (vmid % 64)), __ATOMIC_ACQ_REL);
}

/* Start level and number of concatenated start tables must be those of the IPA width (Arm ARM D8.2). */
static bool start_level_valid(u64 ipa_bits, s64 level, u64 tables) {
  if (level < 0 || level > 2)
    return false;
  u64 shift = 12 + 9 * (3 - (u64)level);
  /* With level 0 as start the input must exceed what level 1 with 16 tables can hold nothing of: one bit at least. */
  if (ipa_bits <= shift)
    return false;
  u64 index_bits = ipa_bits - shift;
  u64 needed = index_bits <= 9 ? 1 : 1UL << (index_bits - 9);
  return needed <= MAX_START_TABLES && tables == needed;
}

static bool params_supported(const struct rmi_realm_params *params) {
  /* LPA2, SVE, PMU and device assignment are not offered in the feature registers. */
  if (params->flags || params->flags1)
    return false;
  if (params->s2sz < MIN_IPA_BITS || params->s2sz > max_ipa_bits())
    return false;
  if (params->hash_algo != RMI_HASH_SHA256 && params->hash_algo != RMI_HASH_SHA512)
    return false;
  if (params->num_bps > hardware_breakpoints() || params->num_wps > hardware_watchpoints())
    return false;
  return start_level_valid(params->s2sz, params->rtt_level_start, params->rtt_num_start) &&
         IS_ALIGNED(params->rtt_base, GRANULE_SIZE * params->rtt_num_start);
}

/* VTCR_EL2: write-back inner-shareable walks, 4 KB granule, 16-bit VMIDs where they exist; bit 31 is RES1. */
static u64 vtcr_of(const struct rd *rd) {
  u64 ps = MIN(FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0), 5UL);
  u64 wide_vmid = FIELD(read_sysreg(id_aa64mmfr1_el1), 7, 4) == 2;
  u64 sl0 = 2 - rd->s2_start_level;
  return (64UL - rd->ipa_bits) | sl0 << 6 | 1UL << 8 | 1UL << 10 | 3UL << 12 | ps << 16 | wide_vmid << 19 | BIT(31);
}

u64 rmi_realm_create(u64 rd_pa, u64 params_pa) {
  struct rmi_realm_params *params = (struct rmi_realm_params *)(void *)this_cpu()->run;
  if (!IS_ALIGNED(params_pa, GRANULE_SIZE) || !ns_read(params, params_pa, sizeof *params) || !params_supported(params))
    return RMI_ERROR_INPUT;
  u64 tables = params->rtt_num_start;
  /* The realm's descriptor, then its start tables. */
  u64 pas[1 + MAX_START_TABLES] = {rd_pa};
  for (u64 i = 0; i < tables; i++)
    pas[1 + i] = params->rtt_base + i * GRANULE_SIZE;
  if (!granules_lock(pas, (u32)(1 + tables), GRANULE_DELEGATED))
    return RMI_ERROR_INPUT;
  u32 mecid = 0;
  if (!vmid_take(params->vmid))
    goto unlock;
  if (params->mecid < 0 || !mec_take((u64)params->mecid, &mecid)) {
    vmid_give(params->vmid);
    goto unlock;
  }
  struct rd *rd = rd_at(rd_pa);
  zero_granule(rd);
  rd->state = REALM_NEW;
  rd->s2_start_level = (u32)params->rtt_level_start;
  rd->s2_start_tables = (u32)tables;
  rd->ipa_bits = (u32)params->s2sz;
  rd->rtt_base = params->rtt_base;
  rd->vmid = params->vmid;
  rd->mecid = mecid;
  rd->hash_algo = (u32)params->hash_algo;
  rd->num_bps = (u32)params->num_bps;
  rd->num_wps = (u32)params->num_wps;
  rd->vttbr = params->rtt_base | (u64)params->vmid << 48;
  rd->vtcr = vtcr_of(rd);
  memcpy(rd->rpv, params->rpv, sizeof rd->rpv);
  measure_realm(rd, params);
  rtt_init_start_tables(rd);
  for (u64 i = 0; i <= tables; i++)
    granule_of(pas[i])->references = 0;
  granules_unlock_to(pas + 1, (u32)tables, GRANULE_RTT);
  granules_unlock_to(pas, 1, GRANULE_RD);
  return RMI_SUCCESS;

unlock:
  granules_unlock_to(pas, (u32)(1 + tables), GRANULE_DELEGATED);
  return RMI_ERROR_INPUT;
}

u64 rmi_realm_activate(u64 rd_pa) {
  struct granule *granule = granule_lock(rd_pa, GRANULE_RD);
  if (!granule)
    return RMI_ERROR_INPUT;
  struct rd *rd = rd_at(rd_pa);
  u64 status = rd->state == REALM_NEW ? RMI_SUCCESS : RMI_ERROR_REALM;
  if (status == RMI_SUCCESS)
    rd->state = REALM_ACTIVE;
  granule_unlock(granule);
  return status;
}

u64 rmi_realm_destroy(u64 rd_pa) {
  struct granule *granule = granule_lock(rd_pa, GRANULE_RD);
  if (!granule)
    return RMI_ERROR_INPUT;
  struct rd *rd = rd_at(rd_pa);
  bool live = granule->references != 0;
  for (u32 i = 0; i < rd->s2_start_tables; i++)
    live |= granule_of(rd->rtt_base + i * GRANULE_SIZE)->references != 0;
  if (live) {
    granule_unlock(granule);
    return RMI_ERROR_REALM;
  }
  /* Host memory may still be mapped at the start level; nothing of the VMID may stay in a TLB. */
  write_sysreg(vttbr_el2, rd->vttbr);
  isb();
  __asm__ volatile("tlbi vmalls12e1is" : : : "memory");
  dsb(ish);
  isb();
  for (u32 i = 0; i < rd->s2_start_tables; i++) {
    u64 pa = rd->rtt_base + i * GRANULE_SIZE;
    mec_clean(pa);
    struct granule *table = granule_lock(pa, GRANULE_RTT);
    granule_unlock_to(table, GRANULE_DELEGATED);
  }
  vmid_give(rd->vmid);
  mec_give(rd->mecid);
  granule_unlock_to(granule, GRANULE_DELEGATED);
  return RMI_SUCCESS;
}
