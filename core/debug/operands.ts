/**
 * Operands of assembly templates (the notation is described in `core/arch/a64/pattern.ts`): what each name in <> becomes.
 */
import type { Fields, Pattern } from '../arch/a64/pattern.ts';

/** An instruction that is being written out. */
export interface Context {
  readonly word: number;
  readonly pc: bigint;
  readonly pattern: Pattern;
  readonly fields: Fields;
}
/** Text of an operand. `absent`: it may be left out where the template has it in {}. */
export interface Text {
  readonly text: string;
  readonly absent: boolean;
}
export type Operand = (c: Context) => Text;

const CONDITIONS = 'eq ne cs cc mi pl vs vc hi ls ge lt gt le al nv'.split(' ');
const SHIFTS = ['lsl', 'lsr', 'asr', 'ror'];
const EXTENSIONS = ['uxtb', 'uxth', 'uxtw', 'uxtx', 'sxtb', 'sxth', 'sxtw', 'sxtx'];
const PREFETCH = ['pld', 'pli', 'pst'];
const ELEMENTS = ['b', 'h', 's', 'd', 'q'];

export const hex = (v: number | bigint): string => `0x${v.toString(16)}`;
const address = (v: bigint): string => hex(BigInt.asUintN(64, v));
const always = (text: string): Text => ({ text, absent: false });
const number = (v: number | bigint, text = `${v}`): Text => ({ text, absent: v === 0 || v === 0n });

/** Name of general register `n`. */
export function generalName(n: number, wide: boolean, stack: boolean): string {
  const letter = wide ? 'x' : 'w';
  if (n !== 31) return letter + n;
  return stack ? (wide ? 'sp' : 'wsp') : `${letter}zr`;
}
/** Arrangement of a vector of elements of `8 << size` bits. */
export const arrangement = (size: number, q: number): string => `${(q ? 16 : 8) >> size}${ELEMENTS[size]}`;

function field({ fields, pattern }: Context, name: string): number {
  const v = fields[name];
  if (v === undefined) throw new Error(`${pattern.name}: the text names ${name}, which is no field`);
  return v;
}
const has = (pattern: Pattern, name: string): boolean => pattern.fields.some((f) => f.name === name);
function immediate({ fields, pattern }: Context): bigint {
  return BigInt.asIntN(64, BigInt(pattern.imm?.(fields) ?? 0));
}
/** Extension of an index register; a prefetch has it among the fields that mean nothing. */
const indexOption = (c: Context): number => c.fields.option ?? field(c, 'immoption');
const wide = ({ fields }: Context): boolean => fields.sf !== 0;

/** Arrangement by its name in the template. */
function arrangementOf(c: Context, name: string): string {
  const size = (): number => field(c, 'size');
  switch (name) {
    case 'T':
      return arrangement(size(), field(c, 'Q'));
    case 'Tw':
      return arrangement(size() + 1, 1);
    case 'Tn':
      return arrangement(size() - 1, field(c, 'Q'));
    case 'Ts':
      return ELEMENTS[size()]!;
    case 'nB':
    case 'nH':
    case 'nS':
    case 'nD':
      return arrangement('BHSD'.indexOf(name[1]!), field(c, 'Q'));
    default:
      return name.toLowerCase();
  }
}

/** `<Xd>`, `<Rn|SP>`, `<Wt+1>`, `<Dd>`, `<Vn.16B>`. */
function register(name: string, pattern: Pattern): Operand | null {
  const m = /^([RWXVBHSDQ])([a-z]\d?)(?:\+(\d))?(\|SP)?(?:\.(\w+))?$/.exec(name);
  if (!m) return null;
  const [, kind, suffix, plus, stack, shape] = m as unknown as [string, string, string, string?, string?, string?];
  const add = Number(plus ?? 0);
  if (/[RWX]/.test(kind)) {
    if (!has(pattern, `R${suffix}`)) return null;
    return (c) => {
      const n = (field(c, `R${suffix}`) + add) & 31;
      return always(generalName(n, kind === 'X' || (kind === 'R' && wide(c)), stack !== undefined));
    };
  }
  if (!has(pattern, `V${suffix}`)) return null;
  return (c) => {
    const n = (field(c, `V${suffix}`) + add) & 31;
    return always(kind === 'V' ? `v${n}${shape ? `.${arrangementOf(c, shape)}` : ''}` : kind.toLowerCase() + n);
  };
}

/** Operands with a meaning of their own. */
const NAMED: Readonly<Record<string, Operand>> = {
  cond: (c) => always(CONDITIONS[field(c, 'cond')]!),
  /** The opposite condition, as CSET and the like have it. */
  '!cond': (c) => always(CONDITIONS[field(c, 'cond') ^ 1]!),
  /** LSL is left out with a zero amount behind it. */
  shift: (c) => {
    const kind = c.fields.shift ?? 0;
    return { text: SHIFTS[kind]!, absent: kind === 0 };
  },
  /** An index register as wide as its extension takes it. */
  'Rm-ext': (c) => {
    const full = (indexOption(c) & 3) === 3 && wide(c);
    return always(generalName(field(c, 'Rm'), full, false));
  },
  /** Extension of an operand; it is called LSL when the stack pointer takes part and nothing is extended. */
  extend: (c) => {
    const option = field(c, 'option');
    const stack = c.pattern.operands.some((o) => o.role === 'sp' && c.fields[o.name] === 31);
    const plain = stack && option === (wide(c) ? 3 : 2);
    return { text: plain ? 'lsl' : EXTENSIONS[option]!, absent: plain };
  },
  /** Extension and scale of an index register, by the size of the access (bits 31, 30, and bit 23 of vector registers). */
  'mem-extend': (c) => {
    const option = indexOption(c);
    const s = c.fields.S ?? field(c, 'immS');
    const vector = (c.word >>> 26) & 1;
    const scale = (c.word >>> 30) + (vector && (c.word >>> 23) & 1 ? 4 : 0);
    const text = option === 3 ? 'lsl' : EXTENSIONS[option]!;
    return { text: s ? `${text} #${scale}` : text, absent: option === 3 && !s };
  },
  /** Twelve bits, shifted by twelve or not. */
  'shifted-imm': (c) => always(`#${hex(field(c, 'imm12'))}${c.fields.immsh ? ', lsl #12' : ''}`),
  /** Sixteen bits and where they go. */
  'wide-imm': (c) => {
    const hw = c.fields.immhw ?? field(c, 'hw');
    return always(`#${hex(field(c, 'imm16'))}${hw ? `, lsl #${16 * hw}` : ''}`);
  },
  /** The whole immediate of a logical instruction or a move, in the register's width. */
  bitmask: (c) => always(`#${hex(BigInt.asUintN(wide(c) ? 64 : 32, immediate(c)))}`),
  tbit: (c) => number(field(c, 'immb5') * 32 + field(c, 'immb40')),
  'Rt-tb': (c) => always(generalName(field(c, 'Rt'), field(c, 'immb5') === 1, false)),
  imm: (c) => number(immediate(c)),
  immx: (c) => number(immediate(c), hex(BigInt.asUintN(64, immediate(c)))),
  /** Address of PC-relative data; ADRP counts pages. */
  label: (c) => {
    const page = c.pattern.name === 'ADRP';
    const base = page ? c.pc & ~0xfffn : c.pc;
    if (c.pattern.imm) return always(address(base + immediate(c)));
    return always(address(base + 4n * BigInt.asIntN(19, BigInt(field(c, 'imm19')))));
  },
  target: (c) => always(address(c.pc + BigInt(c.pattern.target!(c.fields).offset))),
  prfop: (c) => {
    const n = field(c, 'immprf');
    const [type, level, policy] = [PREFETCH[n >> 3], (n >> 1) & 3, n & 1];
    return always(type && level < 3 ? `${type}l${level + 1}${policy ? 'strm' : 'keep'}` : `#${hex(n)}`);
  },
  imm6: (c) => number(c.fields.imm6 ?? 0),
  immnzcv: (c) => always(hex(field(c, 'immnzcv'))),
};

/** Fields side by side: `<H:L>`. */
function joined(c: Context, names: readonly string[]): number {
  return names.reduce((v, name) => {
    const { width } = c.pattern.fields.find((f) => f.name === name)!;
    return v * 2 ** width + field(c, name);
  }, 0);
}

/** What an operand's name stands for in a pattern's text. */
export function operandOf(name: string, pattern: Pattern): Operand {
  const known = NAMED[name] ?? register(name, pattern);
  if (known) return known;
  const names = name.split(':');
  if (names.every((n) => has(pattern, n))) return (c) => number(joined(c, names));
  throw new Error(`${pattern.name}: the text names ${name}, which is neither a field nor a known operand`);
}
