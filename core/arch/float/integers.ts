/** Conversion to and from integers and fixed point on any shape. Vectors' integers are as wide as their elements. */

import { lane, v128 } from '../../wasm/value.ts';
import { I32, I64, i32, i64, op, type Sem, type Val } from '../semantics.ts';
import { arithmeticMode, control, guarded, modeOf } from './fast.ts';
import { DOUBLE, type Format } from './format.ts';
import { ROUND, sizeBits, UNSIGNED } from './integral.ts';
import { denormal } from './judge.ts';
import { pair } from './lanes.ts';
import { integral } from './operations.ts';
import { fromBits, type Shape, toBits } from './shape.ts';

/** 2^(± n) in every lane, for the small n of fixed point. */
function power(o: Shape, n: Val, sign: 1 | -1): Val {
  const { f } = o;
  const exponent = sign > 0 ? i32(f.bias).add(n) : i32(f.bias).sub(n);
  const bits = exponent.zext64().shl(f.frac);
  if (o.scalar) return fromBits(f, bits);
  return f === DOUBLE ? op('i64x2.splat', bits) : op('i32x4.splat', bits.lo32());
}
const halves = (v: Val): [Val, Val] => [lane('f64x2.extract_lane', v, 0), lane('f64x2.extract_lane', v, 1)];
const words = (v: Val): [Val, Val] => [lane('i64x2.extract_lane', v, 0), lane('i64x2.extract_lane', v, 1)];

/** Does a value in some lane not fit? By comparing with powers of two; the most negative integer counts as not fitting. */
function outside(o: Shape, x: Val, bits: number, unsigned: boolean, truncating: boolean): Val {
  const top = o.num(2 ** (unsigned ? bits : bits - 1));
  const below = o.op('lt', unsigned ? x : o.op('abs', x), top);
  const above = truncating ? o.op('gt', x, o.num(-1)) : o.op('ge', x, o.num(0));
  const fits = unsigned ? o.both(below, above) : below;
  return o.scalar ? fits.eqz() : o.any(op('v128.not', fits));
}

export interface ToInteger {
  readonly unsigned: boolean;
  /** One of ROUND. */
  readonly rounding: number;
  /** Scalars: width of the integer. Vectors: that of the elements. */
  readonly bits: 32 | 64 | 16;
  /** Fraction bits, i32. */
  readonly fixed?: Val | null;
}

/** NaN gives 0, what is out of range saturates. Scalars yield i32 or i64, and i64 for half precision. */
export function toInteger(s: Sem, o: Shape, x: Val, { unsigned, rounding, bits, fixed }: ToInteger): Val {
  const { f } = o;
  const slow = (): Val => {
    const how = i32(rounding | (unsigned ? UNSIGNED : 0) | sizeBits(bits));
    const full = fixed ? how.or(fixed.shl(16)) : how;
    if (!o.scalar) return o.routine(s, 'fpToInt', x, full);
    const r = s.helper(`fpToInt.${f.name}`, s.cpu, control(s), toBits(x), full);
    return bits === 64 || o.soft ? r : r.lo32();
  };
  if (o.soft) return slow();
  // Scaling by a power of two is exact, or gives infinity.
  const scaled = fixed ? o.op('mul', x, power(o, fixed, 1)) : x;
  const truncating = rounding === ROUND.zero;
  const whole = truncating ? scaled : integral(o, scaled, rounding);
  const sign = unsigned ? 'u' : 's';
  const compute = (): Val => {
    if (o.scalar) return op(`${bits === 64 ? 'i64' : 'i32'}.trunc_sat_${f === DOUBLE ? 'f64' : 'f32'}_${sign}`, whole);
    if (f !== DOUBLE) return op(`i32x4.trunc_sat_f32x4_${sign}`, whole);
    const [lo, hi] = halves(whole);
    return pair(op(`i64.trunc_sat_f64_${sign}`, lo), op(`i64.trunc_sat_f64_${sign}`, hi));
  };
  return guarded({
    mode: modeOf(s, { rounding: false, inexact: true }),
    compute,
    bad: () => outside(o, whole, bits, unsigned, truncating),
    inexact: () => o.any(o.op('ne', truncating ? o.op('trunc', scaled) : whole, scaled)),
    flushed: () => denormal(o, x).or(outside(o, whole, bits, unsigned, truncating)),
    slow,
  });
}

/** i32: has the integer more significant bits than the format holds? */
function tooLong(f: Format, wide: Val, unsigned: boolean): Val {
  const mag = unsigned ? wide : wide.xor(wide.shrS(63)).sub(wide.shrS(63));
  return i64(64)
    .sub(mag.clz())
    .sub(mag.ctz())
    .gtS(f.frac + 1);
}

/** From i32, i64 or a vector of integers. */
export function fromInteger(s: Sem, o: Shape, x: Val, unsigned: boolean, fixed: Val | null = null): Val {
  const { f } = o;
  const wide = !o.scalar ? x : unsigned ? x.zext64() : x.sext64();
  const slow = (): Val => {
    const how = i32(unsigned ? UNSIGNED : 0);
    const full = fixed ? how.or(fixed.shl(16)) : how;
    if (!o.scalar) return o.routine(s, 'fpFromInt', x, full);
    return fromBits(f, s.helper(`fpFromInt.${f.name}`, s.cpu, control(s), wide, full));
  };
  if (o.soft) return slow();
  const sign = unsigned ? 'u' : 's';
  const convert = (v: Val): Val => {
    if (v.ty === I32 || v.ty === I64) {
      return op(`${f === DOUBLE ? 'f64' : 'f32'}.convert_${v.ty === I64 ? 'i64' : 'i32'}_${sign}`, v);
    }
    if (f !== DOUBLE) return op(`f32x4.convert_i32x4_${sign}`, v);
    const [lo, hi] = words(v).map(convert) as [Val, Val];
    return lane('f64x2.replace_lane', op('f64x2.splat', lo), 1, hi);
  };
  const compute = (): Val => (fixed ? o.op('mul', convert(x), power(o, fixed, -1)) : convert(x));
  // A double holds every 32-bit integer.
  if (f === DOUBLE && x.ty === I32) return compute();
  const lost = (): Val => {
    if (o.scalar) return tooLong(f, wide, unsigned);
    if (f === DOUBLE) {
      const [lo, hi] = words(x);
      return tooLong(f, lo, unsigned).or(tooLong(f, hi, unsigned));
    }
    // There and back again; the largest integer would saturate back to itself.
    const back = op(`i32x4.trunc_sat_f32x4_${sign}`, convert(x));
    const most = v128(unsigned ? -1n : 0x7fffffff7fffffffn);
    return o.any(op('v128.or', op('i32x4.ne', back, x), op('i32x4.eq', back, most)));
  };
  return guarded({ mode: arithmeticMode(s), compute, bad: null, inexact: lost, slow });
}
