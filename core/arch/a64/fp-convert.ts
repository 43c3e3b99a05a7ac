/** Scalar floating point: conversions between formats, to and from integers and fixed point, moves (C4.1.97). */
import { lane } from '../../wasm/value.ts';
import { LogicFlags } from '../flags.ts';
import { control } from '../float/fast.ts';
import { DOUBLE, type Format, HALF, SINGLE } from '../float/format.ts';
import { convertScalar } from '../float/formats.ts';
import { fromInteger, toInteger } from '../float/integers.ts';
import { ROUND } from '../float/integral.ts';
import { fromBits, scalarShape, toBits } from '../float/shape.ts';
import { KINDS, type Kind, needs } from './fp-common.ts';
import { type Fields, Group } from './pattern.ts';

export const group = new Group('floating point (conversion)', { fp: true });

// Between formats.
for (const from of KINDS) {
  for (const to of KINDS) {
    if (from === to) continue;
    group.insn('FCVT', `00011110 ${from.type} 1 0001 ${to.type} 10000 Vn Vd:w`, {
      asm: `fcvt <${to.letter}d>, <${from.letter}n>`,
      run: (s) => {
        const x = scalarShape(from.format).read(s, 'Vn');
        scalarShape(to.format).write(s, 'Vd', convertScalar(s, from.format, to.format, x));
      },
    });
  }
}
group.insn('BFCVT', '00011110 01 1 000110 10000 Vn Vd:w', {
  feature: 'BF16',
  asm: 'bfcvt <Hd>, <Sn>',
  run: (s) => {
    scalarShape(HALF).write(s, 'Vd', s.helper('fpConvertBF', s.cpu, control(s), toBits(s.s('Vn'))));
  },
});

const letterOf = (sf: number): string => (sf ? 'X' : 'W');

function defineIntegers(k: Kind): void {
  const o = scalarShape(k.format);
  const general = (sf: number) => (sf ? 64 : 32);
  const toGeneral = (name: string, rmode: string, opcode: string, unsigned: boolean, rounding: number): void => {
    for (const sf of [0, 1]) {
      group.insn(`${name} (scalar, integer)`, `${sf} 0011110 ${k.type} 1 ${rmode} ${opcode} 000000 Vn Rd:w`, {
        ...needs(k),
        asm: `${name.toLowerCase()} <${letterOf(sf)}d>, <${k.letter}n>`,
        run: (s) => {
          const r = toInteger(s, o, o.read(s, 'Vn'), { unsigned, rounding, bits: general(sf) });
          s.setR(sf, 'Rd', sf ? r : r.lo32());
        },
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
        run: (s) => o.write(s, 'Vd', fromInteger(s, o, s.r(sf, 'Rn'), u === 1)),
      });
      group.insn(`${name} (scalar, fixed-point)`, `${sf} 0011110 ${k.type} 0 00 01${u} immscale:6 Rn Vd:w`, {
        ...needs(k),
        imm: (x: Fields) => fixedPoint(sf, x),
        asm: `${name.toLowerCase()} <${k.letter}d>, <${letterOf(sf)}n>, #<imm>`,
        run: (s) => o.write(s, 'Vd', fromInteger(s, o, s.r(sf, 'Rn'), u === 1, s.immByte(0))),
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
          const form = { unsigned: u === 1, rounding: ROUND.zero, bits: general(sf), fixed: s.immByte(0) } as const;
          const r = toInteger(s, o, o.read(s, 'Vn'), form);
          s.setR(sf, 'Rd', sf ? r : r.lo32());
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
  const o = scalarShape(f);
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
        const bits = toBits(o.read(s, 'Vn'));
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
        o.write(s, 'Vd', fromBits(f, f === HALF ? bits.and(0xffff) : bits));
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
    run: (s) => o.write(s, 'Vd', fromBits(f, s.imm())),
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
