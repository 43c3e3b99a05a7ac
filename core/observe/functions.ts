/**
 * Functions called by SMC and HVC: SMCCC (DEN0028), PSCI (DEN0022), the Realm Management Interface and Realm Services Interface
 * (DEN0137, 1.0 and 1.1), and the interface between RMM and EL3 (TF-A, version 0.8). A row: number, name, arguments, results.
 */

export type Service = 'smccc' | 'psci' | 'rmi' | 'rsi' | 'el3' | 'other';

export interface CallFunction {
  readonly name: string;
  readonly service: Service;
  /** Names of X1 and on. */
  readonly arguments: readonly string[];
  /** Names of X1 and on, when it succeeded. */
  readonly results: readonly string[];
  /** X0 is a value and no status. */
  readonly plain?: boolean;
}

type Row = readonly [number: number, name: string, args?: string, results?: string];

const RMI: readonly Row[] = [
  [0x150, 'VERSION', 'req', 'lower higher'],
  [0x151, 'GRANULE_DELEGATE', 'addr'],
  [0x152, 'GRANULE_UNDELEGATE', 'addr'],
  [0x153, 'DATA_CREATE', 'rd data ipa src flags'],
  [0x154, 'DATA_CREATE_UNKNOWN', 'rd data ipa'],
  [0x155, 'DATA_DESTROY', 'rd ipa', 'data top'],
  [0x156, 'PDEV_AUX_COUNT', 'flags', 'count'],
  [0x157, 'REALM_ACTIVATE', 'rd'],
  [0x158, 'REALM_CREATE', 'rd params_ptr'],
  [0x159, 'REALM_DESTROY', 'rd'],
  [0x15a, 'REC_CREATE', 'rd rec params_ptr'],
  [0x15b, 'REC_DESTROY', 'rec'],
  [0x15c, 'REC_ENTER', 'rec run_ptr'],
  [0x15d, 'RTT_CREATE', 'rd rtt ipa level'],
  [0x15e, 'RTT_DESTROY', 'rd ipa level', 'rtt top'],
  [0x15f, 'RTT_MAP_UNPROTECTED', 'rd ipa level desc'],
  [0x160, 'VDEV_AUX_COUNT', 'pdev_flags vdev_flags', 'count'],
  [0x161, 'RTT_READ_ENTRY', 'rd ipa level', 'walk_level state desc ripas'],
  [0x162, 'RTT_UNMAP_UNPROTECTED', 'rd ipa level', 'top'],
  [0x163, 'RTT_DEV_MEM_VALIDATE', 'rd rec base top', 'out_top'],
  [0x164, 'PSCI_COMPLETE', 'calling_rec target_rec status'],
  [0x165, 'FEATURES', 'index', 'value'],
  [0x166, 'RTT_FOLD', 'rd ipa level', 'rtt'],
  [0x167, 'REC_AUX_COUNT', 'rd', 'count'],
  [0x168, 'RTT_INIT_RIPAS', 'rd base top', 'out_top'],
  [0x169, 'RTT_SET_RIPAS', 'rd rec base top', 'out_top'],
  [0x172, 'DEV_MEM_MAP', 'rd ipa level addr'],
  [0x173, 'DEV_MEM_UNMAP', 'rd ipa level', 'pa top'],
  [0x17d, 'RTT_AUX_CREATE', 'rd rtt ipa level index'],
  [0x17e, 'RTT_AUX_DESTROY', 'rd ipa level index', 'rtt top'],
  [0x17f, 'RTT_AUX_FOLD', 'rd ipa level index', 'rtt'],
  [0x18b, 'RTT_SET_S2AP', 'rd rec base top', 'out_top rtt_tree'],
  [0x18c, 'MEC_SET_SHARED', 'mecid'],
  [0x18d, 'MEC_SET_PRIVATE', 'mecid'],
  [0x1f1, 'GRANULE_RANGE_DELEGATE', 'base top', 'next'],
  [0x1f2, 'GRANULE_RANGE_UNDELEGATE', 'base top', 'next'],
  [0x1f5, 'RTT_DATA_MAP', 'rd base top flags oaddr', 'next'],
  [0x1f6, 'RTT_DATA_UNMAP', 'rd base top flags oaddr', 'out_top range count'],
  [0x1fb, 'RTT_UNPROT_MAP', 'rd base top flags oaddr', 'next'],
  [0x1fc, 'RTT_UNPROT_UNMAP', 'rd base top flags oaddr', 'top range count'],
  [0x201, 'REALM_TERMINATE', 'rd'],
  [0x202, 'RMM_ACTIVATE'],
  [0x203, 'OP_CONTINUE', 'handle flags', 'handle donate_req'],
  [0x208, 'OP_MEM_DONATE', 'handle list count', 'consumed req'],
  [0x209, 'OP_MEM_RECLAIM', 'handle list count', 'written'],
  [0x20a, 'OP_CANCEL', 'handle'],
];

const RSI: readonly Row[] = [
  [0x190, 'VERSION', 'req', 'lower higher'],
  [0x191, 'FEATURES', 'index', 'value'],
  [0x192, 'MEASUREMENT_READ', 'index', 'm0 m1 m2 m3 m4 m5 m6 m7'],
  [0x193, 'MEASUREMENT_EXTEND', 'index size v0 v1 v2 v3 v4 v5'],
  [0x194, 'ATTESTATION_TOKEN_INIT', 'c0 c1 c2 c3 c4 c5 c6 c7', 'max_size'],
  [0x195, 'ATTESTATION_TOKEN_CONTINUE', 'addr offset size', 'len'],
  [0x196, 'REALM_CONFIG', 'addr'],
  [0x197, 'IPA_STATE_SET', 'base top ripas flags', 'new_base response'],
  [0x198, 'IPA_STATE_GET', 'base top', 'top ripas'],
  [0x199, 'HOST_CALL', 'addr'],
  [0x1a3, 'PLANE_ENTER', 'plane run'],
];

const EL3: readonly Row[] = [
  [0x1b0, 'RMM_GTSI_DELEGATE', 'addr'],
  [0x1b1, 'RMM_GTSI_UNDELEGATE', 'addr'],
  [0x1b2, 'RMM_ATTEST_GET_REALM_KEY', 'buffer size curve', 'size'],
  [0x1b3, 'RMM_ATTEST_GET_PLAT_TOKEN', 'buffer size hash_size', 'size remaining'],
  [0x1b4, 'RMM_EL3_FEATURES', 'index', 'value'],
  [0x1b5, 'RMM_EL3_TOKEN_SIGN', 'opcode buffer size'],
  [0x1b6, 'RMM_MEC_REFRESH', 'mecid reason'],
  [0x1bb, 'RMM_RESERVE_MEMORY', 'size flags', 'addr'],
  [0x1cf, 'RMM_BOOT_COMPLETE', 'status token'],
];

const PSCI: readonly Row[] = [
  [0, 'VERSION'],
  [1, 'CPU_SUSPEND', 'power_state entry context'],
  [2, 'CPU_OFF'],
  [3, 'CPU_ON', 'target entry context'],
  [4, 'AFFINITY_INFO', 'target level'],
  [5, 'MIGRATE', 'target'],
  [6, 'MIGRATE_INFO_TYPE'],
  [7, 'MIGRATE_INFO_UP_CPU'],
  [8, 'SYSTEM_OFF'],
  [9, 'SYSTEM_RESET'],
  [10, 'FEATURES', 'function'],
  [11, 'CPU_FREEZE'],
  [12, 'CPU_DEFAULT_SUSPEND', 'entry context'],
  [13, 'NODE_HW_STATE', 'target level'],
  [14, 'SYSTEM_SUSPEND', 'entry context'],
  [15, 'SET_SUSPEND_MODE', 'mode'],
  [18, 'SYSTEM_RESET2', 'type cookie'],
];
/** Whose X0 is no status. */
const PSCI_VALUES = new Set(['VERSION', 'AFFINITY_INFO', 'MIGRATE_INFO_TYPE', 'MIGRATE_INFO_UP_CPU', 'FEATURES']);

const SMCCC: readonly Row[] = [
  [0x80000000, 'SMCCC_VERSION'],
  [0x80000001, 'SMCCC_ARCH_FEATURES', 'function'],
  [0x80000002, 'SMCCC_ARCH_SOC_ID', 'kind'],
  [0x80000003, 'SMCCC_ARCH_FEATURE_AVAILABILITY', 'register'],
  [0xc0000003, 'SMCCC_ARCH_FEATURE_AVAILABILITY', 'register'],
  [0x80008000, 'SMCCC_ARCH_WORKAROUND_1'],
  [0x80007fff, 'SMCCC_ARCH_WORKAROUND_2'],
  [0x80003fff, 'SMCCC_ARCH_WORKAROUND_3', 'site'],
  [0x84000050, 'TRNG_VERSION'],
  [0x84000051, 'TRNG_FEATURES', 'function'],
  [0x84000052, 'TRNG_GET_UUID'],
  [0x84000053, 'TRNG_RND', 'bits'],
  [0xc4000053, 'TRNG_RND', 'bits'],
  [0x8600ff01, 'VENDOR_HYP_UID'],
  [0x86000000, 'VENDOR_HYP_FEATURES'],
];

/** By which RMM answers: it is no call, but the return of one. */
export const RMI_REQ_COMPLETE = 0xc400018f;
/** What comes back from it is the first request: it does not return. */
export const RMM_BOOT_COMPLETE = 0xc40001cf;

const words = (text = ''): string[] => text.split(' ').filter(Boolean);
const table = new Map<number, CallFunction>();
function add(base: number, service: Service, prefix: string, rows: readonly Row[]): void {
  for (const [number, name, args, results] of rows) {
    const plain = service === 'smccc' || (service === 'psci' && PSCI_VALUES.has(name));
    const entry = { name: prefix + name, service, arguments: words(args), results: words(results) };
    table.set((base + number) >>> 0, plain ? { ...entry, plain } : entry);
  }
}
add(0xc4000000, 'rmi', 'RMI_', RMI);
add(0xc4000000, 'rsi', 'RSI_', RSI);
add(0xc4000000, 'el3', '', EL3);
add(0x84000000, 'psci', 'PSCI_', PSCI);
add(0xc4000000, 'psci', 'PSCI_', PSCI);
add(0, 'smccc', '', SMCCC);

const RMI_STATUS = [
  ...['SUCCESS', 'ERROR_INPUT', 'ERROR_REALM', 'ERROR_REC', 'ERROR_RTT', 'ERROR_NOT_SUPPORTED', 'ERROR_DEVICE'],
  ...[
    'ERROR_RTT_AUX',
    'ERROR_PSMMU_ST',
    'ERROR_DPT',
    'BUSY',
    'ERROR_GLOBAL',
    'ERROR_TRACKING',
    'INCOMPLETE',
    'BLOCKED',
  ],
];
const RSI_STATUS = ['SUCCESS', 'ERROR_INPUT', 'ERROR_STATE', 'INCOMPLETE', 'ERROR_UNKNOWN', 'ERROR_DEVICE'];
/** By the negative of the value. */
const PSCI_STATUS = [
  ...['SUCCESS', 'NOT_SUPPORTED', 'INVALID_PARAMETERS', 'DENIED', 'ALREADY_ON', 'ON_PENDING', 'INTERNAL_FAILURE'],
  ...['NOT_PRESENT', 'DISABLED', 'INVALID_ADDRESS'],
];

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** `id`: W0, without the hint about SVE state. One that is not in the tables is called by its number. */
export function functionOf(id: number): CallFunction {
  return (
    table.get(id) ?? { name: `SMC_${id.toString(16).toUpperCase()}`, service: 'other', arguments: [], results: [] }
  );
}

/** What a call's X0 says, and whether that is a failure. */
export function resultText(f: CallFunction, x0: bigint): { text: string; failed: boolean } {
  if (f.plain)
    return { text: BigInt.asIntN(64, x0) === -1n || x0 === 0xffffffffn ? 'NOT_SUPPORTED' : hex(x0), failed: false };
  const small = Number(BigInt.asIntN(32, x0));
  switch (f.service) {
    case 'rmi': {
      if (BigInt.asIntN(64, x0) === -1n) return { text: 'NOT_SUPPORTED', failed: true };
      const status = Number(x0 & 0xffn);
      const index = Number((x0 >> 8n) & 0xffn);
      const name = RMI_STATUS[status] ?? `status ${status}`;
      return { text: index > 0 ? `${name} ${index}` : name, failed: status !== 0 && status !== 13 };
    }
    case 'rsi': {
      const status = Number(x0 & 0xffn);
      if (small < 0) return { text: 'NOT_SUPPORTED', failed: true };
      return { text: RSI_STATUS[status] ?? `status ${status}`, failed: status !== 0 && status !== 3 };
    }
    case 'psci':
      return { text: PSCI_STATUS[-small] ?? hex(x0), failed: small < 0 };
    case 'el3':
      return small === 0 ? { text: 'OK', failed: false } : { text: `E_RMM ${small}`, failed: small < 0 };
    default:
      return { text: small === -1 ? 'NOT_SUPPORTED' : hex(x0), failed: false };
  }
}

/** Why a REC stopped running (RmiRecExitReason). */
export const REC_EXITS = [
  ...['SYNC', 'IRQ', 'FIQ', 'PSCI', 'RIPAS_CHANGE', 'HOST_CALL', 'SERROR', 'S2AP_CHANGE', 'VDEV_REQUEST'],
  ...['DEV_MEM_MAP', 'VDEV_P2P_BINDING'],
] as const;
/** An exit as RmiRecExit tells of it; `detail`: ESR of a SYNC exit, GPRS[0] of others, which is the function of a PSCI one. */
export interface RecExit {
  readonly reason: number;
  readonly detail: bigint;
}
export function exitText({ reason, detail }: RecExit): string {
  const name = REC_EXITS[reason] ?? `reason ${reason}`;
  if (name === 'SYNC') return `${name}, ESR 0x${detail.toString(16)}`;
  return name === 'PSCI' ? `${name} 0x${detail.toString(16)}` : name;
}
