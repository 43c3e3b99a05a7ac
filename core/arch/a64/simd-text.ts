/** Assembly text of SIMD instructions: templates whose operand names are expanded from the fields. */
import type { Fields } from './pattern.ts';

type Expand = (f: Fields) => string | number;

const LETTERS = ['b', 'h', 's', 'd', 'q'] as const;
export const letterOf = (size: number): string => LETTERS[size]!;

/** Arrangement of a vector of elements of `8 << size` bits: `16b`, `4h`, … */
export function arrangement(size: number, q: number): string {
  return `${(q ? 16 : 8) >> size}${letterOf(size)}`;
}

const register = (n: number): string => `${n}`;
const stack = (n: number): string => (n === 31 ? 'sp' : `x${n}`);
const zero = (letter: string, n: number): string => (n === 31 ? `${letter}zr` : `${letter}${n}`);

/** What every template may name: register fields by number, and arrangements from `size`, `sz` and `Q`. */
const common: Record<string, Expand> = {
  T: (f) => arrangement(f.size!, f.Q!),
  /** Twice as wide elements, always a full vector. */
  W: (f) => arrangement(f.size! + 1, 1),
  /** Half as wide a vector's worth: the narrow side of long, wide and narrow forms. */
  2: (f) => (f.Q ? '2' : ''),
  B: (f) => arrangement(0, f.Q!),
  /** Scalar register letter. */
  V: (f) => letterOf(f.size!),
  /** Scalar of twice the width. */
  VW: (f) => letterOf(f.size! + 1),
  'Xn|SP': (f) => stack(f.Rn!),
};

/**
 * An `asm` function from a template: `<name>` stands for `own[name]`, else a name of `common`, else a register field: `<Vd>`
 * is its number, `<Xn>` and `<Wn>` are the general register of field `Rn`.
 */
export function text(template: string, own: Record<string, Expand> = {}): (f: Fields) => string {
  return (f) =>
    template.replace(/<([^>]+)>/g, (_all, name: string) => {
      const e = own[name] ?? common[name];
      if (e) return String(e(f));
      const general = /^([XW])(\w+)$/.exec(name);
      if (general && f[`R${general[2]}`] !== undefined) return zero(general[1]!.toLowerCase(), f[`R${general[2]}`]!);
      const value = f[name];
      if (value === undefined) throw new Error(`asm template ${template}: no field ${name}`);
      return register(value);
    });
}

/** A register list `{v1.4s, v2.4s}`; numbers wrap at 31. */
export function list(first: number, count: number, arrangementName: string): string {
  const regs = Array.from({ length: count }, (_, i) => `v${(first + i) & 31}.${arrangementName}`);
  return `{${regs.join(', ')}}`;
}
