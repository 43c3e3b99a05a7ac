/**
 * Generic timer (D12): reading the counters, the timers' registers, and for the host which outputs are asserted and when the next
 * one will be. The count comes from guest time, which the host keeps in nanoseconds.
 */
import { call, iff, load, ret, run, store, variable } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { F64, I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, op, select, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { bitSet, e2h, el2Enabled, inHost } from './conditions.ts';
import { finishRead, goOn, lowerTimersChanged, timerLive } from './library.ts';
import { readBy } from './readers.ts';
import { regOffset } from './storage.ts';
import { AFTER, WRITERS } from './writers.ts';

export const timers = new Library();

/** Nanoseconds of guest time since reset, as core `cpu` sees it; in the deterministic mode from BUDGET. */
timers.host('nanoseconds', [I32], F64);

/** The timers: names of their registers, interrupt (PPI as INTID, BSA), whose view of the counter they have. */
export const TIMERS = [
  { name: 'P', registers: ['CNTP_CTL_EL0', 'CNTP_CVAL_EL0'], intid: 30 },
  { name: 'V', registers: ['CNTV_CTL_EL0', 'CNTV_CVAL_EL0'], intid: 27 },
  { name: 'HP', registers: ['CNTHP_CTL_EL2', 'CNTHP_CVAL_EL2'], intid: 26 },
  { name: 'HV', registers: ['CNTHV_CTL_EL2', 'CNTHV_CVAL_EL2'], intid: 28 },
  { name: 'HPS', registers: ['CNTHPS_CTL_EL2', 'CNTHPS_CVAL_EL2'], intid: 20 },
  { name: 'HVS', registers: ['CNTHVS_CTL_EL2', 'CNTHVS_CVAL_EL2'], intid: 19 },
  { name: 'PS', registers: ['CNTPS_CTL_EL1', 'CNTPS_CVAL_EL1'], intid: 29 },
] as const;
const P = 0;
const V = 1;
const CVAL = 0;
const CTL = 1;
const TVAL = 2;
/** Added to a timer's number for the `_EL02` names, which are never redirected. */
const DIRECT = 16;
const WHAT = { CVAL, CTL, TVAL } as const;

// A routine's argument: timer in the low bits, register above.
for (const [what, w] of Object.entries(WHAT)) {
  for (const [n, { name }] of TIMERS.entries()) announce(`timer.${what}.${name}`, n | (w << 8));
  announce(`timer.${what}.P02`, P | DIRECT | (w << 8));
  announce(`timer.${what}.V02`, V | DIRECT | (w << 8));
}
function announce(kind: string, argument: number): void {
  readBy(kind, 'readTimer', argument);
  WRITERS[kind] = { compiled: false, write: (s, v) => s.leaveTo('writeTimer', i32(argument), v) };
}
readBy('count.physical', 'readCount', 0);
readBy('count.virtual', 'readCount', 1);
AFTER.timers = 'afterTimers';

const reg = (cpu: Val, name: string): Val => load('i64', cpu, regOffset(name));
const el = (cpu: Val): Val => load('i32', cpu, state.EL);

timers.define('afterTimers', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  store('i32', cpu!, n!, state.BUDGET);
  lowerTimersChanged(link, cpu!);
  goOn(link, cpu!, rec!, n!);
});

/** The physical count, at the time that BUDGET says. */
timers.define('physicalCount', [I32], I64, (link, cpu) => {
  const ns = call(link('nanoseconds'), cpu!);
  const scale = load('f64', cpu!, regOffset('ticks a nanosecond'));
  ret(op('i64.trunc_sat_f64_u', op('f64.mul', ns, scale)));
});

/** CNTPOFF_EL2 as EL1 and EL0 have it: with CNTHCTL_EL2.ECV and SCR_EL3.ECVEn, unless EL0 is the host's. */
function physicalOffset(cpu: Val): Val {
  const on = bitSet(cpu, 'CNTHCTL_EL2', 12)
    .ne(0)
    .and(bitSet(cpu, 'SCR_EL3', 28).ne(0))
    .and(el2Enabled(cpu))
    .and(inHost(cpu).eqz());
  return select(on, reg(cpu, 'CNTPOFF_EL2'), i64(0));
}
/** 1 where the virtual count is the physical one: EL2 with E2H, and EL0 of the host. */
const hostView = (cpu: Val): Val => select(el(cpu).eq(2), e2h(cpu), el(cpu).eqz().and(inHost(cpu)));

timers.define('readCount', [I32, I32, I32, I32], I32, (link, c, rec, n, virtual) => {
  const cpu = c!;
  store('i32', cpu, n!, state.BUDGET);
  const physical = select(el(cpu).ltU(2), physicalOffset(cpu), i64(0));
  const offset = select(virtual!, select(hostView(cpu), i64(0), reg(cpu, 'CNTVOFF_EL2')), physical);
  finishRead(link, cpu, rec!, n!, call(link('physicalCount'), cpu).sub(offset));
});

/** The timer that a name stands for here: CNTP and CNTV are those of EL2 at EL2 with E2H and at EL0 of the host. */
function resolve(cpu: Val, which: Val): Val {
  const secure = load('i32', cpu, state.SECURITY).eqz();
  const redirected = which.ltU(2).and(hostView(cpu));
  return select(redirected, which.add(2).add(secure.shl(1)), which.and(15));
}
/** Address of one of a timer's registers, relative to the core's state. */
function slotOf(cpu: Val, timer: Val, what: 0 | 1): Val {
  let at = i32(regOffset(TIMERS[P].registers[what]));
  TIMERS.forEach((t, n) => {
    if (n > P) at = select(timer.eq(n), i32(regOffset(t.registers[what])), at);
  });
  return cpu.add(at);
}
/** What is subtracted from the count for a timer; `direct`: for EL1's timers named from EL2. */
function offsetOf(cpu: Val, timer: Val, low: Val): Val {
  const physical = select(timer.eq(P).and(low), physicalOffset(cpu), i64(0));
  return select(timer.eq(V), reg(cpu, 'CNTVOFF_EL2'), physical);
}

/** The count that a timer compares with, as seen through access `which` from the present exception level. */
function countFor(link: Link, cpu: Val, which: Val, timer: Val): Val {
  const low = el(cpu).ltU(2).or(which.geU(DIRECT));
  return call(link('physicalCount'), cpu).sub(offsetOf(cpu, timer, low));
}

timers.define('readTimer', [I32, I32, I32, I32], I32, (link, c, rec, n, argument) => {
  const cpu = c!;
  store('i32', cpu, n!, state.BUDGET);
  const which = argument!.and(31);
  const what = argument!.shrU(8);
  const timer = resolve(cpu, which);
  const ctl = load('i64', slotOf(cpu, timer, 0));
  const cval = load('i64', slotOf(cpu, timer, 1));
  iff(what.eq(CVAL), () => finishRead(link, cpu, rec!, n!, cval));
  // ISTATUS is UNKNOWN while the timer is off, and 0 here.
  iff(what.eq(CTL).and(ctl.lo32().and(1).eqz()), () => finishRead(link, cpu, rec!, n!, ctl.and(3)));
  const count = countFor(link, cpu, which, timer);
  const status = ctl.and(3).or(count.geU(cval).shl(2).zext64());
  finishRead(link, cpu, rec!, n!, select(what.eq(CTL), status, cval.sub(count).and(0xffffffff)));
});
timers.define('writeTimer', [I32, I32, I32, I32, I64], I32, (link, c, rec, n, argument, v) => {
  const cpu = c!;
  store('i32', cpu, n!, state.BUDGET);
  const which = argument!.and(31);
  const what = argument!.shrU(8);
  const timer = resolve(cpu, which);
  const control = slotOf(cpu, timer, 0);
  const at = variable(I32, control);
  const value = variable(I64, v!.and(3));
  iff(what.ne(CTL), () => {
    at.set(slotOf(cpu, timer, 1));
    value.set(v!);
    iff(what.eq(TVAL), () => value.set(v!.sext(32).add(countFor(link, cpu, which, timer))));
  });
  // Hypervisors and firmware write most timers as they were, or write what is off: nothing follows from that.
  const followed = timerLive(load('i64', control));
  const changed = value.get().ne(load('i64', at.get()));
  store('i64', at.get(), value.get());
  iff(changed.and(followed.or(timerLive(load('i64', control)))), () => run(link('timersChanged'), cpu));
  goOn(link, cpu, rec!, n!);
});
