/** Scalar floating point (C4.1.97): arithmetic on one, two and three sources. */
import { control } from '../float/fast.ts';
import { HALF, RMODE } from '../float/format.ts';
import { ROUND, sizeBits } from '../float/integral.ts';
import * as ops from '../float/operations.ts';
import { scalarShape } from '../float/shape.ts';
import { i32, type Sem, type Val } from '../semantics.ts';
import { binary, KINDS, needs, regs } from './fp-common.ts';
import { Group } from './pattern.ts';

export const group = new Group('floating point (scalar)', { fp: true });

// Two sources; the opcode is the place in the list.
const binaries: readonly [name: string, run: ops.Binary][] = [
  ['FMUL', ops.mul],
  ['FDIV', ops.div],
  ['FADD', ops.add],
  ['FSUB', ops.sub],
  ['FMAX', ops.max],
  ['FMIN', ops.min],
  ['FMAXNM', ops.maxNum],
  ['FMINNM', ops.minNum],
  ['FNMUL', ops.negatedMul],
];
for (const k of KINDS) {
  const o = scalarShape(k.format);
  binaries.forEach(([name, run], opcode) => {
    group.insn(`${name} (scalar)`, `00011110 ${k.type} 1 Vm ${binary(opcode, 4)} 10 Vn Vd:w`, {
      ...needs(k),
      asm: `${name.toLowerCase()} ${regs(k.letter, 'd n m')}`,
      run: (s) => o.write(s, 'Vd', run(s, o, o.read(s, 'Vn'), o.read(s, 'Vm'))),
    });
  });
}

// Three sources: the addend and the product negated or not.
for (const k of KINDS) {
  const o = scalarShape(k.format);
  for (const [name, o1, o0, addend, product] of [
    ['FMADD', 0, 0, false, false],
    ['FMSUB', 0, 1, false, true],
    ['FNMADD', 1, 0, true, true],
    ['FNMSUB', 1, 1, true, false],
  ] as const) {
    group.insn(name, `00011111 ${k.type} ${o1} Vm ${o0} Va Vn Vd:w`, {
      ...needs(k),
      asm: `${name.toLowerCase()} ${regs(k.letter, 'd n m a')}`,
      run: (s) => {
        const values = [o.read(s, 'Va'), o.read(s, 'Vn'), o.read(s, 'Vm')] as const;
        const wide = [s.v('Va'), s.v('Vn'), s.v('Vm')] as const;
        o.write(s, 'Vd', ops.mulAdd(s, o, values, { addend, product }, wide));
      },
    });
  }
}

// One source.
for (const k of KINDS) {
  const o = scalarShape(k.format);
  const one = (name: string, opcode: number, run: (s: Sem, x: Val) => Val, ...features: string[]): void => {
    group.insn(`${name} (scalar)`, `00011110 ${k.type} 1 ${binary(opcode, 6)} 10000 Vn Vd:w`, {
      ...needs(k, ...features),
      asm: `${name.toLowerCase()} ${regs(k.letter, 'd n')}`,
      run: (s) => o.write(s, 'Vd', run(s, o.read(s, 'Vn'))),
    });
  };
  one('FMOV', 0, (_s, x) => x);
  one('FABS', 1, (_s, x) => o.abs(x));
  one('FNEG', 2, (_s, x) => o.neg(x));
  one('FSQRT', 3, (s, x) => ops.sqrt(s, o, x));
  for (const [name, opcode, rounding, exact] of [
    ['FRINTN', 8, ROUND.nearest, false],
    ['FRINTP', 9, ROUND.up, false],
    ['FRINTM', 10, ROUND.down, false],
    ['FRINTZ', 11, ROUND.zero, false],
    ['FRINTA', 12, ROUND.away, false],
    ['FRINTX', 14, 'current', true],
    ['FRINTI', 15, 'current', false],
  ] as const) {
    one(name, opcode, (s, x) => ops.roundToIntegral(s, o, x, rounding, exact));
  }
  if (k.format === HALF) continue;
  for (const [name, opcode, size, current] of [
    ['FRINT32Z', 16, 32, false],
    ['FRINT32X', 17, 32, true],
    ['FRINT64Z', 18, 64, false],
    ['FRINT64X', 19, 64, true],
  ] as const) {
    const run = (s: Sem, x: Val): Val => {
      const how = current ? control(s).bits(RMODE, 2) : i32(ROUND.zero);
      return o.routine(s, 'fpRoundIntN', x, how.or(sizeBits(size)));
    };
    one(name, opcode, run, 'FRINTTS');
  }
}
