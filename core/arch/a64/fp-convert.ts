/** Scalar floating point: conversions between formats, to and from integers and fixed point, moves (C4.1.97). */
import { f32, f64, lane } from '../../wasm/value.ts';
import { LogicFlags } from '../flags.ts';
import {
  arithmeticMode,
  control,
  flushMode,
  fromBits,
  guarded,
  modeOf,
  native,
  nativePrefix,
  readScalar,
  suspect,
  toBits,
  writeScalar,
} from '../float/fast.ts';
import { DOUBLE, type Format, HALF, SINGLE } from '../float/format.ts';
import { ROUND, sizeBits, UNSIGNED } from '../float/integral.ts';
import { F64, I64, i32, i64, op, type Sem, type Val } from '../semantics.ts';
import { KINDS, type Kind, needs } from './fp-common.ts';
import { roundNatively } from './fp-scalar.ts';
import { type Fields, Group } from './pattern.ts';

export const group = new Group('floating point (conversion)', { fp: true });

// Between formats.
for (const from of KINDS) {
  for (const to of KINDS) {
    if (from === to) continue;
    group.insn('FCVT', `00011110 ${from.type} 1 0001 ${to.type} 10000 Vn Vd:w`, {
      asm: `fcvt <${to.letter}d>, <${from.letter}n>`,
      run: (s) => {
        const x = readScalar(s, from.format, 'Vn');
        writeScalar(s, to.format, 'Vd', convert(s, from.format, to.format, x));
      },
    });
  }
}
function convert(s: Sem, from: Format, to: Format, x: Val): Val {
  const slow = (): Val => {
    const bits = s.helper(`fpConvert.${from.name}${to.name}`, s.cpu, control(s), toBits(x));
    return fromBits(to, bits);
  };
  if (from === SINGLE && to === DOUBLE) {
    const compute = (): Val => op('f64.promote_f32', x);
    return guarded(flushMode(s), { compute, bad: suspect.nan, slow });
  }
  if (from === DOUBLE && to === SINGLE) {
    const lost = (r: Val): Val => native('ne', op('f64.promote_f32', r), x);
    const compute = (): Val => op('f32.demote_f64', x);
    return guarded(arithmeticMode(s), { compute, bad: suspect.notNormal, inexact: lost, slow });
  }
  return slow();
}
group.insn('BFCVT', '00011110 01 1 000110 10000 Vn Vd:w', {
  feature: 'BF16',
  asm: 'bfcvt <Hd>, <Sn>',
  run: (s) => {
    writeScalar(s, HALF, 'Vd', s.helper('fpConvertBF', s.cpu, control(s), toBits(s.s('Vn'))));
  },
});

// To and from integers.

/** 2^(±n) in the format, for the small n of fixed point. */
function power(f: Format, n: Val, sign: 1 | -1): Val {
  const exponent = sign > 0 ? i32(f.bias).add(n) : i32(f.bias).sub(n);
  return fromBits(f, exponent.zext64().shl(f.frac));
}
/** Whether a value fits, by comparing with powers of two; the most negative integer counts as not fitting. */
function fits(x: Val, sf: number, unsigned: boolean, truncating: boolean): Val {
  const top = 2 ** ((sf ? 64 : 32) - (unsigned ? 0 : 1));
  const constant = (v: number): Val => (x.ty === F64 ? f64(v) : f32(v));
  const below = native('lt', unsigned ? x : native('abs', x), constant(top));
  if (!unsigned) return below;
  return below.and(truncating ? native('gt', x, constant(-1)) : native('ge', x, constant(0)));
}

/**
 * Converts to an integer of 32 or 64 bits, with `fbits` fraction bits: NaN gives 0, what is out of range saturates.
 */
export function toInteger(
  s: Sem,
  f: Format,
  sf: number,
  unsigned: boolean,
  mode: number,
  x: Val,
  fbits: Val | null = null,
): Val {
  const how = mode | (unsigned ? UNSIGNED : 0) | sizeBits(sf ? 64 : 32);
  const slow = (): Val => {
    const full = fbits ? i32(how).or(fbits.shl(16)) : i32(how);
    const r = s.helper(`fpToInt.${f.name}`, s.cpu, control(s), toBits(x), full);
    return sf ? r : r.lo32();
  };
  if (f === HALF) return slow();
  // Scaling by a power of two is exact, or gives infinity.
  const scaled = fbits ? native('mul', x, power(f, fbits, 1)) : x;
  const truncating = mode === ROUND.zero;
  const whole = truncating ? scaled : roundNatively(scaled, mode);
  const type = `${sf ? 'i64' : 'i32'}.trunc_sat_${nativePrefix(f)}_${unsigned ? 'u' : 's'}`;
  return guarded(modeOf(s, { rounding: false, inexact: true }), {
    compute: () => op(type, whole),
    bad: () => fits(whole, sf, unsigned, truncating).eqz(),
    inexact: () => native('ne', roundNatively(scaled, mode), scaled),
    slow,
  });
}

/** Converts from an integer (i32 or i64) with `fbits` fraction bits. */
export function fromInteger(s: Sem, f: Format, unsigned: boolean, x: Val, fbits: Val | null = null): Val {
  const wide = unsigned ? x.zext64() : x.sext64();
  const slow = (): Val => {
    const how = i32(unsigned ? UNSIGNED : 0);
    const full = fbits ? how.or(fbits.shl(16)) : how;
    return fromBits(f, s.helper(`fpFromInt.${f.name}`, s.cpu, control(s), wide, full));
  };
  if (f === HALF) return slow();
  const source = `${x.ty === I64 ? 'i64' : 'i32'}_${unsigned ? 'u' : 's'}`;
  const compute = (): Val => {
    const r = op(`${nativePrefix(f)}.convert_${source}`, x);
    return fbits ? native('mul', r, power(f, fbits, -1)) : r;
  };
  // A double holds every 32-bit integer.
  if (f === DOUBLE && x.ty !== I64) return compute();
  const lost = (): Val => {
    const mag = unsigned ? wide : wide.xor(wide.shrS(63)).sub(wide.shrS(63));
    // More significant bits than the fraction and its leading one hold.
    const significant = i64(64).sub(mag.clz()).sub(mag.ctz());
    return significant.gtS(f.frac + 1);
  };
  return guarded(arithmeticMode(s), { compute, bad: null, inexact: lost, slow });
}

const letterOf = (sf: number): string => (sf ? 'X' : 'W');

function defineIntegers(k: Kind): void {
  const f = k.format;
  const toGeneral = (name: string, rmode: string, opcode: string, unsigned: boolean, mode: number): void => {
    for (const sf of [0, 1]) {
      group.insn(`${name} (scalar, integer)`, `${sf} 0011110 ${k.type} 1 ${rmode} ${opcode} 000000 Vn Rd:w`, {
        ...needs(k),
        asm: `${name.toLowerCase()} <${letterOf(sf)}d>, <${k.letter}n>`,
        run: (s) => s.setR(sf, 'Rd', toInteger(s, f, sf, unsigned, mode, readScalar(s, f, 'Vn'))),
      });
    }
  };
  for (const [letter, rmode, mode] of [
    ['N', '00', ROUND.nearest],
    ['P', '01', ROUND.up],
    ['M', '10', ROUND.down],
    ['Z', '11', ROUND.zero],
  ] as const) {
    toGeneral(`FCVT${letter}S`, rmode, '000', false, mode);
    toGeneral(`FCVT${letter}U`, rmode, '001', true, mode);
  }
  toGeneral('FCVTAS', '00', '100', false, ROUND.away);
  toGeneral('FCVTAU', '00', '101', true, ROUND.away);

  for (const [name, u] of [
    ['SCVTF', 0],
    ['UCVTF', 1],
  ] as const) {
    for (const sf of [0, 1]) {
      group.insn(`${name} (scalar, integer)`, `${sf} 0011110 ${k.type} 1 00 01${u} 000000 Rn Vd:w`, {
        ...needs(k),
        asm: `${name.toLowerCase()} <${k.letter}d>, <${letterOf(sf)}n>`,
        run: (s) => writeScalar(s, f, 'Vd', fromInteger(s, f, u === 1, s.r(sf, 'Rn'))),
      });
      group.insn(`${name} (scalar, fixed-point)`, `${sf} 0011110 ${k.type} 0 00 01${u} immscale:6 Rn Vd:w`, {
        ...needs(k),
        imm: (x: Fields) => fixedPoint(sf, x),
        asm: `${name.toLowerCase()} <${k.letter}d>, <${letterOf(sf)}n>, #<imm>`,
        run: (s) => writeScalar(s, f, 'Vd', fromInteger(s, f, u === 1, s.r(sf, 'Rn'), s.immByte(0))),
      });
    }
  }
  for (const [name, u] of [
    ['FCVTZS', 0],
    ['FCVTZU', 1],
  ] as const) {
    for (const sf of [0, 1]) {
      group.insn(`${name} (scalar, fixed-point)`, `${sf} 0011110 ${k.type} 0 11 00${u} immscale:6 Vn Rd:w`, {
        ...needs(k),
        imm: (x: Fields) => fixedPoint(sf, x),
        asm: `${name.toLowerCase()} <${letterOf(sf)}d>, <${k.letter}n>, #<imm>`,
        run: (s) => {
          const x = readScalar(s, f, 'Vn');
          s.setR(sf, 'Rd', toInteger(s, f, sf, u === 1, ROUND.zero, x, s.immByte(0)));
        },
      });
    }
  }
}
/** Fraction bits: 64 − scale; for W registers scale is 32 or more. */
function fixedPoint(sf: number, x: Fields): number | null {
  return sf === 0 && x.immscale! < 32 ? null : 64 - x.immscale!;
}

// Moves between general and floating-point registers.
function defineMoves(k: Kind): void {
  const f = k.format;
  const move = (sf: number, type: string, rmode: string): void => {
    const [x, v] = [`<${letterOf(sf)}`, rmode === '01' ? '<Vn.D>[1]' : `<${k.letter}n>`];
    group.insn('FMOV (general)', `${sf} 0011110 ${type} 1 ${rmode} 110 000000 Vn Rd:w`, {
      ...needs(k),
      asm: `fmov ${x}d>, ${v}`,
      run: (s) => {
        if (rmode === '01') {
          s.setX('Rd', lane('i64x2.extract_lane', s.v('Vn'), 1));
          return;
        }
        const bits = toBits(readScalar(s, f, 'Vn'));
        s.setR(sf, 'Rd', sf ? bits : bits.lo32());
      },
    });
    const [to, from] = [rmode === '01' ? '<Vd.D>[1]' : `<${k.letter}d>`, `<${letterOf(sf)}n>`];
    group.insn('FMOV (general)', `${sf} 0011110 ${type} 1 ${rmode} 111 000000 Rn ${rmode === '01' ? 'Vd:x' : 'Vd:w'}`, {
      ...needs(k),
      asm: `fmov ${to}, ${from}`,
      run: (s) => {
        if (rmode === '01') {
          s.setV('Vd', lane('i64x2.replace_lane', s.v('Vd'), 1, s.x('Rn')));
          return;
        }
        const bits = s.r(sf, 'Rn').zext64();
        writeScalar(s, f, 'Vd', fromBits(f, f === HALF ? bits.and(0xffff) : bits));
      },
    });
  };
  if (f === SINGLE) move(0, k.type, '00');
  if (f === DOUBLE) {
    move(1, k.type, '00');
    move(1, '10', '01');
  }
  if (f === HALF) {
    move(0, k.type, '00');
    move(1, k.type, '00');
  }
  group.insn('FMOV (scalar, immediate)', `00011110 ${k.type} 1 imm8:8 100 00000 Vd:w`, {
    ...needs(k),
    imm: (x: Fields) => expandImmediate(f, x.imm8!),
    asm: (x: Fields) => `fmov ${k.letter.toLowerCase()}${x.Vd}, #${immediateText(x.imm8!)}`,
    run: (s) => writeScalar(s, f, 'Vd', fromBits(f, s.imm())),
  });
}
/** VFPExpandImm: sign, exponent of three bits, fraction of four. */
export function expandImmediate(f: Format, imm8: number): bigint {
  const sign = BigInt(imm8 >>> 7);
  const b = (imm8 >>> 6) & 1;
  const exponent = ((b ? 0 : 1) << (f.exp - 1)) | ((b ? 2 ** (f.exp - 3) - 1 : 0) << 2) | ((imm8 >>> 4) & 3);
  return (
    (sign << BigInt(f.bits - 1)) | (BigInt(exponent) << BigInt(f.frac)) | (BigInt(imm8 & 15) << BigInt(f.frac - 4))
  );
}
/** The number that the immediate stands for. */
export function immediateText(imm8: number): string {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, expandImmediate(DOUBLE, imm8));
  return bytes.getFloat64(0).toFixed(18).replace(/0+$/, '').replace(/\.$/, '.0');
}

for (const k of KINDS) {
  defineIntegers(k);
  defineMoves(k);
}

// FJCVTZS sets Z when the conversion was exact, and clears the others.
group.insn('FJCVTZS', '0 0011110 01 1 11 110 000000 Vn Rd:w', {
  feature: 'JSCVT',
  asm: 'fjcvtzs <Wd>, <Dn>',
  run: (s) => {
    const r = s.helper('fpToInt32Modulo', s.cpu, control(s), toBits(s.d('Vn')));
    s.setFlags(new LogicFlags(r.shrU(32).lo32().and(1).xor(1)));
    s.setW('Rd', r.lo32());
  },
});
