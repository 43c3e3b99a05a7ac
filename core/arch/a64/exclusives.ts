/**
 * Exclusive accesses (C4.1.96). The monitor is the core's own: host address, size and loaded value. A store-exclusive succeeds when
 * memory still has that value: a compare-and-swap (so it cannot see that others changed it and changed it back). CLREX is with
 * the barriers. Registers that a form has no use for should be 31 in its word; whatever they are is ignored.
 */
import { fence, load } from '../../wasm/build.ts';
import { lane } from '../../wasm/value.ts';
import { iff, variable } from '../control.ts';
import { I32, i32, i64, type Sem, type Val } from '../semantics.ts';
import * as state from '../state.ts';
import { casAt, loadAt, narrowed, WIDTHS } from './atomic-memory.ts';
import { Group } from './pattern.ts';

export const group = new Group('exclusives', { spBase: true });

/** Opens the monitor on what was loaded. */
function mark(s: Sem, host: Val, bytes: number, lo: Val, hi: Val): void {
  s.setState('i32', state.EXCL_ADDR, host);
  s.setState('i32', state.EXCL_SIZE, i32(bytes));
  s.setState('i64', state.EXCL_LO, lo);
  s.setState('i64', state.EXCL_HI, hi);
}
/** Stores by `store`, which yields whether memory was as expected, when the monitor is open on this; sets the status. */
function storeMarked(s: Sem, host: Val, bytes: number, store: () => Val): void {
  const failed = variable(I32, 1);
  const open = s.state('i32', state.EXCL_ADDR).eq(host).and(s.state('i32', state.EXCL_SIZE).eq(bytes));
  iff(open, () => failed.set(store().xor(1)));
  s.setState('i32', state.EXCL_ADDR, i32(0));
  s.setW('Rs', failed.get());
}

for (const w of WIDTHS) {
  for (const [o0, acquire, release] of [
    ['0', '', ''],
    ['1', 'A', 'L'],
  ] as const) {
    group.insn(`LD${acquire}XR${w.suffix}`, `${w.size} 001000 0 1 0 immrs:5 ${o0} immrt2:5 Rn:s Rt:w`, {
      asm: `ld${acquire.toLowerCase()}xr${w.suffix.toLowerCase()} <${w.reg}t>, [<Xn|SP>]`,
      run: (s) => {
        const host = s.atomicAddress(s.x('Rn'), w.bytes, { only: 'read' });
        const v = loadAt(s, w, host);
        mark(s, host, w.bytes, v.zext64(), i64(0));
        s.setR(w.sf, 'Rt', v);
      },
    });
    group.insn(`ST${release}XR${w.suffix}`, `${w.size} 001000 0 0 0 Rs:w ${o0} immrt2:5 Rn:s Rt`, {
      asm: `st${release.toLowerCase()}xr${w.suffix.toLowerCase()} <Ws>, <${w.reg}t>, [<Xn|SP>]`,
      run: (s) => {
        const desired = narrowed(w, s.r(w.sf, 'Rt'));
        const host = s.atomicAddress(s.x('Rn'), w.bytes, { only: 'write' });
        storeMarked(s, host, w.bytes, () => {
          const marked = s.state('i64', state.EXCL_LO);
          const expected = w.sf ? marked : marked.lo32();
          return casAt(s, w, host, expected, desired).eq(expected);
        });
      },
    });
  }
}

const [, , , WIDE] = WIDTHS;
for (const [o0, acquire, release] of [
  ['0', '', ''],
  ['1', 'A', 'L'],
] as const) {
  const loadName = `LD${acquire}XP`;
  const storeName = `ST${release}XP`;
  // Two words are one access of 64 bits.
  group.insn(loadName, `10 001000 0 1 1 immrs:5 ${o0} Rt2:w Rn:s Rt:w`, {
    asm: `${loadName.toLowerCase()} <Wt>, <Wt2>, [<Xn|SP>]`,
    run: (s) => {
      const host = s.atomicAddress(s.x('Rn'), 8, { only: 'read' });
      const v = loadAt(s, WIDE!, host);
      mark(s, host, 8, v, i64(0));
      s.setX('Rt', v.and(0xffffffffn));
      s.setX('Rt2', v.shrU(32));
    },
  });
  group.insn(storeName, `10 001000 0 0 1 Rs:w ${o0} Rt2 Rn:s Rt`, {
    asm: `${storeName.toLowerCase()} <Ws>, <Wt>, <Wt2>, [<Xn|SP>]`,
    run: (s) => {
      const desired = s.w('Rt').zext64().or(s.x('Rt2').shl(32));
      const host = s.atomicAddress(s.x('Rn'), 8, { only: 'write' });
      storeMarked(s, host, 8, () => {
        const expected = s.state('i64', state.EXCL_LO);
        return casAt(s, WIDE!, host, expected, desired).eq(expected);
      });
    },
  });
  // Two doublewords, which FEAT_LSE2 makes single-copy atomic together (B2.2.1).
  group.insn(loadName, `11 001000 0 1 1 immrs:5 ${o0} Rt2:w Rn:s Rt:w`, {
    asm: `${loadName.toLowerCase()} <Xt>, <Xt2>, [<Xn|SP>]`,
    run: (s) => {
      const host = s.atomicAddress(s.x('Rn'), 16, { only: 'read' });
      fence();
      const both = load('v128', host);
      fence();
      const [lo, hi] = [lane('i64x2.extract_lane', both, 0), lane('i64x2.extract_lane', both, 1)];
      mark(s, host, 16, lo, hi);
      s.setX('Rt', lo);
      s.setX('Rt2', hi);
    },
  });
  group.insn(storeName, `11 001000 0 0 1 Rs:w ${o0} Rt2 Rn:s Rt`, {
    asm: `${storeName.toLowerCase()} <Ws>, <Xt>, <Xt2>, [<Xn|SP>]`,
    run: (s) => {
      const desired = [s.x('Rt'), s.x('Rt2')] as const;
      const host = s.atomicAddress(s.x('Rn'), 16, { only: 'write' });
      storeMarked(s, host, 16, () => {
        const [lo, hi] = [s.state('i64', state.EXCL_LO), s.state('i64', state.EXCL_HI)];
        const was = s.helper('casPair', s.cpu, host, lo, hi, ...desired);
        const differs = lane('i64x2.extract_lane', was, 0)
          .xor(lo)
          .or(lane('i64x2.extract_lane', was, 1).xor(hi));
        return differs.eqz();
      });
    },
  });
}
