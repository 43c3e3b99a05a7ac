/**
 * Atomic instructions (C4.1.96): LD<op>, ST<op>, SWP, CAS, CASP of FEAT_LSE. All of them are sequentially consistent on the host,
 * which is stronger than what any of their forms asks for.
 */
import { lane } from '../../wasm/value.ts';
import type { Sem, Val } from '../semantics.ts';
import { casAt, narrowed, OPERATIONS, type Operation, SWAP, updateAt, WIDTHS, type Width } from './atomic-memory.ts';
import { type Fields, Group } from './pattern.ts';

export const group = new Group('atomics', { spBase: true });

/** Letters for acquire and release, as they follow the operation. */
const ORDERS = [
  ['0', '0', ''],
  ['0', '1', 'L'],
  ['1', '0', 'A'],
  ['1', '1', 'AL'],
] as const;

function readModifyWrite(w: Width, o: Operation, opc: string): void {
  for (const [a, r, order] of ORDERS) {
    const name = `${o.name}${order}${w.suffix}`;
    const low = name.toLowerCase();
    group.insn(name, `${w.size} 111 0 00 ${a} ${r} 1 Rs ${opc} 00 Rn:s Rt:w`, {
      feature: 'LSE',
      asm: `${low} <${w.reg}s>, <${w.reg}t>, [<Xn|SP>]`,
      run: (s) => {
        const operand = s.r(w.sf, 'Rs');
        const host = s.atomicAddress(s.x('Rn'), w.bytes);
        s.setR(w.sf, 'Rt', updateAt(s, w, o, host, operand));
      },
    });
  }
}
for (const w of WIDTHS) {
  for (const [opc, o] of OPERATIONS) readModifyWrite(w, o, `0 ${opc}`);
  readModifyWrite(w, SWAP, '1 000');
}

for (const w of WIDTHS) {
  for (const [a, r, order] of ORDERS) {
    const name = `CAS${order}${w.suffix}`;
    group.insn(name, `${w.size} 0010001 ${a} 1 Rs:x ${r} 11111 Rn:s Rt`, {
      feature: 'LSE',
      asm: `${name.toLowerCase()} <${w.reg}s>, <${w.reg}t>, [<Xn|SP>]`,
      run: (s) => {
        const expected = narrowed(w, s.r(w.sf, 'Rs'));
        const desired = narrowed(w, s.r(w.sf, 'Rt'));
        const host = s.atomicAddress(s.x('Rn'), w.bytes);
        s.setR(w.sf, 'Rs', casAt(s, w, host, expected, desired));
      },
    });
  }
}

// Pairs: the registers are an even one and the next. A pair of 32-bit registers is one access of 64 bits.
const even = (f: Fields): boolean => ((f.Rs! | f.Rt!) & 1) === 0;
const join = (lo: Val, hi: Val): Val => lo.lo32().zext64().or(hi.shl(32));
for (const [a, r, order] of ORDERS) {
  const name = `CASP${order}`;
  const low = name.toLowerCase();
  const operands = (reg: string): string => `${low} <${reg}s>, <${reg}s+1>, <${reg}t>, <${reg}t+1>, [<Xn|SP>]`;
  const second = (s: Sem, field: string): Val => s.xPlus(field, 1);
  group.insn(name, `00 0010000 ${a} 1 Rs:x ${r} 11111 Rn:s Rt`, {
    feature: 'LSE',
    where: even,
    asm: operands('W'),
    run: (s) => {
      const expected = join(s.x('Rs'), second(s, 'Rs'));
      const desired = join(s.x('Rt'), second(s, 'Rt'));
      const host = s.atomicAddress(s.x('Rn'), 8);
      const old = casAt(s, WIDTHS[3]!, host, expected, desired);
      s.setX('Rs', old.and(0xffffffffn));
      s.setXPlus('Rs', 1, old.shrU(32));
    },
  });
  group.insn(name, `01 0010000 ${a} 1 Rs:x ${r} 11111 Rn:s Rt`, {
    feature: 'LSE',
    where: even,
    asm: operands('X'),
    run: (s) => {
      const expected = [s.x('Rs'), second(s, 'Rs')] as const;
      const desired = [s.x('Rt'), second(s, 'Rt')] as const;
      const host = s.atomicAddress(s.x('Rn'), 16);
      const old = s.helper('casPair', s.cpu, host, ...expected, ...desired);
      s.setX('Rs', lane('i64x2.extract_lane', old, 0));
      s.setXPlus('Rs', 1, lane('i64x2.extract_lane', old, 1));
    },
  });
}
