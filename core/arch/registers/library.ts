/** Routines that MRS and MSR go on through: (cpu, rec, n, …) as `leaveTo` calls them. */
import { REC_OPS, REC_SIZE } from '../../engine/abi.ts';
import { iff, load, run, store, tailCall, unlikely } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { regOffset } from './storage.ts';

export const registerRoutines = new Library();

const THEN = [I32, I32, I32] as const;

/** On to the next instruction, looking for pending work. */
export function goOn(link: Link, cpu: Val, rec: Val, n: Val): void {
  tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));
}
/** Puts the result of an MRS into its general register (the first operand of the record) and goes on. */
export function finishRead(link: Link, cpu: Val, rec: Val, n: Val, v: Val): void {
  store('i64', cpu.add(load('i32_8u', rec, REC_OPS).shl(3)), v, state.X);
  goOn(link, cpu, rec, n);
}

for (const [name, routine] of [
  ['afterContext', 'contextChanged'],
  ['afterDebug', 'debugRegistersChanged'],
  ['afterBanks', 'banksChanged'],
  ['afterSwitch', 'switchContext'],
  ['afterFpMode', 'fpModeChanged'],
  ['afterMec', 'mecChanged'],
  ['afterGranules', 'granulesChanged'],
] as const) {
  registerRoutines.define(name, THEN, I32, (link, cpu, rec, n) => {
    run(link(routine), cpu!);
    goOn(link, cpu!, rec!, n!);
  });
}
/** A control register of EL1 or EL2 was written: routines that go on, the level whose register it is, and what they call with it. */
export const LOWER = ([1, 2] as const).flatMap((level) => [
  { name: `afterContext${level}`, level, routine: 'lowerContextChanged' },
  { name: `afterBanks${level}`, level, routine: 'lowerBanksChanged' },
]);
for (const { name, level, routine } of LOWER) {
  registerRoutines.define(name, THEN, I32, (link, cpu, rec, n) => {
    run(link(routine), cpu!, i32(level));
    goOn(link, cpu!, rec!, n!);
  });
}
registerRoutines.define('writeDaifThen', [...THEN, I32], I32, (link, cpu, rec, n, v) => {
  store('i32', cpu!, v!.bits(6, 4), state.DAIF);
  run(link('masksChanged'), cpu!);
  goOn(link, cpu!, rec!, n!);
});
registerRoutines.define('writeSpselThen', [...THEN, I32], I32, (link, cpu, rec, n, v) => {
  run(link('writeSpsel'), cpu!, v!);
  goOn(link, cpu!, rec!, n!);
});

/** A timer's register or a control of timers was written: the host plans deadlines anew and sets lines. */
registerRoutines.host('timersChanged', [I32], null);

/** Of a timer's control (`_CTL`): ENABLE without IMASK, so that the output follows the condition. Any other leaves it low. */
export const timerLive = (ctl: Val): Val => ctl.lo32().and(3).eq(1);
/** Calls the host when offsets or masks have changed, which act on EL1's timers only. */
export function lowerTimersChanged(link: Link, cpu: Val): void {
  iff(lowerTimersLive(cpu), () => run(link('timersChanged'), cpu));
}
export function lowerTimersLive(cpu: Val): Val {
  const live = (name: string): Val => timerLive(load('i64', cpu, regOffset(name)));
  return live('CNTP_CTL_EL0').or(live('CNTV_CTL_EL0'));
}

/** Controls by which outputs depend on the world that runs: CNTHCTL_EL2.ECV, CNTVMASK, CNTPMASK. */
export const CNTHCTL = { ECV: 1 << 12, masks: 3 << 18 } as const;
function timersOfWorld(link: Link, cpu: Val, n: Val): void {
  unlikely(load('i32', cpu, regOffset('CNTHCTL_EL2')).and(CNTHCTL.ECV), () => {
    store('i32', cpu, n, state.BUDGET);
    lowerTimersChanged(link, cpu);
  });
}
// After a write of HCR_EL2.
registerRoutines.define('afterWorld2', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  timersOfWorld(link, cpu!, n!);
  tailCall(link('afterContext2'), cpu!, rec!, n!);
});
// After a write of SCR_EL3.
registerRoutines.define('afterWorld', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  timersOfWorld(link, cpu!, n!);
  run(link('lowerStateChanged'), cpu!);
  goOn(link, cpu!, rec!, n!);
});
/** For exception entry and return: the masks of FEAT_RME act in Realm and Root state only. */
export function timersContextChanged(link: Link, cpu: Val): void {
  unlikely(load('i32', cpu, regOffset('CNTHCTL_EL2')).and(CNTHCTL.masks), () => {
    const now = load('i32', cpu, state.SECURITY);
    const at = regOffset('timers security');
    iff(now.ne(load('i32', cpu, at)), () => {
      store('i32', cpu, now, at);
      lowerTimersChanged(link, cpu);
    });
  });
}
