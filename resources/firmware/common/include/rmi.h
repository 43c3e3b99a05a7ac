/* Realm Management Interface and Realm Services Interface (DEN0137, 1.0 and the 1.1 MEC calls): numbers and layouts. */
#ifndef RMI_H
#define RMI_H

#include "types.h"

#define RMI_FID(n) (0xc4000150U + (n))
enum {
  RMI_VERSION = 0x00,
  RMI_GRANULE_DELEGATE = 0x01,
  RMI_GRANULE_UNDELEGATE = 0x02,
  RMI_DATA_CREATE = 0x03,
  RMI_DATA_CREATE_UNKNOWN = 0x04,
  RMI_DATA_DESTROY = 0x05,
  RMI_REALM_ACTIVATE = 0x07,
  RMI_REALM_CREATE = 0x08,
  RMI_REALM_DESTROY = 0x09,
  RMI_REC_CREATE = 0x0a,
  RMI_REC_DESTROY = 0x0b,
  RMI_REC_ENTER = 0x0c,
  RMI_RTT_CREATE = 0x0d,
  RMI_RTT_DESTROY = 0x0e,
  RMI_RTT_MAP_UNPROTECTED = 0x0f,
  RMI_RTT_READ_ENTRY = 0x11,
  RMI_RTT_UNMAP_UNPROTECTED = 0x12,
  RMI_PSCI_COMPLETE = 0x14,
  RMI_FEATURES = 0x15,
  RMI_RTT_FOLD = 0x16,
  RMI_REC_AUX_COUNT = 0x17,
  RMI_RTT_INIT_RIPAS = 0x18,
  RMI_RTT_SET_RIPAS = 0x19,
  RMI_MEC_SET_SHARED = 0x3c,
  RMI_MEC_SET_PRIVATE = 0x3d,
};

/* Status in bits [7:0] of x0, index in [15:8]. */
enum { RMI_SUCCESS, RMI_ERROR_INPUT, RMI_ERROR_REALM, RMI_ERROR_REC, RMI_ERROR_RTT };
#define RMI_STATUS(code) ((code) & 0xff)
#define RMI_INDEX(code) ((code) >> 8 & 0xff)
#define RMI_RESULT(status, index) ((u64)(status) | (u64)(index) << 8)

#define RMI_ABI_1_0 0x10000UL
#define RMI_ABI_1_1 0x10001UL

enum { RIPAS_EMPTY, RIPAS_RAM, RIPAS_DESTROYED };
enum { RMI_UNASSIGNED, RMI_ASSIGNED, RMI_TABLE };
enum { RMI_HASH_SHA256, RMI_HASH_SHA512 };

/* Feature register 0. */
#define RMI_FEATURE0_S2SZ(bits) ((u64)(bits))
#define RMI_FEATURE0_NUM_BPS(n) ((u64)(n) << 14)
#define RMI_FEATURE0_NUM_WPS(n) ((u64)(n) << 20)
#define RMI_FEATURE0_SHA256 BIT(32)
#define RMI_FEATURE0_SHA512 BIT(33)
#define RMI_FEATURE0_NUM_LRS(n) ((u64)(n) << 34)
#define RMI_FEATURE0_MAX_RECS_ORDER(n) ((u64)(n) << 38)

#define RMI_REALM_FLAG_LPA2 BIT(0)
#define RMI_REALM_FLAG_SVE BIT(1)
#define RMI_REALM_FLAG_PMU BIT(2)

/* realm_params: 4 KB. */
struct rmi_realm_params {
  u64 flags;
  u64 s2sz;
  u64 sve_vl;
  u64 num_bps;
  u64 num_wps;
  u64 pmu_num_ctrs;
  u64 hash_algo;
  u8 pad_38[0x400 - 0x38];
  u8 rpv[64];
  u8 pad_440[0x800 - 0x440];
  u16 vmid;
  u8 pad_802[6];
  u64 rtt_base;
  s64 rtt_level_start;
  u32 rtt_num_start;
  u32 pad_81c;
  u64 flags1;
  s64 mecid;
  u8 pad_830[0x1000 - 0x830];
};
static_assert(sizeof(struct rmi_realm_params) == 0x1000, "realm_params is one granule");

#define RMI_REC_FLAG_RUNNABLE BIT(0)

struct rmi_rec_params {
  u64 flags;
  u8 pad_8[0x100 - 8];
  u64 mpidr;
  u8 pad_108[0x200 - 0x108];
  u64 pc;
  u8 pad_208[0x300 - 0x208];
  u64 gprs[8];
  u8 pad_340[0x800 - 0x340];
  u64 num_aux;
  u64 aux[16];
  u8 pad_888[0x1000 - 0x888];
};
static_assert(sizeof(struct rmi_rec_params) == 0x1000, "rec_params is one granule");

#define REC_ENTRY_EMUL_MMIO BIT(0)
#define REC_ENTRY_INJECT_SEA BIT(1)
#define REC_ENTRY_TRAP_WFI BIT(2)
#define REC_ENTRY_TRAP_WFE BIT(3)
#define REC_ENTRY_RIPAS_RESPONSE BIT(4)

#define REC_GPRS 31
#define REC_LRS 16

struct rmi_rec_enter {
  u64 flags;
  u8 pad_8[0x200 - 8];
  u64 gprs[REC_GPRS];
  u8 pad_2f8[8];
  u64 gicv3_hcr;
  u64 gicv3_lrs[REC_LRS];
  u8 pad_388[0x800 - 0x388];
};

enum {
  RMI_EXIT_SYNC,
  RMI_EXIT_IRQ,
  RMI_EXIT_FIQ,
  RMI_EXIT_PSCI,
  RMI_EXIT_RIPAS_CHANGE,
  RMI_EXIT_HOST_CALL,
  RMI_EXIT_SERROR,
};

struct rmi_rec_exit {
  u64 reason;
  u8 pad_8[0x100 - 8];
  u64 esr;
  u64 far;
  u64 hpfar;
  u8 pad_118[0x200 - 0x118];
  u64 gprs[REC_GPRS];
  u8 pad_2f8[8];
  u64 gicv3_hcr;
  u64 gicv3_lrs[REC_LRS];
  u64 gicv3_misr;
  u64 gicv3_vmcr;
  u8 pad_398[0x400 - 0x398];
  u64 cntp_ctl;
  u64 cntp_cval;
  u64 cntv_ctl;
  u64 cntv_cval;
  u8 pad_420[0x500 - 0x420];
  u64 ripas_base;
  u64 ripas_top;
  u64 ripas_value;
  u8 pad_518[0x600 - 0x518];
  u64 imm;
  u8 pad_608[0x700 - 0x608];
  u64 pmu_ovf_status;
  u8 pad_708[0x800 - 0x708];
};

struct rmi_rec_run {
  struct rmi_rec_enter enter;
  struct rmi_rec_exit exit;
};
static_assert(sizeof(struct rmi_rec_run) == 0x1000, "rec_run is one granule");

#define RSI_FID(n) (0xc4000190U + (n))
enum {
  RSI_VERSION = 0x00,
  RSI_FEATURES = 0x01,
  RSI_MEASUREMENT_READ = 0x02,
  RSI_MEASUREMENT_EXTEND = 0x03,
  RSI_ATTESTATION_TOKEN_INIT = 0x04,
  RSI_ATTESTATION_TOKEN_CONTINUE = 0x05,
  RSI_REALM_CONFIG = 0x06,
  RSI_IPA_STATE_SET = 0x07,
  RSI_IPA_STATE_GET = 0x08,
  RSI_HOST_CALL = 0x09,
};
enum { RSI_SUCCESS, RSI_ERROR_INPUT, RSI_ERROR_STATE, RSI_INCOMPLETE, RSI_ERROR_UNKNOWN };
enum { RSI_ACCEPT, RSI_REJECT };
#define RSI_CHANGE_DESTROYED BIT(0)

#define RSI_HOST_CALL_GPRS 31
struct rsi_host_call {
  u16 imm;
  u8 pad_2[6];
  u64 gprs[RSI_HOST_CALL_GPRS];
};
static_assert(sizeof(struct rsi_host_call) == 0x100, "rsi_host_call is 256 bytes");

struct rsi_realm_config {
  u64 ipa_width;
  u64 hash_algo;
  u64 num_aux_planes;
  u64 gicv3_vtr;
  u64 ats_plane;
  u8 pad_28[0x200 - 0x28];
  u8 rpv[64];
  u8 pad_240[0x1000 - 0x240];
};
static_assert(sizeof(struct rsi_realm_config) == 0x1000, "realm_config is one granule");

#endif
