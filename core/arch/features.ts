/**
 * Architectural features (FEAT_ names without the prefix), what each brings along, and CPU models as lists of them (A2, "Armv8-A
 * and Armv9-A architecture extensions"). Everything that depends on the CPU (decoding, ID registers, writable bits) derives from
 * such a list. Not every name is the manual's: `EL2` and `EL3` are exception levels, `GIC` the GICv3 system register interface,
 * `TGran…` granules, `Highest…` the level a core resets to.
 */

/** What a feature cannot be without. */
const IMPLIES: Readonly<Record<string, readonly string[]>> = {
  PMULL: ['AES'],
  SHA512: ['SHA1', 'SHA256'],
  SHA3: ['SHA1', 'SHA256'],
  LSE2: ['LSE'],
  FHM: ['FP16'],
  LRCPC2: ['LRCPC'],
  FlagM2: ['FlagM'],
  DPB2: ['DPB'],
  PAN2: ['PAN'],
  PAN3: ['PAN2'],
  HPDS2: ['HPDS'],
  SSBS2: ['SSBS'],
  CSV2_2: ['CSV2'],
  EPAC: ['PAuth'],
  PAuth2: ['PAuth'],
  FPAC: ['PAuth2'],
  FPACCOMBINE: ['FPAC'],
  PACIMP: ['PAuth'],
  PACQARMA5: ['PAuth'],
  PACQARMA3: ['PAuth'],
  RNG_TRAP: ['RNG'],
  ECV_POFF: ['ECV'],
  VHE: ['VMID16', 'Debugv8p1'],
  SEL2: ['EL2', 'EL3'],
  DoubleFault: ['RAS', 'EL3'],
  RASv1p1: ['RAS'],
  IESB: ['RAS'],
  S2PIE: ['S1PIE'],
  S1PIE: ['TCR2'],
  TCR2: ['HCX'],
  SCTLR2: ['HCX'],
  MOPS: ['HCX'],
  HAFDBS: ['HAF'],
  HAFT: ['HAFDBS', 'TCR2'],
  AIE: ['TCR2'],
  LPA2: ['LPA', 'LVA'],
  TLBIRANGE: ['TLBIOS'],
  PMUv3p1: ['PMUv3'],
  PMUv3p4: ['PMUv3p1'],
  PMUv3p5: ['PMUv3p4'],
  PMUv3p7: ['PMUv3p5'],
  Debugv8p2: ['Debugv8p1'],
  Debugv8p4: ['Debugv8p2'],
  RME: ['EL2', 'EL3', 'HAFDBS', 'LSE', 'DoubleFault'],
  RME_GPC2: ['RME'],
  RME_GPC3: ['RME_GPC2'],
  MEC: ['RME', 'SCTLR2', 'TCR2'],
};

const words = (text: string): string[] => text.trim().split(/\s+/);

const CORTEX_A72 = words(`
  AES PMULL SHA1 SHA256 CRC32 PMUv3 ASID16 TGran4 TGran64 EL2 EL3 GIC IMPDEF`);

/** All that is implemented, apart from what another feature excludes and what is asked for by name (LPA2, RME, MEC). */
const MAX = words(`
  AES PMULL SHA1 SHA256 SHA512 SHA3 SM3 SM4 CRC32 LSE LSE2 RDM DotProd FHM FP16 BF16 I8MM FCMA JSCVT FRINTTS
  FlagM FlagM2 LRCPC LRCPC2 DPB DPB2 BTI DIT SB SPECRES SSBS SSBS2 CSV2 CSV2_2 CSV3 DGH WFxT MOPS HBC CSSC RNG RNG_TRAP
  PAuth EPAC PAuth2 FPAC FPACCOMBINE PACIMP
  UAO PAN PAN2 PAN3 XNX HPDS HPDS2 TTL TTST E0PD IDST CCIDX TTCNP BBM S2FWB HAF HAFDBS VMID16 ASID16
  TLBIOS TLBIRANGE ATS1A LOR EVT VHE SEL2 FGT HCX ECV ECV_POFF TCR2 SCTLR2 S1PIE S2PIE
  RAS RASv1p1 IESB DoubleFault Debugv8p1 Debugv8p2 Debugv8p4 PMUv3 PMUv3p1 PMUv3p4 PMUv3p5 PMUv3p7
  TGran4 TGran16 TGran64 GTG EL2 EL3 GIC`);

export interface CpuModel {
  readonly name: string;
  readonly features: readonly string[];
  readonly midr: bigint;
  readonly revidr: bigint;
  readonly clidr: bigint;
  readonly ctr: bigint;
  /** CCSIDR_EL1 by value of CSSELR_EL1. */
  readonly ccsidr: readonly bigint[];
  readonly pmcr: bigint;
  /** ID_AA64MMFR0_EL1.PARange. */
  readonly paRange: number;
  /** Ticks of the counter in a second. */
  readonly counterHz: number;
}

/** CCSIDR_EL1 with FEAT_CCIDX: sets, ways, log2 of line bytes. */
const cache = (bytes: number, ways: number): bigint =>
  (BigInt(bytes / (64 * ways) - 1) << 32n) | (BigInt(ways - 1) << 3n) | 2n;

export const cpuModels: readonly CpuModel[] = [
  {
    name: 'max',
    features: MAX,
    midr: 0xf0510n,
    revidr: 0n,
    // Three levels, none of which cleaning by set and way has to visit (LoC, LoU are 0).
    clidr: 0x123n,
    ctr: 0x9444c004n,
    ccsidr: [cache(32 << 10, 4), cache(32 << 10, 4), cache(1 << 20, 8), 0n, cache(2 << 20, 8)],
    pmcr: 0x41013000n,
    paRange: 5,
    counterHz: 1_000_000_000,
  },
  {
    name: 'cortex-a72',
    features: CORTEX_A72,
    midr: 0x410fd083n,
    revidr: 0n,
    clidr: 0xa200023n,
    ctr: 0x8444c004n,
    ccsidr: [0x701fe00an, 0x201fe012n, 0x707fe07an],
    pmcr: 0x41023000n,
    paRange: 4,
    counterHz: 62_500_000,
  },
];

export function cpuModel(name: string): CpuModel {
  const model = cpuModels.find((m) => m.name === name);
  if (!model) throw new Error(`unknown CPU ${name} (there are ${cpuModels.map((m) => m.name).join(', ')})`);
  return model;
}

/**
 * Changes to a model. Names are those of features, or QEMU's: `pauth`, `pauth-impdef`, `pauth-qarma3`, `pauth-qarma5`, `lpa2`,
 * `x-rme`, `mec`, `pmu`, `has_el2`, `has_el3`.
 */
export type CpuOptions = Readonly<Record<string, boolean>>;

const PAUTH = ['PAuth', 'EPAC', 'PAuth2', 'FPAC', 'FPACCOMBINE', 'PACIMP', 'PACQARMA5', 'PACQARMA3'];
const ALGORITHM: Readonly<Record<string, string>> = {
  'pauth-impdef': 'PACIMP',
  'pauth-qarma3': 'PACQARMA3',
  'pauth-qarma5': 'PACQARMA5',
  PACIMP: 'PACIMP',
  PACQARMA3: 'PACQARMA3',
  PACQARMA5: 'PACQARMA5',
};
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  pauth: PAUTH.slice(0, 5),
  lpa2: ['LPA2'],
  'x-rme': ['RME', 'RME_GPC2'],
  mec: ['MEC'],
  pmu: ['PMUv3', 'PMUv3p1', 'PMUv3p4', 'PMUv3p5', 'PMUv3p7'],
  has_el2: ['EL2'],
  has_el3: ['EL3'],
};

/** All names that mean something: of features and of options. */
export const featureNames: ReadonlySet<string> = new Set([
  ...MAX,
  ...CORTEX_A72,
  ...Object.keys(IMPLIES),
  ...Object.values(IMPLIES).flat(),
  ...Object.keys(ALGORITHM),
  ...Object.keys(GROUPS),
]);

function add(features: Set<string>, name: string): void {
  if (features.has(name)) return;
  features.add(name);
  for (const more of IMPLIES[name] ?? []) add(features, more);
}
function remove(features: Set<string>, name: string): void {
  if (!features.delete(name)) return;
  for (const [other, needs] of Object.entries(IMPLIES)) if (needs.includes(name)) remove(features, other);
}

/** The features of a CPU: those of the model with the options applied, and all that they imply. */
export function cpuFeatures(model: string, options: CpuOptions = {}): Set<string> {
  const features = new Set<string>();
  for (const name of cpuModel(model).features) add(features, name);
  for (const [name, on] of Object.entries(options)) {
    if (!featureNames.has(name)) throw new Error(`unknown CPU option ${name}`);
    const algorithm = ALGORITHM[name];
    if (algorithm !== undefined) {
      if (!features.has('PAuth')) continue;
      for (const other of ['PACIMP', 'PACQARMA5', 'PACQARMA3']) features.delete(other);
      // Switching QEMU's fast algorithm off gives the architected one.
      features.add(on ? algorithm : algorithm === 'PACIMP' ? 'PACQARMA5' : 'PACIMP');
      continue;
    }
    for (const f of GROUPS[name] ?? [name]) {
      if (on) add(features, f);
      else remove(features, f);
    }
  }
  if (features.has('PAuth') && !['PACIMP', 'PACQARMA5', 'PACQARMA3'].some((f) => features.has(f))) {
    features.add('PACIMP');
  }
  if (!features.has('EL3')) features.add(features.has('EL2') ? 'HighestEL2' : 'HighestEL1');
  return features;
}
