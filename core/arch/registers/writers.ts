/** What a write does beyond the slot, or instead of it. */
import { iff, load, store, unlikely } from '../../wasm/build.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { HCR, MDSCR } from '../exceptions/fields.ts';
import { unpackFlags } from '../flags.ts';
import type { Sem } from '../semantics.ts';
import * as state from '../state.ts';
import { bitSet, el2Enabled } from './conditions.ts';
import type { Register } from './define.ts';
import { CNTHCTL, LOWER, lowerTimersLive } from './library.ts';
import { regOffset } from './storage.ts';

/** Effects after a plain write: the routine that goes on. */
export const AFTER: Record<string, string> = {
  context: 'afterContext',
  debug: 'afterDebug',
  banks: 'afterBanks',
  timers: 'afterTimers',
  world: 'afterWorld',
  mec: 'afterMec',
  granules: 'afterGranules',
  debugControl: 'afterDebugControl',
};

/** Of these there are forms for registers of EL1 and EL2: the level is added to the routine's name. */
export const BY_LEVEL: readonly string[] = ['context', 'banks', 'world'];

/** What compiled code does instead of going on through a routine, and stays. */
interface FromAbove {
  /** At levels above this one, of which nothing in the present context depends on the register. */
  readonly level: 0 | 1 | 2;
  /** What it calls, with arguments; null: nothing has to be done. */
  readonly effect: readonly [routine: string, ...args: number[]] | null;
  /** It is left to the routine all the same. */
  readonly unless?: (s: Sem) => Val;
}
/** By the routine of `AFTER`, with its level. */
export const FROM_ABOVE: Readonly<Record<string, FromAbove>> = {
  ...Object.fromEntries(LOWER.map(({ name, level, routine }) => [name, { level, effect: [routine, level] as const }])),
  afterWorld2: { level: 2, effect: ['lowerContextChanged', 2], unless: timersFollowWorld },
  afterWorld: { level: 2, effect: ['lowerStateChanged'], unless: timersFollowWorld },
  afterTimers: { level: 0, effect: null, unless: ({ cpu }) => lowerTimersLive(cpu) },
};
/** Outputs of timers may depend on the controls by which a lower level's state changes. */
function timersFollowWorld({ cpu }: Sem): Val {
  return load('i32', cpu, regOffset('CNTHCTL_EL2')).and(CNTHCTL.ECV).ne(0).and(lowerTimersLive(cpu));
}

const setWord = (s: Sem, offset: number, v: Val): void => s.setState('i32', offset, v);
const pstate =
  (offset: number, bit: number, after: string | null) =>
  (s: Sem, v: Val): void => {
    setWord(s, offset, v.bit(bit));
    if (after) s.leaveTo(after);
  };

const claims = (): number => regOffset('DBGCLAIMCLR_EL1');

/** Writes that are not to a slot; those that end in `leaveTo` are only interpreted. */
export const WRITERS: Record<
  string,
  { readonly compiled: boolean; readonly write: (s: Sem, v: Val, r: Register) => void }
> = {
  nzcv: { compiled: true, write: (s, v) => s.setFlags(unpackFlags(v.lo32().and(0xf0000000))) },
  // Only when a line is up, or debug exceptions may be due, more follows from it than the new value.
  daif: {
    compiled: true,
    write: (s, v) => {
      const virtual = (1 << HCR.VI) | (1 << HCR.VF) | (1 << HCR.VSE);
      const due = s
        .state('i32', state.PENDING)
        .or(s.state('i32', state.IRQ_LINES))
        .or(s.state('i32', regOffset('HCR_EL2')).and(virtual))
        .or(s.state('i32', regOffset('MDSCR_EL1')).and((1 << MDSCR.SS) | (1 << MDSCR.MDE)));
      unlikely(due, () => s.leaveTo('writeDaifThen', v.lo32()));
      setWord(s, state.DAIF, v.lo32().bits(6, 4));
    },
  },
  spsel: { compiled: false, write: (s, v) => s.leaveTo('writeSpselThen', v.lo32()) },
  'pstate.PAN': { compiled: false, write: pstate(state.PAN, 22, 'afterSwitch') },
  'pstate.UAO': { compiled: false, write: pstate(state.UAO, 23, 'afterSwitch') },
  'pstate.DIT': { compiled: true, write: pstate(state.DIT, 24, null) },
  'pstate.SSBS': { compiled: true, write: pstate(state.SSBS, 12, null) },
  fpcr: {
    compiled: false,
    write: (s, v) => {
      setWord(s, state.FPCR, v.and(s.state('i64', regOffset('mask FPCR'))).lo32());
      s.leaveTo('afterFpMode');
    },
  },
  fpsr: {
    compiled: false,
    write: (s, v) => {
      setWord(s, state.FPSR, v.lo32().and(0x0800009f));
      s.leaveTo('afterFpMode');
    },
  },
  cntfrq: {
    compiled: true,
    write: (s, v) => {
      // Only the highest exception level may change the frequency.
      const flags = s.state('i32', state.CONFIG_FLAGS);
      const highest = select(
        flags.and(state.CONFIG.noEl3).eqz(),
        i32(3),
        select(flags.and(state.CONFIG.noEl2).eqz(), i32(2), i32(1)),
      );
      unlikely(s.mode(state.MODE_FIELD.el).ne(highest), () => s.leaveTo('undefined'));
      s.setState('i64', regOffset('CNTFRQ_EL0'), v.and(0xffffffff));
    },
  },
  osLock: {
    compiled: false,
    write: (s, v) => {
      const at = regOffset('OSLSR_EL1');
      s.setState('i64', at, s.state('i64', at).and(~2).or(v.and(1).shl(1)));
      s.leaveTo('afterDebug');
    },
  },
  claimSet: {
    compiled: true,
    write: (s, v) => s.setState('i64', claims(), s.state('i64', claims()).or(v.and(0xff))),
  },
  claimClear: {
    compiled: true,
    write: (s, v) => s.setState('i64', claims(), s.state('i64', claims()).and(v.not())),
  },
  disr: {
    compiled: true,
    write: (s, v) => {
      const { cpu } = s;
      const el = s.mode(state.MODE_FIELD.el);
      const toVirtual = el
        .eq(1)
        .and(el2Enabled(cpu))
        .and(bitSet(cpu, 'HCR_EL2', 5).ne(0));
      const none = el
        .ltU(3)
        .and(bitSet(cpu, 'SCR_EL3', 3).ne(0))
        .and(toVirtual.eqz());
      const at = cpu.add(select(toVirtual, i32(regOffset('VDISR_EL2')), i32(regOffset('DISR_EL1'))));
      const value = v.and(0x81ffffff);
      iff(none.eqz(), () => store('i64', at, value));
    },
  },
};
export { load };
