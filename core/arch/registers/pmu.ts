/**
 * Performance monitors (D13). Every instruction takes one cycle, so cycles and instructions are the same number, and counters need
 * no work while code runs: `pmu executed` holds the number of instructions up to which they are counted, `pmu active` which of them
 * count now. Whatever looks at a counter, or changes what counts, brings them up to date first.
 */
import { call, iff, load, ret, run, store, tailCall, unlikely, variable } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { bitSet, defineTest, el2Enabled } from './conditions.ts';
import { finishRead, goOn, timersContextChanged } from './library.ts';
import { maskVaries } from './masks.ts';
import { readBy } from './readers.ts';
import { maskOffset, regOffset } from './storage.ts';
import { COUNTERS } from './table/pmu.ts';
import { register } from './table.ts';
import { WRITERS } from './writers.ts';

export const pmu = new Library();

/** Counters, their enables or the interrupt changed: the host plans deadlines anew and sets the line. */
pmu.host('pmuChanged', [I32], null);

const CYCLES = 31;
const EVENT = { swIncr: 0, retired: 8, cycles: 17, speculative: 27, chain: 30 } as const;
const PMCR = { E: 0, DP: 5, LP: 7, FZO: 9 } as const;
const MDCR2 = { HPME: 7, HPMD: 17, HCCD: 23, HLP: 26, HPMFZO: 29 } as const;
const MDCR3 = { SPME: 17, SCCD: 23, MCCD: 34, MPMX: 35 } as const;
/** Counters and types alternate in the table, so both are this far apart. */
const STRIDE = 16;
if (regOffset('PMEVCNTR1_EL0') - regOffset('PMEVCNTR0_EL0') !== STRIDE) throw new Error('PMU registers out of order');

const reg = (cpu: Val, name: string): Val => load('i64', cpu, regOffset(name));
const reg32 = (cpu: Val, name: string): Val => load('i32', cpu, regOffset(name));
const setReg = (cpu: Val, name: string, v: Val): void => store('i64', cpu, v, regOffset(name));
const counterAt = (cpu: Val, n: Val): Val => cpu.add(n.mul(STRIDE));
const typeOf = (cpu: Val, n: Val): Val => load('i32', counterAt(cpu, n), regOffset('PMEVTYPER0_EL0'));
/** i32 0/1. */
const bit = (cpu: Val, name: string, n: number): Val => bitSet(cpu, name, n).ne(0);

/** MDCR_EL2.HPMN: counters from there up belong to EL2. */
function forEl2(cpu: Val, n: Val): Val {
  const has = load('i32', cpu, state.CONFIG_FLAGS).and(state.CONFIG.noEl2).eqz();
  return n
    .ne(CYCLES)
    .and(has)
    .and(n.geU(reg32(cpu, 'MDCR_EL2').and(31)));
}
/** Counters that this level can see (AArch64.GetNumEventCountersAccessible), as bits, the cycle counter with them. */
function accessible(cpu: Val): Val {
  const limited = load('i32', cpu, state.EL).ltU(2).and(el2Enabled(cpu));
  const hpmn = reg32(cpu, 'MDCR_EL2').and(31);
  const n = select(limited.and(hpmn.ltU(COUNTERS)), hpmn, i32(COUNTERS));
  return i32(1)
    .shl(n)
    .sub(1)
    .or(1 << CYCLES);
}

// PMUSERENR_EL0 at EL0: EN, or the bit for the purpose.
for (const [name, mask] of [
  ['pmEN', 1],
  ['pmSW', 3],
  ['pmCR', 5],
  ['pmER', 9],
] as const) {
  defineTest(name, (cpu) => reg32(cpu, 'PMUSERENR_EL0').and(mask).eqz());
}
for (let n = 0; n < COUNTERS; n++) {
  defineTest(`pmCounter${n}`, (cpu) => reg32(cpu, 'MDCR_EL2').and(31).leU(n));
}
defineTest('pmSelected', (cpu) => {
  const counter = reg32(cpu, 'PMSELR_EL0').and(31);
  return reg32(cpu, 'MDCR_EL2').and(31).leU(counter).and(counter.ne(CYCLES));
});

/** (cpu, counter, filter) → 1 when it counts in this state (CountPMUEvents). */
pmu.define('pmuCounts', [I32, I32, I32], I32, (_link, c, n, filter) => {
  const cpu = c!;
  const cycles = n!.eq(CYCLES);
  const hyp = forEl2(cpu, n!);
  const el = load('i32', cpu, state.EL);
  const security = load('i32', cpu, state.SECURITY);
  const secure = security.eqz();
  const features = load('i32', cpu, maskOffset('MDCR_EL3'));
  const p7 = load('i32', cpu, maskOffset('MDCR_EL3') + 4).ne(0);
  const e = select(hyp, bit(cpu, 'MDCR_EL2', MDCR2.HPME), bit(cpu, 'PMCR_EL0', PMCR.E));
  unlikely(e.eqz().or(reg32(cpu, 'PMCNTENSET_EL0').shrU(n!).and(1).eqz()), () => ret(i32(0)));
  const spme = bit(cpu, 'MDCR_EL3', MDCR3.SPME);
  const mpmx = bit(cpu, 'MDCR_EL3', MDCR3.MPMX);
  const at3 = el.eq(3);
  const at2 = el.eq(2);
  const noEl3 = load('i32', cpu, state.CONFIG_FLAGS).and(state.CONFIG.noEl3).ne(0);
  const inSecure = secure.and(noEl3.eqz()).and(spme.eqz()).and(p7.eqz().or(mpmx.eqz()));
  const inRoot = at3.and(p7).and(mpmx).and(spme.eqz().or(hyp.eqz()));
  const inHyp = at2.and(hyp.eqz()).and(bit(cpu, 'MDCR_EL2', MDCR2.HPMD));
  const prohibited = inSecure.or(inRoot).or(inHyp);
  // Frozen once a counter of the same kind has overflowed.
  const own = reg32(cpu, 'MDCR_EL2').and(31);
  const low = i32(1)
    .shl(own)
    .sub(1)
    .or(1 << CYCLES);
  const flags = reg32(cpu, 'PMOVSSET_EL0');
  const hasEl2 = load('i32', cpu, state.CONFIG_FLAGS).and(state.CONFIG.noEl2).eqz();
  const mine = select(hasEl2, select(hyp, flags.and(low.not()), flags.and(low)), flags);
  const fz = select(hyp, bit(cpu, 'MDCR_EL2', MDCR2.HPMFZO), bit(cpu, 'PMCR_EL0', PMCR.FZO));
  const frozen = fz.and(mine.ne(0));
  const stopped = prohibited.or(frozen);
  iff(
    cycles,
    () => {
      unlikely(stopped.and(bit(cpu, 'PMCR_EL0', PMCR.DP)), () => ret(i32(0)));
      const p5 = features.and(1 << MDCR3.SCCD);
      const off = p5
        .ne(0)
        .and(secure)
        .and(bit(cpu, 'MDCR_EL3', MDCR3.SCCD))
        .or(at2.and(bit(cpu, 'MDCR_EL2', MDCR2.HCCD)))
        .or(at3.and(bit(cpu, 'MDCR_EL3', MDCR3.MCCD)));
      unlikely(off, () => ret(i32(0)));
    },
    () => {
      unlikely(stopped, () => ret(i32(0)));
    },
  );
  // Filters by level and security state.
  const f = (n: number): Val => filter!.bits(n, 1);
  const [p, u, nsk, nsu, nsh, m, sh] = [f(31), f(30), f(29), f(28), f(27), f(26), f(24)];
  const invert = (ns: Val, realm: Val): Val => select(security.eq(1), ns, select(security.eq(3), realm, i32(0)));
  const at0 = u.ne(invert(nsu, f(21)));
  const at1 = p.ne(invert(nsk, f(22)));
  const in2 = select(secure, nsh.eq(sh), select(security.eq(3), nsh.eq(f(20)), nsh.eqz()));
  const filtered = select(el.eqz(), at0, select(el.eq(1), at1, select(at2, in2, m.ne(p))));
  ret(filtered.eqz());
});

/** (cpu, counter, amount): adds, notes overflow, passes it on to a chained counter (AArch64.IncrementEventCounter). */
pmu.define('pmuAdd', [I32, I32, I64], null, (link, c, n, amount) => {
  const cpu = c!;
  const at = counterAt(cpu, n!);
  const old = load('i64', at, regOffset('PMEVCNTR0_EL0'));
  const sum = old.add(amount!);
  store('i64', at, sum.and(reg(cpu, 'pmu width')), regOffset('PMEVCNTR0_EL0'));
  const long = select(forEl2(cpu, n!), bit(cpu, 'MDCR_EL2', MDCR2.HLP), bit(cpu, 'PMCR_EL0', PMCR.LP));
  const carries = select(long, sum.ltU(old).zext64(), sum.shrU(32).sub(old.shrU(32)));
  unlikely(carries.ne(0), () => {
    setReg(cpu, 'PMOVSSET_EL0', reg(cpu, 'PMOVSSET_EL0').or(i32(1).shl(n!).zext64()));
    const next = n!.add(1);
    const chained = n!.and(1).eqz().and(long.eqz()).and(next.ltU(COUNTERS));
    iff(chained, () => {
      const type = typeOf(cpu, next);
      iff(type.and(0xffff).eq(EVENT.chain), () => {
        iff(call(link('pmuCounts'), cpu, next, type), () => run(link('pmuAdd'), cpu, next, carries));
      });
    });
  });
});

/** Brings the counters up to the instruction that BUDGET says. */
pmu.define('pmuSync', [I32], null, (link, c) => {
  const cpu = c!;
  const executed = load('i64', cpu, state.GRANTED).sub(load('i32', cpu, state.BUDGET).sext64());
  const passed = executed.sub(reg(cpu, 'pmu executed'));
  // BUDGET may be older than what is counted already.
  unlikely(passed.leS(0), () => ret());
  setReg(cpu, 'pmu executed', executed);
  const active = reg32(cpu, 'pmu active');
  unlikely(active.eqz(), () => ret());
  for (let n = 0; n < COUNTERS; n++) {
    iff(active.and(1 << n), () => run(link('pmuAdd'), cpu, i32(n), passed));
  }
  iff(active.and(1 << CYCLES), () => {
    const old = reg(cpu, 'PMCCNTR_EL0');
    const sum = old.add(passed);
    setReg(cpu, 'PMCCNTR_EL0', sum);
    // AArch32 exists nowhere, so overflow is at 64 bits (PMCR_EL0.LC).
    unlikely(sum.ltU(old), () => setReg(cpu, 'PMOVSSET_EL0', reg(cpu, 'PMOVSSET_EL0').or(1n << BigInt(CYCLES))));
  });
});
/** Finds out which counters count from here on. */
pmu.define('pmuUpdate', [I32], null, (link, c) => {
  const cpu = c!;
  const enabled = bit(cpu, 'PMCR_EL0', PMCR.E).or(bit(cpu, 'MDCR_EL2', MDCR2.HPME));
  const on = select(enabled, reg32(cpu, 'PMCNTENSET_EL0'), i32(0));
  store('i32', cpu, on, regOffset('pmu in use'));
  const active = variable(I32, 0);
  iff(on, () => {
    for (let n = 0; n < COUNTERS; n++) {
      iff(on.and(1 << n), () => {
        const type = load('i32', cpu, regOffset(`PMEVTYPER${n}_EL0`));
        const event = type.and(0xffff);
        const time = event.eq(EVENT.retired).or(event.eq(EVENT.cycles)).or(event.eq(EVENT.speculative));
        iff(time, () => active.set(active.get().or(call(link('pmuCounts'), cpu, i32(n), type).shl(n))));
      });
    }
    iff(on.and(1 << CYCLES), () => {
      const filter = reg32(cpu, 'PMCCFILTR_EL0');
      active.set(active.get().or(call(link('pmuCounts'), cpu, i32(CYCLES), filter).shl(CYCLES)));
    });
  });
  store('i32', cpu, active.get(), regOffset('pmu active'));
});
/** After a change of exception level or security state while any counter is on (`pmu in use`), with BUDGET stored. */
pmu.define('pmuSwitch', [I32], null, (link, cpu) => {
  run(link('pmuSync'), cpu!);
  run(link('pmuUpdate'), cpu!);
  unlikely(reg32(cpu!, 'PMINTENSET_EL1'), () => run(link('pmuChanged'), cpu!));
});
/** For exception entry and return, with BUDGET stored: what counters and timers do depends on level and security state. */
export function pmuContextChanged(link: Link, cpu: Val): void {
  timersContextChanged(link, cpu);
  unlikely(load('i32', cpu, regOffset('pmu in use')), () => run(link('pmuSwitch'), cpu));
}
pmu.define('afterDebugControl', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  store('i32', cpu!, n!, state.BUDGET);
  run(link('pmuSwitch'), cpu!);
  tailCall(link('afterContext'), cpu!, rec!, n!);
});

// Reads. The argument is where the value lies.
const begin = (link: Link, cpu: Val, n: Val): void => {
  store('i32', cpu, n, state.BUDGET);
  run(link('pmuSync'), cpu);
};
const READ = [I32, I32, I32, I32] as const;
pmu.define('pmuReadCount', READ, I32, (link, cpu, rec, n, at) => {
  begin(link, cpu!, n!);
  finishRead(link, cpu!, rec!, n!, load('i64', cpu!.add(at!)));
});
pmu.define('pmuReadBits', READ, I32, (link, cpu, rec, n, at) => {
  begin(link, cpu!, n!);
  finishRead(link, cpu!, rec!, n!, load('i64', cpu!.add(at!)).and(accessible(cpu!).zext64()));
});
pmu.define('pmuReadControl', READ, I32, (link, c, rec, n, _at) => {
  const cpu = c!;
  const v = reg(cpu, 'PMCR_EL0');
  const limited = load('i32', cpu, state.EL).ltU(2).and(el2Enabled(cpu));
  const hpmn = reg(cpu, 'MDCR_EL2').and(31);
  finishRead(link, cpu, rec!, n!, select(limited, v.and(~0xf800).or(hpmn.shl(11)), v));
});
/** The counter that PMSELR_EL0 selects; access checks have seen to it that it is one (31: the cycle counter's filter). */
const selected = (cpu: Val): Val => reg32(cpu, 'PMSELR_EL0').and(31);
pmu.define('pmuReadSelected', READ, I32, (link, c, rec, n, at) => {
  const cpu = c!;
  begin(link, cpu, n!);
  const counter = selected(cpu);
  const slot = select(counter.eq(CYCLES), cpu.add(regOffset('PMCCFILTR_EL0')), counterAt(cpu, counter).add(at!));
  finishRead(link, cpu, rec!, n!, load('i64', slot));
});
readBy('pmu.count', 'pmuReadCount', (r) => regOffset(r.name));
readBy('pmu.bits', 'pmuReadBits', (r) => regOffset(r.name));
readBy('pmu.PMCR', 'pmuReadControl', 0);
readBy('pmu.selected.count', 'pmuReadSelected', () => regOffset('PMEVCNTR0_EL0'));
readBy('pmu.selected.type', 'pmuReadSelected', () => regOffset('PMEVTYPER0_EL0'));

// Writes: (cpu, rec, n, where, value).
const WRITE = [I32, I32, I32, I32, I64] as const;
const write = (kind: string, routine: string, where: (name: string) => number): void => {
  WRITERS[kind] = { compiled: false, write: (s, v, r) => s.leaveTo(routine, i32(where(r.name)), v) };
};
/** A routine that changes something between bringing up to date and finding out what counts now. */
function change(name: string, work: (link: Link, cpu: Val, at: Val, v: Val) => void): void {
  pmu.define(name, WRITE, I32, (link, cpu, rec, n, at, v) => {
    begin(link, cpu!, n!);
    const before = reg32(cpu!, 'PMINTENSET_EL1');
    work(link, cpu!, at!, v!);
    run(link('pmuUpdate'), cpu!);
    // With no interrupt enabled, before or after, the PMU's output stays low.
    iff(before.or(reg32(cpu!, 'PMINTENSET_EL1')), () => run(link('pmuChanged'), cpu!));
    goOn(link, cpu!, rec!, n!);
  });
}
change('pmuWriteSet', (_l, cpu, at, v) => {
  const slot = cpu.add(at);
  store('i64', slot, load('i64', slot).or(v.and(accessible(cpu).zext64())));
});
change('pmuWriteClear', (_l, cpu, at, v) => {
  const slot = cpu.add(at);
  store('i64', slot, load('i64', slot).and(v.and(accessible(cpu).zext64()).not()));
});
change('pmuWriteCount', (_l, cpu, at, v) => {
  const width = select(at.eq(regOffset('PMCCNTR_EL0')), i64(-1), reg(cpu, 'pmu width'));
  store('i64', cpu.add(at), v.and(width));
});
const typeMask = (cpu: Val): Val => load('i64', cpu, maskOffset('PMEVTYPER0_EL0'));
const filterMask = (cpu: Val): Val => load('i64', cpu, maskOffset('PMCCFILTR_EL0'));
if (!maskVaries(register('PMCCFILTR_EL0'))) throw new Error('PMCCFILTR_EL0 has no mask');
change('pmuWriteType', (_l, cpu, at, v) => {
  const mask = select(at.eq(regOffset('PMCCFILTR_EL0')), filterMask(cpu), typeMask(cpu));
  store('i64', cpu.add(at), v.and(mask));
});
change('pmuWriteSelected', (_l, cpu, at, v) => {
  const counter = selected(cpu);
  const mask = select(at.eq(regOffset('PMEVTYPER0_EL0')), typeMask(cpu), reg(cpu, 'pmu width'));
  iff(
    counter.eq(CYCLES),
    () => setReg(cpu, 'PMCCFILTR_EL0', v.and(filterMask(cpu))),
    () => store('i64', counterAt(cpu, counter).add(at), v.and(mask)),
  );
});
change('pmuWriteControl', (_l, cpu, _at, v) => {
  const can = accessible(cpu);
  iff(v.bit(1), () => {
    for (let n = 0; n < COUNTERS; n++) iff(can.and(1 << n), () => setReg(cpu, `PMEVCNTR${n}_EL0`, i64(0)));
  });
  iff(v.bit(2), () => setReg(cpu, 'PMCCNTR_EL0', i64(0)));
  const old = reg(cpu, 'PMCR_EL0');
  const mask = load('i64', cpu, maskOffset('PMCR_EL0')).and(~6);
  setReg(cpu, 'PMCR_EL0', old.xor(old.xor(v).and(mask)));
});
change('pmuWriteIncrement', (link, cpu, _at, v) => {
  const which = v.lo32().and(accessible(cpu));
  for (let n = 0; n < COUNTERS; n++) {
    iff(which.and(1 << n), () => {
      const type = load('i32', cpu, regOffset(`PMEVTYPER${n}_EL0`));
      iff(type.and(0xffff).eqz(), () => {
        iff(call(link('pmuCounts'), cpu, i32(n), type), () => run(link('pmuAdd'), cpu, i32(n), i64(1)));
      });
    });
  }
});
write('pmu.set', 'pmuWriteSet', regOffset);
write('pmu.clear', 'pmuWriteClear', regOffset);
write('pmu.count', 'pmuWriteCount', regOffset);
write('pmu.plain', 'pmuWriteType', regOffset);
write('pmu.selected.count', 'pmuWriteSelected', () => regOffset('PMEVCNTR0_EL0'));
write('pmu.selected.type', 'pmuWriteSelected', () => regOffset('PMEVTYPER0_EL0'));
write('pmu.PMCR', 'pmuWriteControl', () => 0);
write('pmu.PMSWINC', 'pmuWriteIncrement', () => 0);
