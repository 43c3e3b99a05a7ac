/**
 * Preferred aliases (C6.2, C7.2 have each condition): for a pattern by name, the template to use instead of its own, or null; or,
 * where patterns write themselves, another form of their text.
 */
import type { Fields, Pattern } from '../arch/a64/pattern.ts';

type Rule = (f: Fields) => string | null;

const width = (f: Fields): number => (f.sf ? 64 : 32);
const when = (condition: boolean, template: string): string | null => (condition ? template : null);
/** Of a template in parts: the first that applies. */
const first = (...templates: readonly (string | null)[]): string | null => templates.find((t) => t !== null) ?? null;

/** Would MOVZ or MOVN make this value (MoveWidePreferred)? Then it is not written as a move of a bitmask. */
function byMoveWide({ sf, immN, imms, immr }: Fields): boolean {
  const size = sf ? 64 : 32;
  if (sf ? immN !== 1 : immN !== 0 || (imms! & 32) !== 0) return false;
  const rotation = immr! & 15;
  if (imms! < 16) return ((16 - rotation) & 15) <= 15 - imms!;
  if (imms! >= size - 15) return rotation <= imms! - (size - 15);
  return false;
}

const bitfield = (f: Fields, signed: boolean): string => {
  const [s, last] = [f.imms!, width(f) - 1];
  const letter = signed ? 's' : 'u';
  if (s === last) return `${signed ? 'asr' : 'lsr'} <Rd>, <Rn>, #<immr>`;
  if (!signed && s + 1 === f.immr) return `lsl <Rd>, <Rn>, #${last - s}`;
  if (s < f.immr!) return `${letter}bfiz <Rd>, <Rn>, #${width(f) - f.immr!}, #${s + 1}`;
  if (f.immr === 0 && (s === 7 || s === 15) && (signed || !f.sf)) return `${letter}xt${s === 7 ? 'b' : 'h'} <Rd>, <Wn>`;
  if (f.immr === 0 && s === 31 && signed) return 'sxtw <Xd>, <Wn>';
  return `${letter}bfx <Rd>, <Rn>, #<immr>, #${s + 1 - f.immr!}`;
};

const SHIFTED = '<Rm>{, <shift> #<imm6>}';
const EXTENDED = '<Rm-ext>{, <extend>{ #<imm3>}}';
const zr = (n: number | undefined): boolean => n === 31;

/** Conditional selects of one register, or of zero. */
const select =
  (same: string, zero: string | null): Rule =>
  (f) => {
    if ((f.cond! & 14) === 14 || f.Rn !== f.Rm) return null;
    if (zr(f.Rn) && zero) return `${zero} <Rd>, <!cond>`;
    return `${same} <Rd>, <Rn>, <!cond>`;
  };

const RULES: Record<string, Rule> = {
  'ADD (immediate)': (f) => when(!f.imm12 && !f.immsh && (zr(f.Rd) || zr(f.Rn)), 'mov <Rd|SP>, <Rn|SP>'),
  'ADDS (immediate)': (f) => when(zr(f.Rd), 'cmn <Rn|SP>, <shifted-imm>'),
  'SUBS (immediate)': (f) => when(zr(f.Rd), 'cmp <Rn|SP>, <shifted-imm>'),
  'ORR (immediate)': (f) => when(zr(f.Rn) && (zr(f.Rd) || !byMoveWide(f)), 'mov <Rd|SP>, <bitmask>'),
  'ANDS (immediate)': (f) => when(zr(f.Rd), 'tst <Rn>, <bitmask>'),
  MOVZ: (f) => when(f.imm16 !== 0 || f.immhw === 0, 'mov <Rd>, <bitmask>'),
  MOVN: (f) => when((f.imm16 !== 0 || f.immhw === 0) && (f.sf === 1 || f.imm16 !== 0xffff), 'mov <Rd>, <bitmask>'),
  SBFM: (f) => bitfield(f, true),
  UBFM: (f) => bitfield(f, false),
  BFM: (f) => {
    if (f.imms! >= f.immr!) return `bfxil <Rd>, <Rn>, #<immr>, #${f.imms! + 1 - f.immr!}`;
    const place = `#${width(f) - f.immr!}, #${f.imms! + 1}`;
    return zr(f.Rn) ? `bfc <Rd>, ${place}` : `bfi <Rd>, <Rn>, ${place}`;
  },
  EXTR: (f) => when(f.Rn === f.Rm, 'ror <Rd>, <Rn>, #<imms>'),

  'ORR (shifted register)': (f) => when(zr(f.Rn) && !f.imm6 && !f.shift, 'mov <Rd>, <Rm>'),
  'ORN (shifted register)': (f) => when(zr(f.Rn), `mvn <Rd>, ${SHIFTED}`),
  'ANDS (shifted register)': (f) => when(zr(f.Rd), `tst <Rn>, ${SHIFTED}`),
  'ADDS (shifted register)': (f) => when(zr(f.Rd), `cmn <Rn>, ${SHIFTED}`),
  'SUB (shifted register)': (f) => when(zr(f.Rn), `neg <Rd>, ${SHIFTED}`),
  'SUBS (shifted register)': (f) =>
    first(when(zr(f.Rd), `cmp <Rn>, ${SHIFTED}`), when(zr(f.Rn), `negs <Rd>, ${SHIFTED}`)),
  'ADDS (extended register)': (f) => when(zr(f.Rd), `cmn <Rn|SP>, ${EXTENDED}`),
  'SUBS (extended register)': (f) => when(zr(f.Rd), `cmp <Rn|SP>, ${EXTENDED}`),
  SBC: (f) => when(zr(f.Rn), 'ngc <Rd>, <Rm>'),
  SBCS: (f) => when(zr(f.Rn), 'ngcs <Rd>, <Rm>'),
  CSINC: select('cinc', 'cset'),
  CSINV: select('cinv', 'csetm'),
  CSNEG: select('cneg', null),
  LSLV: () => 'lsl <Rd>, <Rn>, <Rm>',
  LSRV: () => 'lsr <Rd>, <Rn>, <Rm>',
  ASRV: () => 'asr <Rd>, <Rn>, <Rm>',
  RORV: () => 'ror <Rd>, <Rn>, <Rm>',
  MADD: (f) => when(zr(f.Ra), 'mul <Rd>, <Rn>, <Rm>'),
  MSUB: (f) => when(zr(f.Ra), 'mneg <Rd>, <Rn>, <Rm>'),
  SMADDL: (f) => when(zr(f.Ra), 'smull <Xd>, <Wn>, <Wm>'),
  SMSUBL: (f) => when(zr(f.Ra), 'smnegl <Xd>, <Wn>, <Wm>'),
  UMADDL: (f) => when(zr(f.Ra), 'umull <Xd>, <Wn>, <Wm>'),
  UMSUBL: (f) => when(zr(f.Ra), 'umnegl <Xd>, <Wn>, <Wm>'),
  RET: (f) => when(f.Rn === 30, 'ret'),
};

/** LSE atomics whose old value nobody wants: `STADD` for `LDADD` to the zero register, without acquire. */
function storeOnly(name: string, f: Fields, pattern: Pattern): string | null {
  const m = /^LD(ADD|CLR|EOR|SET|[SU]MAX|[SU]MIN)(L?)([BH]?)$/.exec(name);
  if (!m || f.Rt !== 31) return null;
  const register = pattern.value >>> 30 === 3 ? '<Xs>' : '<Ws>';
  return `st${m[1]}${m[2]}${m[3]} `.toLowerCase() + `${register}, [<Xn|SP>]`;
}

/** The template of the preferred alias, or null when the instruction goes by its own name. */
export function aliasOf(pattern: Pattern, f: Fields): string | null {
  return RULES[pattern.name]?.(f) ?? storeOnly(pattern.name, f, pattern);
}

/** Other forms of what patterns write themselves. */
const REWRITES: Record<string, (text: string) => string> = {
  'DUP (element, scalar)': (t) => t.replace(/^dup/, 'mov'),
  'INS (general)': (t) => t.replace(/^ins/, 'mov'),
  'INS (element)': (t) => t.replace(/^ins/, 'mov'),
  UMOV: (t) => t.replace(/^umov(.*\.[sd]\[)/, 'mov$1'),
  'NOT (vector)': (t) => t.replace(/^not/, 'mvn'),
  'ORR (vector)': (t) => t.replace(/^orr (\S+), (\S+), \2$/, 'mov $1, $2'),
  'SSHLL (vector)': (t) => t.replace(/^sshll(.*), #0$/, 'sxtl$1'),
  // One register, whose name says which way the data goes.
  'MSR (register)': (t) => t.replace('dbgdtrrx_el0', 'dbgdtrtx_el0'),
  'USHLL (vector)': (t) => t.replace(/^ushll(.*), #0$/, 'uxtl$1'),
};
/** The preferred form of a text that a pattern wrote itself. */
export function rewritten(pattern: Pattern, text: string): string {
  return REWRITES[pattern.name]?.(text) ?? text;
}
