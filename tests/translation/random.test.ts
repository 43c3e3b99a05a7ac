/** Random registers, tables and accesses: the routines against the model, faults and updated descriptors included. */
import { describe, expect, it } from 'vitest';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from '../../core/arch/exceptions/fault-kinds.ts';
import { cpuFeatures } from '../../core/arch/features.ts';
import { CONFIG, CONFIG_FLAGS } from '../../core/arch/state.ts';
import { type FaultOutcome, HIGH, HIGH_BYTES, INFO, type Outcome, RAM, TranslationMachine } from './machine.ts';
import { translate } from './model.ts';
import type { Access, Fault, Machine, Result } from './model-types.ts';
import { Random } from './random.ts';

const TABLES = 48;
/** Where tables lie: 64 KiB apart, so that they suit every granule. */
const tableAt = (n: number): bigint => RAM + BigInt(n) * 0x10000n;
const HEAP = RAM + BigInt(TABLES) * 0x10000n;

interface Shape {
  readonly m: TranslationMachine;
  readonly rme: boolean;
}

/** Sets registers at random, mostly to something that makes sense. */
function registers(r: Random, { m, rme }: Shape): { el: number; pan: boolean; uao: boolean } {
  const on = (percent: number, n: number): bigint => (r.chance(percent) ? 1n << BigInt(n) : 0n);
  const tsz = (): bigint =>
    BigInt(r.chance(90) ? r.pick([12, 16, 16, 17, 20, 22, 25, 25, 28, 31, 32, 34, 36, 39]) : r.below(64));
  const ps = (): bigint => BigInt(r.chance(80) ? 5 + r.below(2) : r.below(8));
  const one = (): bigint =>
    tsz() |
    (BigInt(r.below(4)) << 14n) |
    (ps() << 16n) |
    on(30, 20) |
    on(50, 21) |
    on(50, 22) |
    on(20, 24) |
    on(20, 29) |
    on(30, 32);
  const two = (): bigint =>
    tsz() |
    (tsz() << 16n) |
    on(5, 7) |
    on(5, 23) |
    on(50, 22) |
    ((BigInt(r.below(16)) << 30n) << 0n) |
    (BigInt(r.below(4)) << 14n) |
    (ps() << 32n) |
    on(50, 36) |
    on(30, 37) |
    on(30, 38) |
    on(50, 39) |
    on(50, 40) |
    on(20, 41) |
    on(20, 42) |
    on(20, 51) |
    on(20, 52) |
    on(20, 55) |
    on(20, 56) |
    on(30, 59);
  const ttbr = (): bigint => {
    const base = r.chance(90) ? tableAt(r.below(TABLES)) : HIGH + BigInt(r.below(HIGH_BYTES) & ~0xffff);
    return (
      (base & 0xffff_ffff_ffffn) |
      (r.chance(10) ? ((base >> 48n) & 15n) << 2n : 0n) |
      (BigInt(r.below(0x10000)) << 48n) |
      on(10, 0)
    );
  };
  const e2h = r.chance(50);
  m.reg('TCR_EL1', two());
  m.reg('TCR_EL2', e2h ? two() : one());
  m.reg('TCR_EL3', one() | on(20, 35) | on(20, 42));
  for (const n of [1, 2, 3]) {
    m.reg(`SCTLR_EL${n}`, on(90, 0) | on(20, 19) | on(30, 57) | on(50, 12) | on(50, 2));
    m.reg(`MAIR_EL${n}`, BigInt.asUintN(64, 0xff44_00ff_04bb_0cffn ^ (r.chance(20) ? r.u64() : 0n)));
    m.reg(`MAIR2_EL${n}`, r.u64());
    m.reg(`TTBR0_EL${n}`, ttbr());
    m.reg(`TTBR1_EL${n}`, ttbr());
    m.reg(`PIR_EL${n}`, r.u64());
    m.reg(`PIRE0_EL${n}`, r.u64());
    m.reg(`TCR2_EL${n}`, r.chance(50) ? 0n : on(60, 1) | on(50, 11) | on(50, 4));
  }
  const state = r.pick(rme ? [0, 1, 1, 3, 3] : [0, 1, 1, 1]);
  const ns = BigInt(state & 1) | (BigInt(state >> 1) << 62n);
  m.reg('SCR_EL3', ns | on(20, 9) | (m.features.has('SEL2') ? on(60, 18) : 0n) | on(80, 38) | on(80, 43));
  m.reg('HCRX_EL2', on(80, 14));
  m.reg('HCR_EL2', on(60, 0) | on(20, 2) | on(5, 12) | on(10, 27) | (e2h ? 1n << 34n : 0n) | on(30, 46));
  // Stage 2: a start level that fits the size, most of the time.
  const vtcr = (): bigint => {
    const g = r.pick([12, 14, 16]);
    const tg = g === 12 ? 0n : g === 16 ? 1n : 2n;
    let t = Number(tsz());
    let sl = r.below(4);
    let sl2 = false;
    if (r.chance(90)) {
      const depth = Math.max(0, Math.ceil((64 - t - g) / (g - 3)) - 1);
      let start = 3 - depth;
      if (r.chance(30) && start < 3) start++;
      if (g === 12) {
        sl2 = start === -1;
        sl = start === 3 ? 3 : sl2 ? 0 : Math.max(0, 2 - start);
      } else sl = 3 - Math.max(0, start);
      if (start > 3) t = 40;
    }
    return (
      BigInt(t) |
      (BigInt(sl) << 6n) |
      (tg << 14n) |
      (ps() << 16n) |
      on(50, 21) |
      on(50, 22) |
      on(20, 29) |
      on(20, 30) |
      on(40, 32) |
      (sl2 ? 1n << 33n : 0n) |
      on(20, 36) |
      on(20, 44)
    );
  };
  m.reg('VTCR_EL2', vtcr());
  m.reg('VSTCR_EL2', vtcr());
  m.reg('VTTBR_EL2', ttbr());
  m.reg('VSTTBR_EL2', ttbr());
  m.reg('S2PIR_EL2', r.chance(50) ? r.u64() : 0xcdef_cdef_cdef_8aefn);
  m.setWord(CONFIG_FLAGS, rme ? CONFIG.rme : 0);
  const el = r.pick([0, 0, 1, 1, 1, 2, 2, 3]);
  return { el, pan: r.chance(40), uao: r.chance(20) };
}

/** One descriptor: nothing, a table, a block or page, garbage. */
function descriptor(r: Random): bigint {
  if (r.chance(4)) return 0n;
  if (r.chance(3)) return r.u64();
  const address = r.chance(85) ? tableAt(r.below(TABLES)) : r.chance(50) ? HEAP + (BigInt(r.below(200)) << 12n) : HIGH;
  const wide = r.chance(20);
  let d = (address & 0xffff_ffff_f000n) | 1n;
  if (r.chance(75)) d |= 2n;
  if (r.chance(93)) d |= 1n << 10n;
  // Attributes of leaves and of tables share bits here: both are looked at.
  d |= BigInt(r.below(8)) << 2n;
  for (const [n, percent] of [
    [5, 30],
    [6, 60],
    [7, 40],
    [8, 50],
    [9, 50],
    [11, 50],
    [50, 30],
    [51, 40],
    [52, 8],
    [53, 20],
    [54, 20],
    [55, 20],
    [59, 8],
    [60, 8],
    [61, 8],
    [62, 8],
    [63, 20],
  ] as const) {
    if (r.chance(percent)) d |= 1n << BigInt(n);
  }
  // 52-bit forms put address bits where 48-bit ones have attributes.
  if (!wide) d &= ~(3n << 8n) & ~(3n << 48n);
  return d;
}

function statusOf(f: Fault): number {
  switch (f.status) {
    case 'translation':
      return FSC.translation(f.level);
    case 'addressSize':
      return FSC.addressSize(f.level);
    case 'accessFlag':
      return FSC.accessFlag(f.level);
    case 'permission':
      return FSC.permission(f.level);
    case 'walkAbort':
      return FSC.externalAbortOnWalk(f.level);
    case 'alignment':
      return FSC.alignment;
  }
}
/** The fault as FAULT and its neighbours should say it. */
function expectedFault(f: Fault, a: Access): Omit<FaultOutcome, 'ipa'> {
  const status = statusOf(f) | (f.s1ptw ? ISS.s1ptw : 0) | (f.stage2 ? FAULT_HINT.stage2 : 0);
  return {
    kind: a.exec ? FAULT_KIND.instructionAbort : FAULT_KIND.dataAbort,
    iss: status | (f.write && !a.exec ? ISS.wnr : 0),
    iss2: f.dirty ? 1 << 5 : 0,
    far: BigInt.asUintN(64, a.va),
  };
}

/** An address that the TCR of the level's regime gives a meaning to, mostly. */
function address(r: Random, m: TranslationMachine, el: number): bigint {
  const h = m.get('HCR_EL2');
  const host = ((h >> 34n) & 1n) === 1n && (el === 2 || ((h >> 27n) & 1n) === 1n);
  const n = el === 3 ? 3 : el === 2 || (el === 0 && host) ? 2 : 1;
  const tcr = m.get(`TCR_EL${n}`);
  const upper = n !== 3 && (n === 1 || host) && r.chance(45);
  const size = 64n - ((upper ? tcr >> 16n : tcr) & 63n);
  let va = r.u64() & ((1n << size) - 1n);
  if (upper) va |= -1n << size;
  if (r.chance(12)) va ^= BigInt(r.below(256)) << 56n;
  if (r.chance(3)) va ^= 1n << BigInt(r.below(64));
  return BigInt.asUintN(64, r.chance(80) ? va & ~15n : va);
}

interface Tally {
  cases: number;
  ok: number;
  readonly faults: Map<string, number>;
}

function run(shape: Shape, seed: number, rounds: number): Tally {
  const { m } = shape;
  const tally: Tally = { cases: 0, ok: 0, faults: new Map() };
  for (let round = 0; round < rounds; round++) {
    const r = new Random(seed * 0x10001 + round * 77 + 5);
    const cpu = registers(r, shape);
    // Tables are dense: every entry that a walk may meet has been drawn.
    const known = new Map<bigint, bigint>();
    for (let i = 0; i < TABLES * 0x2000; i += 1) {
      // Most entries are left from the round before; a share is drawn anew.
      if (round !== 0 && i % 64 !== round % 64) continue;
      m.write64(RAM + BigInt(i * 8), descriptor(r));
    }
    m.enter(cpu.el, cpu);
    // What is remembered of tables stays right as long as they only change as hardware changes them.
    m.call('forgetTables');
    for (let k = 0; k < 40; k++) {
      const va = address(r, m, cpu.el);
      const kind = r.pick(['read', 'write', 'exec', 'both', 'unprivileged', 'zero'] as const);
      const lg = kind === 'exec' ? 2 : r.below(5);
      const a: Access = {
        va: kind === 'exec' ? va & ~3n : va,
        size: 1 << lg,
        read: kind === 'read' || kind === 'both' || kind === 'unprivileged',
        write: kind === 'write' || kind === 'both' || kind === 'zero',
        exec: kind === 'exec',
        unprivileged: kind === 'unprivileged',
        zero: kind === 'zero',
      };
      const info =
        lg |
        (a.write ? INFO.write : 0) |
        (kind === 'both' ? INFO.atomic : 0) |
        (a.exec ? INFO.exec : 0) |
        (a.unprivileged ? INFO.unprivileged : 0) |
        (a.zero ? 1 << 19 : 0);
      // The model first, its writes kept aside.
      known.clear();
      const machine: Machine = {
        paMax: m.paBits,
        features: m.features,
        reg: (name) => m.get(name),
        el: cpu.el,
        pan: cpu.pan,
        uao: cpu.uao,
        rme: shape.rme,
        read64: (pa) => known.get(pa) ?? m.read64(pa),
        write64: (pa, v) => known.set(pa, v),
      };
      const want: Result | Fault = translate(machine, a);
      const got: Outcome | FaultOutcome = m.translate(a.va, info, { stale: true });
      const where = `seed ${seed} round ${round} case ${k} EL${cpu.el} ${kind} ${a.va.toString(16)}`;
      tally.cases++;
      if ('status' in want) {
        const name = `${want.stage2 ? (want.s1ptw ? 'S1PTW ' : 'S2 ') : ''}${want.status}`;
        tally.faults.set(name, (tally.faults.get(name) ?? 0) + 1);
        expect('iss' in got, `${where}: ${JSON.stringify(want, big)} but ${JSON.stringify(got, big)}`).toBe(true);
        const { ipa, ...rest } = got as FaultOutcome;
        expect(rest, `${where}: ${JSON.stringify(want, big)}`).toEqual(expectedFault(want, a));
        if (want.ipa !== null) {
          expect(ipa, where).toBe(want.ipa | (want.ipaNs ? 1n << 63n : 0n));
        }
      } else {
        tally.ok++;
        expect('pa' in got, `${where}: ${JSON.stringify(want, big)} but ${JSON.stringify(got, big)}`).toBe(true);
        const o = got as Outcome;
        const mine = { ...o, attr: 0 };
        const theirs = {
          pa: want.pa,
          pas: want.pas,
          perm: want.perm,
          guarded: want.guarded,
          size: want.s1size,
          global: want.global,
          device: want.cachedAsDevice,
          attr: 0,
        };
        expect(mine, where).toEqual(theirs);
      }
      for (const [pa, v] of known) expect(m.read64(pa), `${where}: descriptor at ${pa.toString(16)}`).toBe(v);
    }
  }
  return tally;
}
const big = (_k: string, v: unknown): unknown => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v);

const rounds = Number(process.env.ROUNDS ?? (process.env.TRIREME_FULL ? 2000 : 250));
describe('random tables against the model', () => {
  const full = new Set([...cpuFeatures('max', { lpa2: true }), 'HAFT', 'AIE']);
  for (const [name, features, paRange, rme] of [
    ['max', cpuFeatures('max'), 5, false],
    ['max with LPA2, HAFT, AIE', full, 6, false],
    ['max with RME', new Set([...full, 'RME']), 6, true],
    ['cortex-a72', cpuFeatures('cortex-a72'), 4, false],
  ] as const) {
    it(name, () => {
      const m = new TranslationMachine({ features, paRange });
      const tally = run({ m, rme }, paRange + (rme ? 100 : 0), rounds);
      if (process.env.VERBOSE) console.log(name, tally);
      expect(tally.ok).toBeGreaterThan(tally.cases / 20);
      expect(tally.faults.size).toBeGreaterThan(5);
    });
  }
});
