/**
 * The world a test case runs in: where its code and data lie, how memory is mapped, which system registers hold what.
 * The rig under QEMU takes all of this from the blob it is given, and Trireme's executor takes it from here, so every
 * fact of it stands in this file.
 */

/** Where the words of a case lie. They are not page aligned, so that ADR and ADRP differ visibly. */
export const CODE = 0x4701_0e80;
/** A case has at most this many words; END_WORDS follow the last one. */
export const MAX_WORDS = 16;
/** NOP (so that BTYPE is 0 again) and SVC #0xffff, which ends the case. */
export const END_WORDS: readonly number[] = [0xd503201f, 0xd41fffe1];
/** The syndrome of that SVC. */
export const END_SYNDROME = 0x5600_ffffn;

/** The memory window: 512 bytes that begin half a window before a page's end, so that accesses can cross pages. */
export const WINDOW = 0x4700_0f00;
export const WINDOW_BYTES = 512;

/** EL1 with SP_EL1, interrupts masked: the mode bits of a case that says nothing else. EL0 is 0x3c0. */
export const EL1H = 0x3c5;

/** Where the window can also be seen, with other rights; `mapped` says which half of it is there. */
export interface View {
  name: 'plain' | 'upper-missing' | 'lower-missing' | 'read-only' | 'device' | 'user';
  address: number;
  mapped: 'both' | 'lower' | 'upper';
}

export const VIEWS: readonly View[] = [
  { name: 'plain', address: WINDOW, mapped: 'both' },
  { name: 'upper-missing', address: 0x4700_3f00, mapped: 'lower' },
  { name: 'lower-missing', address: 0x4700_5f00, mapped: 'upper' },
  { name: 'read-only', address: 0x4700_8f00, mapped: 'both' },
  { name: 'device', address: 0x4700_bf00, mapped: 'both' },
  { name: 'user', address: 0x4700_ef00, mapped: 'both' },
];

/** A page or block mapping, by its attributes rather than its bits. */
export interface Mapping {
  virtual: number;
  physical: number;
  bytes: number;
  memory: 'normal' | 'device';
  /** EL1's and EL0's rights. */
  el1: 'rw' | 'ro';
  el0: 'none' | 'rw' | 'ro';
  execute: 'none' | 'el1' | 'both';
}

const PAGE = 0x1000;
const BLOCK = 0x20_0000;
const RAM = 0x4000_0000;
const RAM_BYTES = 0x2000_0000;
const TEST_BLOCK = 0x4700_0000;

/** The rig's own places; a case's branches must stay out of the two executable blocks. */
export const RIG_BLOCK = RAM;
export const BLOB = 0x4800_0000;
export const RESULTS = 0x5000_0000;
export const EXECUTABLE_BLOCKS: readonly [number, number][] = [
  [RIG_BLOCK, RIG_BLOCK + BLOCK],
  [BLOB, BLOB + BLOCK],
];
const CODE_PAGE = CODE - (CODE % PAGE);
/** The rig writes the code through this second view of its page. */
const CODE_WRITE_PAGE = 0x4702_0000;

function viewMappings(view: View): Mapping[] {
  const first = view.address - (view.address % PAGE);
  const common = {
    bytes: PAGE,
    memory: view.name === 'device' ? 'device' : 'normal',
    el1: view.name === 'read-only' ? 'ro' : 'rw',
    el0: view.name === 'user' ? 'rw' : 'none',
    execute: 'none',
  } as const;
  const lower = { virtual: first, physical: TEST_BLOCK, ...common };
  const upper = { virtual: first + PAGE, physical: TEST_BLOCK + PAGE, ...common };
  return view.mapped === 'both' ? [lower, upper] : [view.mapped === 'lower' ? lower : upper];
}

/** Everything that is mapped. The plain view and the code are identity mapped. */
export const MAPPINGS: readonly Mapping[] = [
  ...VIEWS.flatMap(viewMappings),
  {
    virtual: CODE_PAGE,
    physical: CODE_PAGE,
    bytes: PAGE,
    memory: 'normal',
    el1: 'ro',
    el0: 'ro',
    execute: 'both',
  },
  {
    virtual: CODE_WRITE_PAGE,
    physical: CODE_PAGE,
    bytes: PAGE,
    memory: 'normal',
    el1: 'rw',
    el0: 'none',
    execute: 'none',
  },
  ...Array.from({ length: RAM_BYTES / BLOCK }, (_, index): Mapping => {
    const address = RAM + index * BLOCK;
    const execute = EXECUTABLE_BLOCKS.some(([start]) => start === address) ? 'el1' : 'none';
    return { virtual: address, physical: address, bytes: BLOCK, memory: 'normal', el1: 'rw', el0: 'none', execute };
  }).filter((mapping) => mapping.virtual !== TEST_BLOCK),
];

/** The translation tables: 4 KB granule, 48 bits, one table each of levels 0 to 3, at this physical address. */
export const TABLES = BLOB + 0x2000;

const TABLE = 0b11n;
const ACCESSED = 1n << 10n;
const INNER_SHAREABLE = 0b11n << 8n;
const PXN = 1n << 53n;
const UXN = 1n << 54n;

function descriptor(mapping: Mapping): bigint {
  let bits = BigInt(mapping.physical) | ACCESSED | INNER_SHAREABLE | (mapping.bytes === PAGE ? 0b11n : 0b01n);
  if (mapping.memory === 'device') bits |= 1n << 2n;
  if (mapping.el0 !== 'none') bits |= 1n << 6n;
  if (mapping.el1 === 'ro') bits |= 1n << 7n;
  if (mapping.execute !== 'both') bits |= UXN;
  if (mapping.execute === 'none') bits |= PXN;
  return bits;
}

/** The four tables' bytes as 2048 little-endian words, to be placed at TABLES. */
export function translationTables(): BigUint64Array {
  const words = new BigUint64Array(4 * 512);
  const level = (index: number) => words.subarray(index * 512, index * 512 + 512);
  level(0)[0] = BigInt(TABLES + PAGE) | TABLE;
  level(1)[RAM / 0x4000_0000] = BigInt(TABLES + 2 * PAGE) | TABLE;
  level(2)[(TEST_BLOCK - RAM) / BLOCK] = BigInt(TABLES + 3 * PAGE) | TABLE;
  for (const mapping of MAPPINGS) {
    if (mapping.bytes === PAGE) level(3)[(mapping.virtual - TEST_BLOCK) / PAGE] = descriptor(mapping);
    else level(2)[(mapping.virtual - RAM) / BLOCK] = descriptor(mapping);
  }
  return words;
}

/** A system register by its MRS/MSR operands: op0, op1, CRn, CRm, op2. */
export type Encoding = readonly [op0: number, op1: number, crn: number, crm: number, op2: number];

export interface RegisterValue {
  name: string;
  encoding: Encoding;
  value: bigint;
}

const register = (name: string, encoding: Encoding, value: bigint): RegisterValue => ({ name, encoding, value });

/** MSR (or with `read` MRS) of this register, with Xt. */
export function registerMove([op0, op1, crn, crm, op2]: Encoding, rt: number, read = false): number {
  const fields = (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt;
  return (0xd500_0000 | (read ? 1 << 21 : 0) | fields) >>> 0;
}

export interface Environment {
  name: string;
  /** QEMU's CPU properties that matter here, beyond `max,sve=off,sme=off`. Those that an old QEMU lacks are dropped. */
  properties: readonly string[];
  /** Written once, in this order, before the first case. */
  setup: readonly RegisterValue[];
  /** Written before every case. */
  reset: readonly RegisterValue[];
  /** Read after every case into State.system, at most 16. Not TPIDR_EL1, which the rig uses. */
  capture: readonly { name: string; encoding: Encoding }[];
}

const bits = (...positions: number[]) => positions.reduce((sum, position) => sum | (1n << BigInt(position)), 0n);

/** M, C, CP15BEN, SED, EOS, I, DZE, UCT, nTWI, nTWE, TSCXT, EIS, SPAN, UCI, nTLSMD, LSMAOE, MSCEn. */
// Not SA and SA0: QEMU checks no stack pointer's alignment (tests/exceptions does).
const SCTLR = bits(0, 2, 5, 8, 11, 12, 14, 15, 16, 18, 20, 22, 23, 26, 28, 29, 33);
/** EnDB, EnDA, EnIB, EnIA. */
const SCTLR_PAUTH = bits(13, 27, 30, 31);

const TRANSLATION = [
  // Attribute 0: normal, write-back; attribute 1: device nGnRnE.
  register('MAIR_EL1', [3, 0, 10, 2, 0], 0xffn),
  // 48-bit lower half by 4 KB tables, no upper half, 40-bit physical addresses, top byte ignored.
  register('TCR_EL1', [3, 0, 2, 0, 2], 16n | (0b11_0101n << 8n) | (1n << 23n) | (2n << 32n) | (1n << 37n)),
  register('TTBR0_EL1', [3, 0, 2, 0, 0], BigInt(TABLES)),
  register('CPACR_EL1', [3, 0, 1, 0, 2], bits(20, 21)),
];

const RESET = [
  register('FAR_EL1', [3, 0, 6, 0, 0], 0n),
  register('ESR_EL1', [3, 0, 5, 2, 0], 0n),
  register('TPIDR_EL0', [3, 3, 13, 0, 2], 0n),
  register('TPIDRRO_EL0', [3, 3, 13, 0, 3], 0n),
];

const PLAIN: Environment = {
  name: 'plain',
  properties: [],
  setup: [...TRANSLATION, register('SCTLR_EL1', [3, 0, 1, 0, 0], SCTLR)],
  reset: RESET,
  capture: [],
};

/** Pointer authentication with fixed keys: IA, IB, DA, DB, GA. */
function pauth(algorithm: string): Environment {
  const keys: [string, number, number][] = [
    ['APIAKey', 1, 0],
    ['APIBKey', 1, 2],
    ['APDAKey', 2, 0],
    ['APDBKey', 2, 2],
    ['APGAKey', 3, 0],
  ];
  const halves = keys.flatMap(([name, crm, op2], index) => {
    const low = 0x8421_1248_0f1e_2d3cn * BigInt(2 * index + 1);
    const high = 0xc3a5_9687_7b6d_5e4fn * BigInt(2 * index + 3);
    return [
      register(`${name}Lo_EL1`, [3, 0, 2, crm, op2], BigInt.asUintN(64, low)),
      register(`${name}Hi_EL1`, [3, 0, 2, crm, op2 + 1], BigInt.asUintN(64, high)),
    ];
  });
  return {
    name: `pauth-${algorithm}`,
    properties: ['pauth=on', `pauth-${algorithm}=on`],
    setup: [...TRANSLATION, ...halves, register('SCTLR_EL1', [3, 0, 1, 0, 0], SCTLR | SCTLR_PAUTH)],
    reset: RESET,
    capture: [],
  };
}

/** System-level cases: what a case leaves in these registers counts too. */
const SYSTEM: Environment = {
  ...PLAIN,
  name: 'system',
  reset: [...RESET, register('AFSR0_EL1', [3, 0, 5, 1, 0], 0n), register('PAR_EL1', [3, 0, 7, 4, 0], 0n)],
  capture: [
    { name: 'TPIDR_EL0', encoding: [3, 3, 13, 0, 2] },
    { name: 'TPIDRRO_EL0', encoding: [3, 3, 13, 0, 3] },
    { name: 'PAR_EL1', encoding: [3, 0, 7, 4, 0] },
  ],
};

export const ENVIRONMENTS: readonly Environment[] = [PLAIN, SYSTEM, pauth('qarma5'), pauth('qarma3')];

export function environmentOf(name: string): Environment {
  const found = ENVIRONMENTS.find((environment) => environment.name === name);
  if (!found) throw new Error(`no test environment is called ${name}`);
  return found;
}
