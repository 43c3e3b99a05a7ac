/** Scalar floating point: comparison, conditional comparison and selection (C4.1.97). */

import { select } from '../../wasm/value.ts';
import { iff, unlikely, variable } from '../control.ts';
import { type Flags, unpackFlags } from '../flags.ts';
import { NZCV } from '../float/compare.ts';
import { control, flushMode } from '../float/fast.ts';
import { denormal, isNan, maybeNan } from '../float/judge.ts';
import { type Shape, scalarShape, toBits } from '../float/shape.ts';
import { I32, i32, i64, type Sem, type Val } from '../semantics.ts';
import { KINDS, type Kind, needs, regs } from './fp-common.ts';
import { type Fields, Group } from './pattern.ts';

export const group = new Group('floating point (compare)', { fp: true });

/** Flags of a comparison of two numbers, either of which may be a NaN. */
class CompareFlags implements Flags {
  private readonly o: Shape;
  private readonly a: Val;
  private readonly b: Val;
  constructor(o: Shape, a: Val, b: Val) {
    this.o = o;
    this.a = a;
    this.b = b;
  }
  private is(relation: string): Val {
    return this.o.op(relation, this.a, this.b);
  }
  private unordered(): Val {
    return isNan(this.o, this.a).or(isNan(this.o, this.b));
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
  rebuild(operands: readonly Val[]): Flags {
    return new CompareFlags(this.o, operands[0]!, operands[1]!);
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
function slowly(s: Sem, o: Shape, a: Val, b: Val, signal: number): Val {
  return s.helper(`fpCompare.${o.f.name}`, s.cpu, control(s), toBits(a), toBits(b), i32(signal));
}
function nativeNzcv(o: Shape, a: Val, b: Val): Val {
  const greater = select(o.op('gt', a, b), i32(NZCV.greater), i32(NZCV.unordered));
  return select(o.op('eq', a, b), i32(NZCV.equal), select(o.op('lt', a, b), i32(NZCV.less), greater));
}
/** NZCV natively, or by the routine when `bad`. */
function either(s: Sem, o: Shape, bad: Val, a: Val, b: Val, signal: number): Val {
  const nzcv = variable(I32);
  iff(
    bad,
    () => nzcv.set(slowly(s, o, a, b, signal)),
    () => nzcv.set(nativeNzcv(o, a, b)),
    true,
  );
  return nzcv.get();
}

/** Compares with `b`, or with zero. */
function compare(s: Sem, o: Shape, b: Val | null, signal: number): void {
  const a = o.read(s, 'Vn');
  const other = b ?? (o.soft ? i64(0) : o.num(0));
  const mode = flushMode(s);
  if (o.soft || mode.way === 'slow') {
    s.setFlags(unpackFlags(slowly(s, o, a, other, signal)));
    return;
  }
  const unsure = b ? maybeNan(o, a, b) : isNan(o, a);
  const bad = mode.flush ? unsure.or(b ? denormal(o, a, b) : denormal(o, a)) : unsure;
  // The flags of denormals are not those of their values.
  if (mode.test || mode.flush) {
    s.setFlags(unpackFlags(either(s, o, mode.test ? bad.or(mode.test) : bad, a, other, signal)));
    return;
  }
  unlikely(bad, () => slowly(s, o, a, other, signal));
  s.setFlags(new CompareFlags(o, a, other));
}

/** When the condition fails nothing is compared, and nothing raised. */
function compareIf(s: Sem, o: Shape, cond: Val, signal: number): void {
  const [a, b] = [o.read(s, 'Vn'), o.read(s, 'Vm')];
  const mode = flushMode(s);
  const nzcv = variable(I32, s.imm32());
  iff(cond, () => {
    if (o.soft || mode.way === 'slow') nzcv.set(slowly(s, o, a, b, signal));
    else {
      const unsure = maybeNan(o, a, b);
      const bad = mode.flush ? unsure.or(denormal(o, a, b)) : unsure;
      nzcv.set(either(s, o, mode.test ? bad.or(mode.test) : bad, a, b, signal));
    }
  });
  s.setFlags(unpackFlags(nzcv.get()));
}

function define(k: Kind, name: string, e: number): void {
  const o = scalarShape(k.format);
  const low = name.toLowerCase();
  group.insn(name, `00011110 ${k.type} 1 Vm 00 1000 Vn ${e} 0 000`, {
    ...needs(k),
    asm: `${low} ${regs(k.letter, 'n m')}`,
    run: (s) => compare(s, o, o.read(s, 'Vm'), e),
  });
  group.insn(`${name} (zero)`, `00011110 ${k.type} 1 immm:5 00 1000 Vn ${e} 1 000`, {
    ...needs(k),
    asm: `${low} ${regs(k.letter, 'n')}, #0.0`,
    run: (s) => compare(s, o, null, e),
  });
  const conditional = name.replace('CMP', 'CCMP');
  group.insn(conditional, `00011110 ${k.type} 1 Vm cond:4 01 Vn ${e} immnzcv:4`, {
    ...needs(k),
    imm: (x: Fields) => x.immnzcv! * 2 ** 28,
    asm: `${conditional.toLowerCase()} ${regs(k.letter, 'n m')}, #<immnzcv>, <cond>`,
    run: (s, x) => compareIf(s, o, s.cond(x.cond!), e),
  });
}
for (const k of KINDS) {
  define(k, 'FCMP', 0);
  define(k, 'FCMPE', 1);
  group.insn('FCSEL', `00011110 ${k.type} 1 Vm cond:4 11 Vn Vd:w`, {
    ...needs(k),
    asm: `fcsel ${regs(k.letter, 'd n m')}, <cond>`,
    run: (s, x) => {
      const o = scalarShape(k.format);
      o.write(s, 'Vd', select(s.cond(x.cond!), o.read(s, 'Vn'), o.read(s, 'Vm')));
    },
  });
}
