/** Scalar floating point: comparison, conditional comparison and selection (C4.1.97). */

import { f32, f64, select } from '../../wasm/value.ts';
import { iff, unlikely, variable } from '../control.ts';
import { type Flags, unpackFlags } from '../flags.ts';
import { NZCV } from '../float/compare.ts';
import { control, flushMode, native, readScalar, toBits, writeScalar } from '../float/fast.ts';
import { type Format, HALF } from '../float/format.ts';
import { F64, I32, i32, i64, type Sem, type Val } from '../semantics.ts';
import { KINDS, type Kind, needs, regs } from './fp-common.ts';
import { type Fields, Group } from './pattern.ts';

export const group = new Group('floating point (compare)', { fp: true });

/** Flags of a comparison of two numbers, either of which may be a NaN. */
class CompareFlags implements Flags {
  private readonly a: Val;
  private readonly b: Val;
  constructor(a: Val, b: Val) {
    this.a = a;
    this.b = b;
  }
  private is(relation: string): Val {
    return native(relation, this.a, this.b);
  }
  private unordered(): Val {
    return native('ne', this.a, this.a).or(native('ne', this.b, this.b));
  }
  n(): Val {
    return this.is('lt').zext64().neg();
  }
  z(): Val {
    return this.is('ne').zext64();
  }
  c(): Val {
    return this.is('lt').eqz();
  }
  v(): Val {
    return this.unordered().zext64().neg();
  }
  operands(): readonly Val[] {
    return [this.a, this.b];
  }
  rebuild(o: readonly Val[]): Flags {
    return new CompareFlags(o[0]!, o[1]!);
  }
  test(cc: number): Val | null {
    switch (cc) {
      case 0:
        return this.is('eq');
      case 2:
        return this.is('lt').eqz();
      case 4:
        return this.is('lt');
      case 6:
        return this.unordered();
      case 8:
        return this.is('le').eqz();
      case 10:
        return this.is('ge');
      default:
        return this.is('gt');
    }
  }
}

/** NZCV in bits [31:28], by the routine: exact in every mode, raises what there is to raise. */
function slowly(s: Sem, f: Format, a: Val, b: Val, signal: number): Val {
  return s.helper(`fpCompare.${f.name}`, s.cpu, control(s), toBits(a), toBits(b), i32(signal));
}
/** Could either operand be a NaN? Opposed infinities count too. */
const maybeUnordered = (a: Val, b: Val | null): Val => {
  const sum = b ? native('add', a, b) : a;
  return native('ne', sum, sum);
};
function nativeNzcv(a: Val, b: Val): Val {
  const greater = select(native('gt', a, b), i32(NZCV.greater), i32(NZCV.unordered));
  return select(native('eq', a, b), i32(NZCV.equal), select(native('lt', a, b), i32(NZCV.less), greater));
}
const zeroOf = (a: Val): Val => (a.ty === F64 ? f64(0) : a.ty === 0x7d ? f32(0) : i64(0));

function compare(s: Sem, f: Format, b: Val | null, signal: number): void {
  const a = readScalar(s, f, 'Vn');
  const other = b ?? zeroOf(a);
  const mode = f === HALF ? null : flushMode(s);
  if (!mode || mode.way === 'slow') {
    s.setFlags(unpackFlags(slowly(s, f, a, other, signal)));
    return;
  }
  const bad = maybeUnordered(a, b);
  if (mode.test) {
    const nzcv = variable(I32);
    iff(
      bad.or(mode.test),
      () => nzcv.set(slowly(s, f, a, other, signal)),
      () => nzcv.set(nativeNzcv(a, other)),
      true,
    );
    s.setFlags(unpackFlags(nzcv.get()));
    return;
  }
  unlikely(bad, () => slowly(s, f, a, other, signal));
  s.setFlags(new CompareFlags(a, other));
}

/** When the condition fails nothing is compared, and nothing raised. */
function compareIf(s: Sem, f: Format, cond: Val, signal: number): void {
  const a = readScalar(s, f, 'Vn');
  const b = readScalar(s, f, 'Vm');
  const mode = f === HALF ? null : flushMode(s);
  const nzcv = variable(I32, s.imm32());
  iff(cond, () => {
    if (!mode || mode.way === 'slow') {
      nzcv.set(slowly(s, f, a, b, signal));
      return;
    }
    const bad = maybeUnordered(a, b);
    iff(
      mode.test ? bad.or(mode.test) : bad,
      () => nzcv.set(slowly(s, f, a, b, signal)),
      () => nzcv.set(nativeNzcv(a, b)),
      true,
    );
  });
  s.setFlags(unpackFlags(nzcv.get()));
}

function define(k: Kind, name: string, e: number): void {
  const f = k.format;
  const low = name.toLowerCase();
  group.insn(name, `00011110 ${k.type} 1 Vm 00 1000 Vn ${e} 0 000`, {
    ...needs(k),
    asm: `${low} ${regs(k.letter, 'n m')}`,
    run: (s) => compare(s, f, readScalar(s, f, 'Vm'), e),
  });
  group.insn(`${name} (zero)`, `00011110 ${k.type} 1 immm:5 00 1000 Vn ${e} 1 000`, {
    ...needs(k),
    asm: `${low} ${regs(k.letter, 'n')}, #0.0`,
    run: (s) => compare(s, f, null, e),
  });
  const conditional = name.replace('CMP', 'CCMP');
  group.insn(conditional, `00011110 ${k.type} 1 Vm cond:4 01 Vn ${e} immnzcv:4`, {
    ...needs(k),
    imm: (x: Fields) => x.immnzcv! * 2 ** 28,
    asm: `${conditional.toLowerCase()} ${regs(k.letter, 'n m')}, #<immnzcv>, <cond>`,
    run: (s, x) => compareIf(s, f, s.cond(x.cond!), e),
  });
}
for (const k of KINDS) {
  define(k, 'FCMP', 0);
  define(k, 'FCMPE', 1);
  group.insn('FCSEL', `00011110 ${k.type} 1 Vm cond:4 11 Vn Vd:w`, {
    ...needs(k),
    asm: `fcsel ${regs(k.letter, 'd n m')}, <cond>`,
    run: (s, x) => {
      const [n, m] = [readScalar(s, k.format, 'Vn'), readScalar(s, k.format, 'Vm')];
      writeScalar(s, k.format, 'Vd', select(s.cond(x.cond!), n, m));
    },
  });
}
