/**
 * WFE while the exclusive monitor is open (C1.6.2): a store of another core to what is monitored clears the monitor, which is an event.
 * Stores tell nobody here, so the value is looked at; one that writes the same value again goes unseen.
 */
import { atomicLoad, br, call, iff, load, loop, ret, unlikely, variable } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, type Val } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { setWord, word } from './view.ts';

export const monitor = new Library();

/** Looks at the value before the core sleeps: a microsecond or two, the time in which a lock is handed over. */
const LOOKS = 1000;

/** i32 0/1: others changed what is monitored; the monitor is clear then. */
monitor.define('monitorLost', [I32], I32, (_link, c) => {
  const cpu = c!;
  const at = word(cpu, state.EXCL_ADDR);
  iff(at.eqz(), () => ret(i32(0)));
  const size = word(cpu, state.EXCL_SIZE);
  const differs = (v: Val, offset: number): Val => v.ne(load('i64', cpu, offset));
  const ifLost = (lost: Val): void => {
    iff(lost, () => {
      setWord(cpu, state.EXCL_ADDR, 0);
      ret(i32(1));
    });
    ret(i32(0));
  };
  for (const [bytes, access] of [
    [1, 'i64_8u'],
    [2, 'i64_16u'],
    [4, 'i64_32u'],
  ] as const) {
    iff(size.eq(bytes), () => ifLost(differs(load(access, at), state.EXCL_LO)));
  }
  iff(differs(load('i64', at), state.EXCL_LO), () => ifLost(i32(1)));
  iff(size.eq(16), () => ifLost(differs(load('i64', at, 8), state.EXCL_HI)));
  ret(i32(0));
});
/** The same, after a moment in which it had the chance to happen; anything pending ends that. */
monitor.define('monitorLostSoon', [I32], I32, (link, c) => {
  const cpu = c!;
  const left = variable(I32, LOOKS);
  loop((again) => {
    iff(call(link('monitorLost'), cpu), () => ret(i32(1)));
    unlikely(atomicLoad('i32', cpu, state.PENDING).or(atomicLoad('i32', cpu, state.EVENT)), () => ret(i32(0)));
    const n = left.get().sub(1);
    left.set(n);
    iff(n, () => br(again));
  });
  ret(i32(0));
});
