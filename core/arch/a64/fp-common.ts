/** What the floating-point groups share: formats as encodings name them. */
import { DOUBLE, type Format, HALF, SINGLE } from '../float/format.ts';

export interface Kind {
  readonly format: Format;
  /** The field `ftype` of scalar instructions. */
  readonly type: string;
  /** Letter of the register names. */
  readonly letter: 'H' | 'S' | 'D';
  /** FP16 is a feature of its own. */
  readonly feature?: string;
}
export const KINDS: readonly Kind[] = [
  { format: SINGLE, type: '00', letter: 'S' },
  { format: DOUBLE, type: '01', letter: 'D' },
  { format: HALF, type: '11', letter: 'H', feature: 'FP16' },
];
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
