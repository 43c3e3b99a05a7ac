/** What the floating-point groups share: formats and arrangements as encodings name them. */
import { DOUBLE, type Format, HALF, SINGLE } from '../float/format.ts';
import { Shape, scalarShape } from '../float/shape.ts';

export interface Kind {
  readonly format: Format;
  /** The field `ftype` of scalar instructions. */
  readonly type: string;
  /** Letter of the register names. */
  readonly letter: 'H' | 'S' | 'D';
  /** FP16 is a feature of its own. */
  readonly feature?: string;
}
const SINGLES: Kind = { format: SINGLE, type: '00', letter: 'S' };
const DOUBLES: Kind = { format: DOUBLE, type: '01', letter: 'D' };
const HALVES: Kind = { format: HALF, type: '11', letter: 'H', feature: 'FP16' };
export const KINDS: readonly Kind[] = [SINGLES, DOUBLES, HALVES];

/** The spec's `feature`, absent when there is none. */
export const needs = (k: Kind, ...more: string[]): { feature?: string[] } => {
  const all = [...(k.feature ? [k.feature] : []), ...more];
  return all.length ? { feature: all } : {};
};
/** Register operands of an assembly template: `regs('D', 'd n m')` is `<Dd>, <Dn>, <Dm>`. */
export const regs = (letter: string, fields: string): string =>
  fields
    .split(' ')
    .map((f) => `<${letter}${f}>`)
    .join(', ');
export const binary = (v: number, bits: number): string => v.toString(2).padStart(bits, '0');

/** A vector arrangement of a format, or its scalar in the Advanced SIMD scalar forms. */
export interface Form {
  readonly kind: Kind;
  readonly shape: Shape;
  /** `<Vd.4S>` or `<Sd>` for a field. */
  readonly reg: (field: string) => string;
  /** Bits 31 to 24 of vector instructions, `U` standing for itself. */
  readonly top: string;
  /** Log2 of the element's bytes. */
  readonly size: number;
}
/** 4H 8H 2S 4S 2D. */
export const VECTORS: readonly Form[] = KINDS.flatMap((kind) =>
  ([8, 16] as const)
    .filter((bytes) => bytes === 16 || kind.format !== DOUBLE)
    .map((bytes) => {
      const lanes = (8 * bytes) / kind.format.bits;
      return {
        kind,
        shape: new Shape(kind.format, bytes),
        reg: (field: string) => `<V${field}.${lanes}${kind.letter}>`,
        top: `0 ${bytes === 16 ? 1 : 0} U 01110`,
        size: Math.log2(kind.format.bits / 8),
      };
    }),
);
export const SCALARS: readonly Form[] = KINDS.map((kind) => ({
  kind,
  shape: scalarShape(kind.format),
  reg: (field: string) => `<${kind.letter}${field}>`,
  top: '01 U 11110',
  size: Math.log2(kind.format.bits / 8),
}));
/** `top` with U filled in. */
export const topOf = (form: Form, u: number): string => form.top.replace('U', String(u));
/** Operands of an assembly template in this form. */
export const formRegs = (form: Form, fields: string): string => fields.split(' ').map(form.reg).join(', ');
