/*
 * SMC calls: convention (DEN0028), PSCI 1.1 (DEN0022) and the interface between RMM and EL3.
 * Function identifiers are 32-bit; results -1 .. are signed.
 */
#ifndef SMCCC_H
#define SMCCC_H

#include "types.h"

#define SMCCC_VERSION 0x80000000U
#define SMCCC_ARCH_FEATURES 0x80000001U
#define SMCCC_ARCH_SOC_ID 0x80000002U
#define SMCCC_ARCH_FEATURE_AVAILABILITY 0x80000003U
#define SMCCC_ARCH_FEATURE_AVAILABILITY_64 0xc0000003U
#define SMCCC_ARCH_WORKAROUND_1 0x80008000U
#define SMCCC_ARCH_WORKAROUND_2 0x80007fffU
#define SMCCC_ARCH_WORKAROUND_3 0x80003fffU
#define SMC_NOT_SUPPORTED (~0UL)
#define SMC_INVALID_PARAMETER ((u64)-3)

/*
 * Trireme's monitor, where the machine has the fw_cfg file opt/trireme/inspect ("on"): reads 32 bytes of memory past
 * granule protection. x1: address, a multiple of 32; x2: INSPECT_; x3: MECID. Answers x0 = 0 and x1 - x4.
 */
#define TRIREME_INSPECT 0xc7000001U
/* As Non-secure, with granule protection checks off. */
#define INSPECT_UNCHECKED 0
/* As Realm, with a MECID. */
#define INSPECT_REALM 1

#define PSCI_VERSION 0x84000000U
#define PSCI_CPU_SUSPEND_32 0x84000001U
#define PSCI_CPU_SUSPEND_64 0xc4000001U
#define PSCI_CPU_OFF 0x84000002U
#define PSCI_CPU_ON_32 0x84000003U
#define PSCI_CPU_ON_64 0xc4000003U
#define PSCI_AFFINITY_INFO_32 0x84000004U
#define PSCI_AFFINITY_INFO_64 0xc4000004U
#define PSCI_MIGRATE_INFO_TYPE 0x84000006U
#define PSCI_SYSTEM_OFF 0x84000008U
#define PSCI_SYSTEM_RESET 0x84000009U
#define PSCI_FEATURES 0x8400000aU

#define PSCI_SUCCESS 0UL
#define PSCI_NOT_SUPPORTED ((u64)-1)
#define PSCI_INVALID_PARAMETERS ((u64)-2)
#define PSCI_DENIED ((u64)-3)
#define PSCI_ALREADY_ON ((u64)-4)
#define PSCI_ON_PENDING ((u64)-5)
#define PSCI_INTERNAL_FAILURE ((u64)-6)
#define PSCI_INVALID_ADDRESS ((u64)-9)

/* RMM to EL3. */
#define RMM_RMI_REQ_COMPLETE 0xc400018fU
#define RMM_GTSI_DELEGATE 0xc40001b0U
#define RMM_GTSI_UNDELEGATE 0xc40001b1U
#define RMM_ATTEST_GET_REALM_KEY 0xc40001b2U
#define RMM_ATTEST_GET_PLAT_TOKEN 0xc40001b3U
#define RMM_EL3_FEATURES 0xc40001b4U
#define RMM_EL3_TOKEN_SIGN 0xc40001b5U
#define RMM_MEC_REFRESH 0xc40001b6U
#define RMM_RESERVE_MEMORY 0xc40001bbU
#define RMM_BOOT_COMPLETE 0xc40001cfU

#define E_RMM_OK 0UL
#define E_RMM_UNK ((u64)-1)
#define E_RMM_BAD_ADDR ((u64)-2)
#define E_RMM_BAD_PAS ((u64)-3)
#define E_RMM_NOMEM ((u64)-4)
#define E_RMM_INVAL ((u64)-5)

/* RMM's answers at boot: 0 or a negative number. */
#define E_RMM_BOOT_UNKNOWN ((u64)-1)
#define E_RMM_BOOT_VERSION_MISMATCH ((u64)-2)
#define E_RMM_BOOT_CPUS_OUT_OF_RANGE ((u64)-3)
#define E_RMM_BOOT_CPU_ID ((u64)-4)
#define E_RMM_BOOT_INVALID_SHARED_BUFFER ((u64)-5)
#define E_RMM_BOOT_MANIFEST_VERSION ((u64)-6)
#define E_RMM_BOOT_MANIFEST_DATA ((u64)-7)

#define VERSION_MAKE(major, minor) (((u64)(major) << 16) | (minor))
#define VERSION_MAJOR(v) (((v) >> 16) & 0x7fff)
#define VERSION_MINOR(v) ((v) & 0xffff)

/* The RMM-EL3 interface this monitor offers and the least this RMM asks for. */
#define RMM_EL3_VERSION VERSION_MAKE(0, 8)
#define RMM_EL3_VERSION_NEEDED VERSION_MAKE(0, 6)

/* Boot manifest, version 0.5: little-endian, at the start of the shared 4 KB buffer. */
#define MANIFEST_VERSION VERSION_MAKE(0, 5)

struct manifest_bank {
  u64 base;
  u64 size;
};

/* The 64-bit sum of count, pointer, checksum and of all words of the entries is 0. */
struct manifest_list {
  u64 count;
  u64 entries;
  u64 checksum;
};

struct manifest_console {
  u64 base;
  u64 map_pages;
  char name[8];
  u64 clock_hz;
  u64 baud_rate;
  u64 flags;
};

/* What Trireme's monitor tells Trireme's RMM beyond the interface; another RMM passes it by. */
#define PLATFORM_DATA_MAGIC 0x454d495245524954UL
#define PLATFORM_DATA_LOG_ALL 1UL
struct platform_data {
  u64 magic;
  u64 flags;
};

struct manifest {
  u32 version;
  u32 padding;
  u64 platform_data;
  struct manifest_list dram;
  struct manifest_list consoles;
  struct manifest_list device_memory_noncoherent;
  struct manifest_list device_memory_coherent;
  struct manifest_list smmus;
  struct manifest_list root_complexes;
};

struct smc_result {
  u64 x[8];
};

/* SMC with up to seven arguments; returns x0 and fills result, if given, with x0 .. x7. */
u64 smc(u64 function, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5, u64 x6, u64 x7, struct smc_result *result);
#define smc1(f, a) smc(f, a, 0, 0, 0, 0, 0, 0, 0)

#endif
