/** Registers as gdb numbers them, and the target description that tells it so (GDB manual, appendix G, AArch64 features). */
import type { Core } from '../../system/api.ts';

export interface TargetRegister {
  readonly name: string;
  readonly bytes: number;
  get(core: Core): Uint8Array;
  /** False when the value is refused. */
  set(core: Core, bytes: Uint8Array): boolean;
}

function little(value: bigint, bytes: number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return out.subarray(0, bytes);
}
function number(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

function scalar(
  name: string,
  bytes: number,
  get: (c: Core) => bigint,
  set: (c: Core, v: bigint) => void,
): TargetRegister {
  return {
    name,
    bytes,
    get: (core) => little(get(core), bytes),
    set: (core, value) => {
      set(core, number(value));
      return true;
    },
  };
}

const general: readonly TargetRegister[] = [
  ...Array.from({ length: 31 }, (_, n) =>
    scalar(
      `x${n}`,
      8,
      (c) => c.x(n),
      (c, v) => c.setX(n, v),
    ),
  ),
  scalar(
    'sp',
    8,
    (c) => c.sp,
    (c, v) => {
      c.sp = v;
    },
  ),
  scalar(
    'pc',
    8,
    (c) => c.pc,
    (c, v) => {
      c.pc = v;
    },
  ),
  scalar(
    'cpsr',
    4,
    (c) => c.pstate,
    (c, v) => {
      c.pstate = v;
    },
  ),
];

const vector: readonly TargetRegister[] = [
  ...Array.from({ length: 32 }, (_, n) => ({
    name: `v${n}`,
    bytes: 16,
    get: (c: Core) => c.v(n),
    set: (c: Core, value: Uint8Array) => {
      c.setV(n, value);
      return true;
    },
  })),
  scalar(
    'fpsr',
    4,
    (c) => BigInt(c.fpsr >>> 0),
    (c, v) => {
      c.fpsr = Number(v);
    },
  ),
  scalar(
    'fpcr',
    4,
    (c) => BigInt(c.fpcr >>> 0),
    (c, v) => {
      c.fpcr = Number(v);
    },
  ),
];

const system = (name: string): TargetRegister => ({
  name,
  bytes: 8,
  get: (core) => little(core.sysreg(name) ?? 0n, 8),
  set: (core, value) => core.setSysreg(name, number(value)),
});

/** Fields of cpsr, PSTATE as SPSR_ELx holds it (C5.2.18). */
const CPSR_FIELDS: readonly (readonly [name: string, low: number, high: number])[] = [
  ...([
    ['SP', 0, 0],
    ['EL', 2, 3],
    ['nRW', 4, 4],
    ['F', 6, 6],
    ['I', 7, 7],
    ['A', 8, 8],
    ['D', 9, 9],
    ['BTYPE', 10, 11],
    ['SSBS', 12, 12],
    ['IL', 20, 20],
    ['SS', 21, 21],
    ['PAN', 22, 22],
    ['UAO', 23, 23],
    ['DIT', 24, 24],
    ['V', 28, 28],
    ['C', 29, 29],
    ['Z', 30, 30],
    ['N', 31, 31],
  ] as const),
];

/** Lanes of a vector register, by element. */
const LANES: readonly (readonly [id: string, type: string, count: number, field: string, group: string])[] = [
  ['v2d', 'ieee_double', 2, 'f', 'vnd'],
  ['v2u', 'uint64', 2, 'u', 'vnd'],
  ['v2i', 'int64', 2, 's', 'vnd'],
  ['v4f', 'ieee_single', 4, 'f', 'vns'],
  ['v4u', 'uint32', 4, 'u', 'vns'],
  ['v4i', 'int32', 4, 's', 'vns'],
  ['v8h', 'ieee_half', 8, 'f', 'vnh'],
  ['v8u', 'uint16', 8, 'u', 'vnh'],
  ['v8i', 'int16', 8, 's', 'vnh'],
  ['v16u', 'uint8', 16, 'u', 'vnb'],
  ['v16i', 'int8', 16, 's', 'vnb'],
  ['v1u', 'uint128', 1, 'u', 'vnq'],
  ['v1i', 'int128', 1, 's', 'vnq'],
];

function vectorTypes(): string {
  const lines = LANES.map(([id, type, count]) => `<vector id="${id}" type="${type}" count="${count}"/>`);
  for (const group of new Set(LANES.map((l) => l[4]))) {
    const fields = LANES.filter((l) => l[4] === group).map(
      ([id, , , field]) => `<field name="${field}" type="${id}"/>`,
    );
    lines.push(`<union id="${group}">${fields.join('')}</union>`);
  }
  const all = ['d', 's', 'h', 'b', 'q'].map((k) => `<field name="${k}" type="vn${k}"/>`);
  lines.push(`<union id="aarch64v">${all.join('')}</union>`);
  return lines.join('\n');
}

export interface Target {
  /** By number. */
  readonly registers: readonly TargetRegister[];
  /** The first so many are sent by `g`. */
  readonly inG: number;
  /** `target.xml`. */
  readonly xml: string;
}

/** Describes cores that have these system registers. */
export function describeTarget(sysregs: readonly string[]): Target {
  const registers = [...general, ...vector, ...sysregs.map(system)];
  const types: Readonly<Record<string, string>> = { sp: 'data_ptr', pc: 'code_ptr', cpsr: 'cpsr_flags' };
  const reg = (r: TargetRegister, type: string, extra = ''): string =>
    `<reg name="${r.name}" bitsize="${8 * r.bytes}" type="${type}"${extra}/>`;
  const flags = CPSR_FIELDS.map(([name, low, high]) => `<field name="${name}" start="${low}" end="${high}"/>`);
  const lines = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
    '<target version="1.0">',
    '<architecture>aarch64</architecture>',
    '<feature name="org.gnu.gdb.aarch64.core">',
    `<flags id="cpsr_flags" size="4">${flags.join('')}</flags>`,
    ...general.map((r) => reg(r, types[r.name] ?? 'int')),
    '</feature>',
    '<feature name="org.gnu.gdb.aarch64.fpu">',
    vectorTypes(),
    ...vector.map((r) => reg(r, r.bytes === 16 ? 'aarch64v' : 'int')),
    '</feature>',
    ...(sysregs.length > 0
      ? [
          '<feature name="org.trireme.aarch64.system">',
          ...sysregs.map((n) => reg(system(n), 'int', ' group="system"')),
          '</feature>',
        ]
      : []),
    '</target>',
    '',
  ];
  return { registers, inG: general.length + vector.length, xml: lines.join('\n') };
}
