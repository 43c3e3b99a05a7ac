/** Advanced SIMD conversions (C4.1.97): to and from integers and fixed point, between widths. */

import { lane } from '../../wasm/value.ts';
import { arithmeticMode, control, flushMode, guarded } from '../float/fast.ts';
import { CTL, DOUBLE, RMODE_MASK, SINGLE } from '../float/format.ts';
import { fromInteger, toInteger } from '../float/integers.ts';
import { ROUND } from '../float/integral.ts';
import { isNan, notNormal } from '../float/judge.ts';
import { pair } from '../float/lanes.ts';
import { fromBits, Shape, scalarShape, toBits } from '../float/shape.ts';
import { i64, op, type Sem, type Val } from '../semantics.ts';
import { type Form, formRegs, needs, SCALARS, topOf, VECTORS } from './fp-common.ts';
import { Group } from './pattern.ts';
import { highHalf } from './simd-common.ts';

export const group = new Group('Advanced SIMD conversions (floating point)', { fp: true });

const both = [...VECTORS, ...SCALARS];

/** The integers of a scalar form go to and come from a vector register. */
function asRegister(form: Form, v: Val): Val {
  if (!form.shape.scalar) return v;
  return fromBits(form.kind.format, v.zext64());
}
const bitsOf = (form: Form): 16 | 32 | 64 => form.kind.format.bits;
function integerOf(s: Sem, form: Form): Val {
  const v = s.v('Vn');
  if (!form.shape.scalar) return v;
  if (bitsOf(form) === 64) return lane('i64x2.extract_lane', v, 0);
  return bitsOf(form) === 32 ? lane('i32x4.extract_lane', v, 0) : lane('i16x8.extract_lane_s', v, 0);
}
function fromSource(s: Sem, form: Form, unsigned: boolean, fixed: Val | null = null): Val {
  const x = integerOf(s, form);
  return fromInteger(
    s,
    form.shape,
    unsigned && bitsOf(form) === 16 && form.shape.scalar ? x.and(0xffff) : x,
    unsigned,
    fixed,
  );
}

for (const form of both) {
  const { bits } = form.kind.format;
  const middle = (a: number): string => (bits === 16 ? `${a} 1111 00` : `${a} ${bits === 64 ? 1 : 0} 10000`);
  const define = (name: string, u: number, a: number, opcode: string, run: (s: Sem) => Val): void => {
    group.insn(name, `${topOf(form, u)} ${middle(a)} ${opcode} 10 Vn Vd:w`, {
      ...needs(form.kind),
      asm: `${name.toLowerCase()} ${formRegs(form, 'd n')}`,
      run: (s) => form.shape.write(s, 'Vd', run(s)),
    });
  };
  for (const [letter, a, opcode, rounding] of [
    ['N', 0, '11010', ROUND.nearest],
    ['M', 0, '11011', ROUND.down],
    ['A', 0, '11100', ROUND.away],
    ['P', 1, '11010', ROUND.up],
    ['Z', 1, '11011', ROUND.zero],
  ] as const) {
    for (const u of [0, 1]) {
      define(`FCVT${letter}${u ? 'U' : 'S'}`, u, a, opcode, (s) => {
        const x = form.shape.read(s, 'Vn');
        return asRegister(form, toInteger(s, form.shape, x, { unsigned: u === 1, rounding, bits }));
      });
    }
  }
  for (const u of [0, 1]) {
    define(u ? 'UCVTF' : 'SCVTF', u, 0, '11101', (s) => fromSource(s, form, u === 1));
    // Fixed point: twice the width of the element less immh:immb.
    const immediate = { 16: '001 immx:4', 32: '01 immx:5', 64: '1 immx:6' }[bits];
    const top = topOf(form, u)
      .replace(/01110$/, '011110')
      .replace(/11110$/, (all) => (form.shape.scalar ? '111110' : all));
    const fixed = (name: string, opcode: string, run: (s: Sem, n: Val) => Val): void => {
      group.insn(`${name} (fixed-point)`, `${top} ${immediate} ${opcode} 1 Vn Vd:w`, {
        ...needs(form.kind),
        imm: (f) => bits - f.immx!,
        asm: `${name.toLowerCase()} ${formRegs(form, 'd n')}, #<imm>`,
        run: (s) => form.shape.write(s, 'Vd', run(s, s.immByte(0))),
      });
    };
    fixed(u ? 'UCVTF' : 'SCVTF', '11100', (s, n) => fromSource(s, form, u === 1, n));
    fixed(u ? 'FCVTZU' : 'FCVTZS', '11111', (s, n) => {
      const x = form.shape.read(s, 'Vn');
      const how = { unsigned: u === 1, rounding: ROUND.zero, bits, fixed: n } as const;
      return asRegister(form, toInteger(s, form.shape, x, how));
    });
  }
}

/** i32: is a double that came of a single below the smallest normal one, and not zero? */
function tinySingles(r: Val): Val {
  const o = new Shape(DOUBLE, 16);
  const small = o.op('lt', o.abs(r), o.num(2 ** (1 - SINGLE.bias)));
  return o.any(o.both(small, o.op('ne', r, o.num(0))));
}

// Longer and narrower. Q chooses the half of the narrow register.
const low = (v: Val): Val => lane('i64x2.extract_lane', v, 0);
const high = (v: Val): Val => lane('i64x2.extract_lane', v, 1);
function writeNarrow(s: Sem, q: number, bits: Val): void {
  s.setV('Vd', q ? pair(low(s.v('Vd')), bits) : pair(bits, i64(0)));
}
for (const q of [0, 1]) {
  const two = q ? '2' : '';
  for (const [sz, narrow, wide] of [
    [0, `${4 << q}H`, '4S'],
    [1, `${2 << q}S`, '2D'],
  ] as const) {
    group.insn('FCVTL', `0 ${q} 0 01110 0 ${sz} 10000 10111 10 Vn Vd:w`, {
      asm: `fcvtl${two} <Vd.${wide}>, <Vn.${narrow}>`,
      run: (s) => {
        const n = s.v('Vn');
        const slow = (): Val => s.helper(sz ? 'fpLong.sd' : 'fpLong.hs', s.cpu, control(s), q ? high(n) : low(n));
        const o = new Shape(DOUBLE, 16);
        const compute = (): Val => op('f64x2.promote_low_f32x4', q ? highHalf(n) : n);
        const parts = {
          compute,
          bad: (r: Val) => isNan(o, r),
          // Widened denormals are normal: 2^-149 to 2^-126.
          flushed: (r: Val) => isNan(o, r).or(tinySingles(r)),
          slow,
        };
        s.setV('Vd', sz ? guarded({ mode: flushMode(s), ...parts }) : slow());
      },
    });
    group.insn('FCVTN', `0 ${q} 0 01110 0 ${sz} 10000 10110 10 Vn Vd:w`, {
      asm: `fcvtn${two} <Vd.${narrow}>, <Vn.${wide}>`,
      run: (s) => {
        const n = s.v('Vn');
        const slow = (): Val => s.helper(sz ? 'fpNarrow.ds' : 'fpNarrow.sh', s.cpu, control(s), n);
        if (!sz) {
          writeNarrow(s, q, slow());
          return;
        }
        const r = guarded({
          mode: arithmeticMode(s),
          compute: () => op('f32x4.demote_f64x2_zero', n),
          bad: (v) => notNormal(new Shape(SINGLE, 8), v),
          inexact: (v) => op('v128.any_true', op('f64x2.ne', op('f64x2.promote_low_f32x4', v), n)),
          slow: () => pair(slow(), i64(0)),
        });
        writeNarrow(s, q, low(r));
      },
    });
  }
  group.insn('FCVTXN', `0 ${q} 1 01110 0 1 10000 10110 10 Vn Vd:w`, {
    asm: `fcvtxn${two} <Vd.${2 << q}S>, <Vn.2D>`,
    run: (s) => writeNarrow(s, q, s.helper('fpNarrow.ds', s.cpu, toOdd(s), s.v('Vn'))),
  });
  group.insn('BFCVTN', `0 ${q} 0 01110 10 10000 10110 10 Vn Vd:w`, {
    feature: 'BF16',
    asm: `bfcvtn${two} <Vd.${4 << q}H>, <Vn.4S>`,
    run: (s) => writeNarrow(s, q, s.helper('fpNarrowBF', s.cpu, control(s), s.v('Vn'))),
  });
}
const toOdd = (s: Sem): Val => control(s).and(~RMODE_MASK).or(CTL.odd);
group.insn('FCVTXN (scalar)', '01 1 11110 0 1 10000 10110 10 Vn Vd:w', {
  asm: 'fcvtxn <Sd>, <Dn>',
  run: (s) => {
    const bits = s.helper('fpConvert.ds', s.cpu, toOdd(s), toBits(s.d('Vn')));
    scalarShape(SINGLE).write(s, 'Vd', fromBits(SINGLE, bits));
  },
});

for (const [name, u, routine] of [
  ['URECPE', 0, 'fpURecpE'],
  ['URSQRTE', 1, 'fpURSqrtE'],
] as const) {
  for (const q of [0, 1]) {
    group.insn(name, `0 ${q} ${u} 01110 10 10000 11100 10 Vn Vd:w`, {
      asm: `${name.toLowerCase()} <Vd.${2 << q}S>, <Vn.${2 << q}S>`,
      run: (s) => {
        const n = s.v('Vn');
        const one = (k: number): Val => s.helper(routine, lane('i32x4.extract_lane', n, k).zext64());
        const two = (k: number): Val => one(k).or(one(k + 1).shl(32));
        s.setV('Vd', pair(two(0), q ? two(2) : i64(0)));
      },
    });
  }
}
