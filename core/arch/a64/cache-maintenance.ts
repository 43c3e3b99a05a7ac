/** Cache maintenance (C5.3): DC, IC, and the prediction restrictions CFP, DVP, CPP RCTX. */
import { TLB_ADDEND, TLB_READ, TLB_WRITE } from '../../engine/abi.ts';
import { tlbEntry } from '../../engine/access.ts';
import { load, store, variable } from '../../wasm/build.ts';
import { v128 } from '../../wasm/value.ts';
import { unlikely } from '../control.ts';
import { I32, i32, type Sem, type Val } from '../semantics.ts';
import { BANK, MODE_FIELD, PEERS, REC_MAP } from '../state.ts';
import { CACHE, type CacheTrapName, NOT_EL0, packCache } from '../translation/caches.ts';
import { CACHE_TRAP, CACHE_TRAPS, PAS } from '../translation/fields.ts';
import { Group, type PatternSpec } from './pattern.ts';

export const group = new Group('cache maintenance');

const SCTLR = { EnRCTX: 10, DZE: 14, UCI: 26 } as const;
const bin = (v: number, width: number): string => v.toString(2).padStart(width, '0');

interface Op {
  readonly name: string;
  /** op1, CRm, op2; CRn is 7. */
  readonly at: readonly [op1: number, crm: number, op2: number];
  readonly what: number;
  readonly operand?: boolean;
  readonly feature?: string;
  /** The common case, which may be compiled: ends with the effect, or leaves to the full routine. */
  readonly fast?: (s: Sem, slow: () => void) => void;
}
function insn(op: Op): void {
  const [op1, crm, op2] = op.at;
  const iss = (1 << 20) | (op2 << 17) | (op1 << 14) | (7 << 10) | (crm << 1);
  const slow = (s: Sem): void => s.leaveTo('cacheOp', i32(op.what), s.imm32(), s.x('Rt'));
  const spec: PatternSpec = {
    imm: (f) => iss | (f.Rt! << 5),
    asm: `${op.name.toLowerCase()}${op.operand === false ? '' : ', <Xt>'}`,
    run: (s) => {
      if (op.fast) op.fast(s, () => slow(s));
      else slow(s);
    },
    ...(op.feature ? { feature: op.feature } : {}),
    ...(op.fast ? {} : { interpretOnly: true }),
  };
  group.insn(op.name, `1101010100 0 01 ${bin(op1, 3)} 0111 ${bin(crm, 4)} ${bin(op2, 3)} Rt`, spec);
}

/** The TLB entry that would serve an access at `va`, and whether its page has the tag. */
function probe(s: Sem, va: Val, tag: number): { readonly entry: Val; readonly hit: Val } {
  const entry = tlbEntry(load('i32', s.cpu, BANK), va);
  return { entry, hit: load('i64', entry, tag).eq(va.and(~0xfffn)) };
}
const traps = (s: Sem, bit: number): Val => s.state('i32', CACHE_TRAPS).and(bit);

/** Nothing to do for a page that is mapped and readable: there are no caches. */
const clean =
  (bit: number) =>
  (s: Sem, slow: () => void): void => {
    const { hit } = probe(s, s.x('Rt'), TLB_READ);
    unlikely(traps(s, bit).or(hit.eqz()), slow);
  };

// By address.
const { coherency, unification } = CACHE_TRAP;
const cleans: readonly [string, number, number, CacheTrapName[], number, string?][] = [
  ['DC CVAC', 10, 54, ['TPC'], coherency],
  ['DC CVAU', 11, 7, ['TPU', 'TOCU'], unification],
  ['DC CVAP', 12, 8, ['TPC'], coherency, 'DPB'],
  ['DC CVADP', 13, 9, ['TPC'], coherency, 'DPB2'],
  ['DC CIVAC', 14, 10, ['TPC'], coherency],
];
for (const [name, crm, fgt, hcr, bit, feature] of cleans) {
  const what = packCache(CACHE.clean, SCTLR.UCI, fgt, hcr);
  insn({ name, at: [3, crm, 1], what, fast: clean(bit), ...(feature ? { feature } : {}) });
}
insn({ name: 'DC IVAC', at: [0, 6, 1], what: packCache(CACHE.invalidate, NOT_EL0, 3, ['TPC']) });

// By physical address, to the Point of Physical Aliasing (EL3) and the Point of Encryption (EL3, and EL2 of Realm state). There are no
// caches, and no check of granules is made (both IMPLEMENTATION DEFINED choices of AArch64.DC); so nothing is left to do. APAS (EL3) is
// for memories that filter address spaces themselves: none here does.
for (const [name, op1, crm, op2, features] of [
  ['DC CIPAPA', 6, 14, 1, ['RME']],
  ['DC CIGDPAPA', 6, 14, 5, ['RME', 'MTE2']],
  ['DC CIPAE', 4, 14, 0, ['MEC']],
  ['DC CIGDPAE', 4, 14, 7, ['MEC', 'MTE2']],
  ['APAS', 6, 0, 0, ['RME_GPC3']],
] as const) {
  group.insn(name, `1101010100 0 01 ${bin(op1, 3)} 0111 ${bin(crm, 4)} ${bin(op2, 3)} Rt`, {
    feature: features,
    asm: name === 'APAS' ? 'apas <Xt>' : `${name.toLowerCase()}, <Xt>`,
    run: (s) => {
      const el = s.mode(MODE_FIELD.el);
      const realm = s.mode(MODE_FIELD.security).eq(PAS.realm);
      const allowed = op1 === 6 ? el.eq(3) : el.eq(3).or(el.eq(2).and(realm));
      unlikely(allowed.eqz(), () => s.leaveTo('undefined'));
    },
  });
}

// By set and way.
for (const [name, crm, fgt] of [
  ['DC ISW', 6, 4],
  ['DC CSW', 10, 5],
  ['DC CISW', 14, 6],
] as const) {
  insn({ name, at: [0, crm, 2], what: packCache(CACHE.none, NOT_EL0, fgt, ['TSW']) });
}

// DC ZVA: 64 bytes (DCZID_EL0.BS = 4). Pages of Device memory are never in the TLB.
insn({
  name: 'DC ZVA',
  at: [3, 4, 1],
  what: packCache(CACHE.zero, SCTLR.DZE, 11, ['TDZ']),
  fast: (s, slow) => {
    const va = s.x('Rt');
    unlikely(traps(s, CACHE_TRAP.zero), slow);
    const { entry, hit } = probe(s, va, TLB_WRITE);
    const line = variable(I32, load('i32', entry, TLB_ADDEND).add(va.lo32().and(~63)));
    unlikely(hit.eqz(), () => {
      line.set(s.ask('lineToZero', va));
      unlikely(line.get().eqz(), slow);
    });
    for (let at = 0; at < 64; at += 16) store('v128', line.get(), v128(0n), at);
  },
});

// Instruction caches.
insn({
  name: 'IC IALLUIS',
  at: [0, 1, 0],
  operand: false,
  what: packCache(CACHE.icAllShared, NOT_EL0, 0, ['TPU', 'TICAB']),
});
insn({
  name: 'IC IALLU',
  at: [0, 5, 0],
  operand: false,
  what: packCache(CACHE.icAll, NOT_EL0, 1, ['TPU', 'TOCU']),
});
insn({
  name: 'IC IVAU',
  at: [3, 5, 1],
  what: packCache(CACHE.icLine, SCTLR.UCI, 2, ['TPU', 'TOCU']),
  fast: (s, slow) => {
    const va = s.x('Rt');
    const { entry, hit } = probe(s, va, TLB_READ);
    unlikely(traps(s, unification).or(hit.eqz()).or(s.state('i32', PEERS)), slow);
    const host = load('i32', entry, TLB_ADDEND).add(va.lo32());
    unlikely(load('i32', s.state('i32', REC_MAP).add(host.shrU(12).shl(2))), slow);
  },
});

// Prediction restriction by context: nothing is predicted across contexts here.
for (const [name, op2, fgt, feature] of [
  ['CFP RCTX', 4, 48, 'SPECRES'],
  ['DVP RCTX', 5, 49, 'SPECRES'],
  ['COSP RCTX', 6, 60, 'SPECRES2'],
  ['CPP RCTX', 7, 50, 'SPECRES'],
] as const) {
  insn({ name, at: [3, 3, op2], what: packCache(CACHE.none, SCTLR.EnRCTX, fgt, []), feature });
}
