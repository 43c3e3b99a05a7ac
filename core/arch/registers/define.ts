/**
 * How a system register is described: one entry a register, from which everything else derives (access checks and handlers,
 * storage, reset, debugger, trace, documentation).
 */

export type El = 0 | 1 | 2 | 3;
/** op0, op1, CRn, CRm, op2. */
export type Encoding = readonly [op0: number, op1: number, crn: number, crm: number, op2: number];

export interface Field {
  readonly name: string;
  readonly lsb: number;
  readonly width: number;
  readonly meaning: string;
  /** Features one of which gives the field; without them it is RES0, or RES1 when `res1`. */
  readonly features: readonly string[];
  readonly res1: boolean;
  /** Reads as what reset has put there; writes are ignored. */
  readonly readOnly: boolean;
  /** A MECID: the CPU may implement fewer bits of it. */
  readonly mecid: boolean;
}

/** One rule that sends an access to a higher exception level: bit `bit` of `control` has the value `on`. */
export interface Trap {
  readonly control: string;
  readonly bit: number;
  readonly on: 0 | 1;
  /** Exception levels of the access. */
  readonly from: readonly El[];
  /** Where it goes; 1 means EL1, or EL2 when HCR_EL2.TGE is in effect. */
  readonly to: 1 | 2 | 3;
  readonly access: 'read' | 'write' | 'both';
  /** `fgt`: only with SCR_EL3.FGTEn; `hcrx`: HCRX_EL2 counts as 0 without SCR_EL3.HXEn; `guest`: not when EL0 is of the host. */
  readonly gates: readonly ('fgt' | 'hcrx' | 'guest')[];
  /** Instead of a plain bit: a condition of `conditions.ts` (`control` and `bit` then only say what it looks at). */
  readonly test?: string;
}

/** What makes an access UNDEFINED beside the exception level; see `conditions.ts`. */
export type Undefined = 'sp0' | 'e2h' | 'secure' | 'realm' | 'lor' | 'secureTimer' | 'selectedType' | 'selectedCount';

/** Where a read's value comes from: the slot, or a reader of `readers.ts`. */
export type ReadKind = string;

/** What follows a write. `none`: nothing, so that the write may be compiled; others go on through a routine; see `writers.ts`. */
export type Effect = string;

/** What a register's reset value may depend on. */
export interface ResetContext {
  readonly features: ReadonlySet<string>;
  /** Number of the core. */
  readonly index: number;
  readonly el2: boolean;
  readonly el3: boolean;
  /** Values of the identification registers by name. */
  readonly id: ReadonlyMap<string, bigint>;
  /** Bits of a MECID, 1–16; log2 of what an entry of a level 0 granule protection table covers: 30, 34, 36, 39. */
  readonly mecidWidth: number;
  readonly l0gptsz: number;
}

export interface RegisterSpec {
  /** Lowest exception level of both directions; from the name's `_ELn` where absent. */
  readonly el?: El;
  readonly readEl?: El | null;
  readonly writeEl?: El | null;
  readonly feature?: string | readonly string[];
  /**
   * A line a field: `NAME msb:lsb [?FEAT[|FEAT]] [=1] [ro] [~mecid] meaning`. `?` names features that give it, `=1` says that it
   * is RES1 without them, `ro` that it can't be written, `~mecid` that its width is that of a MECID. What no field covers is RES0. No `fields`: all 64 bits are storage.
   */
  readonly fields?: string;
  readonly reset?: bigint | ((c: ResetContext) => bigint);
  readonly traps?: readonly (Trap | readonly Trap[])[];
  /** Bit in HFGRTR_EL2 and HFGWTR_EL2, or HDFGRTR_EL2 and HDFGWTR_EL2; from 50 up those of HFG trap when 0. */
  readonly hfg?: number;
  readonly hdfg?: number;
  /** At EL2 with HCR_EL2.E2H the name stands for this register, and `_EL12` names this one there. */
  readonly vhe?: string;
  readonly undefined?: Undefined;
  readonly read?: ReadKind;
  readonly effect?: Effect;
  /** Shares the storage of another register. */
  readonly storedAs?: string;
  /** Needs SIMD and floating point enabled (EC 0x07). */
  readonly fp?: boolean;
  /** Feature ID space: at EL0 trapped as EC 0x18 with FEAT_IDST, not UNDEFINED. */
  readonly idSpace?: boolean;
  /** An `_EL12` or `_EL02` form. */
  readonly alias?: boolean;
}

export interface Register extends Omit<RegisterSpec, 'fields' | 'traps' | 'feature'> {
  readonly name: string;
  readonly encoding: Encoding;
  /** Encoding as one number: op0:op1:CRn:CRm:op2. */
  readonly code: number;
  readonly title: string;
  readonly area: string;
  readonly readEl: El | null;
  readonly writeEl: El | null;
  readonly features: readonly string[];
  readonly fields: readonly Field[] | null;
  readonly traps: readonly Trap[];
}

export const encode = ([op0, op1, crn, crm, op2]: Encoding): number =>
  (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;

const LINE = /^(\S+) (\d+)(?::(\d+))?((?: (?:\?\S+|=1|ro|~mecid))*)(?: (.*))?$/;

function parseFields(text: string): Field[] {
  const fields: Field[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (!line) continue;
    const m = LINE.exec(line);
    if (!m) throw new Error(`field line: ${line}`);
    const flags = (m[4] ?? '').trim().split(' ');
    const lsb = Number(m[3] ?? m[2]);
    fields.push({
      name: m[1]!,
      lsb,
      width: Number(m[2]) - lsb + 1,
      meaning: m[5] ?? '',
      features: flags.filter((f) => f.startsWith('?')).flatMap((f) => f.slice(1).split('|')),
      res1: flags.includes('=1'),
      readOnly: flags.includes('ro'),
      mecid: flags.includes('~mecid'),
    });
  }
  return fields;
}

/** Traps from HCR_EL2 and its like. */
export function trap(
  control: string,
  bit: number,
  to: 1 | 2 | 3,
  o: { on?: 0 | 1; from?: readonly El[]; access?: Trap['access']; gates?: Trap['gates']; test?: string } = {},
): Trap {
  const from = o.from ?? (to === 3 ? [1, 2] : [1]);
  return {
    control,
    bit,
    to,
    from,
    on: o.on ?? 1,
    access: o.access ?? 'both',
    gates: o.gates ?? [],
    ...(o.test === undefined ? {} : { test: o.test }),
  };
}

function fineGrained(spec: RegisterSpec, lowest: El | null): Trap[] {
  const from: El[] = lowest === 0 ? [0, 1] : [1];
  const pair = (read: string, write: string, bit: number, on: 0 | 1): Trap[] =>
    (['read', 'write'] as const).map((access) =>
      trap(access === 'read' ? read : write, bit, 2, { on, from, access, gates: ['fgt', 'guest'] }),
    );
  const all: Trap[] = [];
  if (spec.hfg !== undefined) all.push(...pair('HFGRTR_EL2', 'HFGWTR_EL2', spec.hfg, spec.hfg >= 50 ? 0 : 1));
  if (spec.hdfg !== undefined) all.push(...pair('HDFGRTR_EL2', 'HDFGWTR_EL2', spec.hdfg, 1));
  return all;
}

/** Collects the registers of one area. */
export class Area {
  readonly name: string;
  readonly registers: Register[] = [];
  constructor(name: string) {
    this.name = name;
  }
  reg(name: string, encoding: Encoding, title: string, spec: RegisterSpec = {}): void {
    const suffix = /_EL(\d)\d?$/.exec(name)?.[1];
    const el = spec.el ?? (suffix === undefined ? undefined : (Number(suffix) as El));
    const readEl = spec.readEl !== undefined ? spec.readEl : (el ?? null);
    const writeEl = spec.writeEl !== undefined ? spec.writeEl : (el ?? null);
    if (readEl === null && writeEl === null) throw new Error(`${name}: nobody may access it`);
    const lowest = (Math.min(readEl ?? 3, writeEl ?? 3) as El) ?? null;
    const rules = [...(spec.traps ?? []).flat(), ...fineGrained(spec, lowest)];
    const { fields, traps: _t, feature, ...rest } = spec;
    const register: Register = {
      ...rest,
      name,
      encoding,
      code: encode(encoding),
      title,
      area: this.name,
      readEl,
      writeEl,
      features: feature === undefined ? [] : [feature].flat(),
      fields: fields === undefined ? null : parseFields(fields),
      // Nearer exception levels first; the order among rules of one target does not show.
      traps: rules.sort((a, b) => a.to - b.to),
    };
    this.registers.push(register);
    if (spec.vhe === undefined) return;
    const [op0, , crn, crm, op2] = encoding;
    this.registers.push({
      ...register,
      name: name.replace(/_EL1$/, '_EL12'),
      title: `${title}, accessed from EL2 with E2H`,
      encoding: [op0, 5, crn, crm, op2],
      code: encode([op0, 5, crn, crm, op2]),
      readEl: 2,
      writeEl: 2,
      vhe: undefined,
      undefined: 'e2h',
      storedAs: spec.storedAs ?? name,
      alias: true,
      traps: register.traps.filter((t) => t.to === 3),
    });
  }
}

// Traps that many registers share.
/** Virtual memory control registers: HCR_EL2.TVM and TRVM. */
export const VM = [trap('HCR_EL2', 26, 2, { access: 'write' }), trap('HCR_EL2', 30, 2, { access: 'read' })];
/** An enable of SCR_EL3, from EL1 and EL2. */
export const scrEnable = (bit: number, from: readonly El[] = [1, 2]): Trap => trap('SCR_EL3', bit, 3, { on: 0, from });
/** An enable of HCRX_EL2. */
export const hcrxEnable = (bit: number): Trap => trap('HCRX_EL2', bit, 2, { on: 0, gates: ['hcrx'] });
