/** Conversion of scalars between formats. */
import { op, type Sem, type Val } from '../semantics.ts';
import { arithmeticMode, control, flushMode, guarded } from './fast.ts';
import { DOUBLE, type Format, SINGLE } from './format.ts';
import { denormal, isNan, notNormal } from './judge.ts';
import { fromBits, scalarShape, toBits } from './shape.ts';

export function convertScalar(s: Sem, from: Format, to: Format, x: Val): Val {
  const slow = (): Val => {
    const bits = s.helper(`fpConvert.${from.name}${to.name}`, s.cpu, control(s), toBits(x));
    return fromBits(to, bits);
  };
  if (from === SINGLE && to === DOUBLE) {
    const compute = (): Val => op('f64.promote_f32', x);
    const bad = (r: Val): Val => isNan(scalarShape(to), r);
    const flushed = (r: Val): Val => denormal(scalarShape(from), x).or(bad(r));
    return guarded({ mode: flushMode(s), compute, bad, flushed, slow });
  }
  if (from === DOUBLE && to === SINGLE) {
    return guarded({
      mode: arithmeticMode(s),
      compute: () => op('f32.demote_f64', x),
      bad: (r) => notNormal(scalarShape(to), r),
      inexact: (r) => op('f64.ne', op('f64.promote_f32', r), x),
      // A denormal operand gives no normal result.
      slow,
    });
  }
  return slow();
}
