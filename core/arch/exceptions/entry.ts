/** Taking an exception to an exception level (AArch64.TakeException, D1.3.4). */

import { WATCH } from '../../engine/layout.ts';
import { iff, load, run, store, unlikely } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { pmuContextChanged } from '../registers/pmu.ts';
import { regOffset } from '../registers/storage.ts';
import * as state from '../state.ts';
import { SCTLR, SECURITY_STATE, SPSR } from './fields.ts';
import { saveSp, spsrOf } from './pstate.ts';
import { bit64, hcr, hostEl0, reg, setReg, setWord, word } from './view.ts';

export const entry = new Library();

/** For observers: an exception was taken: (cpu, security state << 2 | level before, vector offset); and a return from one to an address. */
entry.host('levelEntered', [I32, I32, I32], null);
entry.host('levelLeft', [I32, I32, I64], null);

/** i32: non-zero when exceptions to, and returns from, this level are to be recorded. */
export const watched = (level: Val): Val => load('i32', i32(WATCH)).shrU(level).and(1);
/**
 * The security state changes from `was`: the instructions until now were that state's. `other` is the one that is not EL3's, `counts`
 * where its switches are counted. BUDGET is current.
 */
export function noteWorld(cpu: Val, was: Val, other: Val, counts: number): void {
  const count = cpu.add(other.shl(2));
  store('i32', count, load('i32', count, counts).add(1), counts);
  const done = load('i64', cpu, state.GRANTED).sub(load('i32', cpu, state.BUDGET).sext64());
  const ran = cpu.add(was.shl(3));
  store(
    'i64',
    ran,
    load('i64', ran, state.WORLD_RAN)
      .add(done)
      .sub(load('i64', cpu, state.WORLD_NOTED)),
    state.WORLD_RAN,
  );
  store('i64', cpu, done, state.WORLD_NOTED);
}

/** Offsets within a quarter of the vector table. */
export const VECTOR = { sync: 0, irq: 0x80, fiq: 0x100, serror: 0x180 } as const;

/** Enters `level`; ESR and FAR are the caller's. PC is the vector afterwards. BUDGET is current. */
function enter(link: Link, cpu: Val, level: 1 | 2 | 3, back: Val, vector: Val): void {
  const el = word(cpu, state.EL);
  const from = word(cpu, state.SECURITY);
  const lower = i32(0x400);
  const same = word(cpu, state.SPSEL).shl(9);
  const offset = vector.add(level === 1 ? select(el.eqz(), lower, same) : select(el.ltU(level), lower, same));
  setReg(cpu, `SPSR_EL${level}`, spsrOf(cpu).zext64());
  setReg(cpu, `ELR_EL${level}`, back);
  saveSp(cpu);
  store('i64', cpu, load('i64', cpu, regOffset(`SP_EL${level}`)), state.X + 8 * state.SLOT_SP);
  setWord(cpu, state.EL, level);
  setWord(cpu, state.SPSEL, 1);
  setWord(cpu, state.DAIF, 15);
  setWord(cpu, state.SS, 0);
  setWord(cpu, state.STEPPING, 0);
  setWord(cpu, state.IL, 0);
  setWord(cpu, state.BTYPE, 0);
  setWord(cpu, state.UAO, 0);
  const sctlr = reg(cpu, `SCTLR_EL${level}`);
  const absent = word(cpu, state.PSTATE_ABSENT);
  setWord(cpu, state.SSBS, bit64(sctlr, SCTLR.DSSBS).and(absent.bits(SPSR.SSBS, 1).xor(1)));
  if (level !== 3) {
    let set = bit64(sctlr, SCTLR.SPAN).or(absent.bits(SPSR.PAN, 1)).xor(1);
    if (level === 2) set = set.and(hostEl0(hcr(cpu)));
    setWord(cpu, state.PAN, word(cpu, state.PAN).or(set));
  } else {
    const rme = word(cpu, state.CONFIG_FLAGS).and(state.CONFIG.rme);
    noteWorld(cpu, from, from, state.WORLD_ENTRIES);
    setWord(cpu, state.SECURITY, select(rme, i32(SECURITY_STATE.root), i32(SECURITY_STATE.secure)));
  }
  const vbar = reg(cpu, `VBAR_EL${level}`).and(~0x7ffn);
  store('i64', cpu, vbar.or(offset.zext64()), state.PC);
  run(link('switchContext'), cpu);
  pmuContextChanged(link, cpu);
  unlikely(watched(i32(level)), () => run(link('levelEntered'), cpu, from.shl(2).or(el), vector));
}

for (const level of [1, 2, 3] as const) {
  /** (cpu, preferred return address, vector offset): an exception that leaves ESR alone. */
  entry.define(`enterEl${level}`, [I32, I64, I32], null, (link, cpu, back, vector) => {
    enter(link, cpu!, level, back!, vector!);
  });
}

/** (cpu, target level, ESR, preferred return address, vector offset). */
entry.define('takeException', [I32, I32, I64, I64, I32], null, (link, c, t, e, b, v) => {
  const [cpu, target, value, back, vector] = [c!, t!, e!, b!, v!];
  // Many in a row without a return: the guest runs wild, and how that began is what its author wants to know.
  const nested = word(cpu, state.NESTED);
  iff(nested.eqz(), () => {
    store('i64', cpu, back, state.FIRST_PC);
    store('i64', cpu, value, state.FIRST_ESR);
  });
  setWord(cpu, state.NESTED, nested.add(1));
  const to = (level: 1 | 2 | 3) => (): void => {
    setReg(cpu, `ESR_EL${level}`, value);
    run(link(`enterEl${level}`), cpu, back, vector);
  };
  iff(target.eq(1), to(1), () => iff(target.eq(2), to(2), to(3)));
});
/** The same for exceptions that have no syndrome: IRQ and FIQ. */
entry.define('takeInterrupt', [I32, I32, I64, I32], null, (link, c, t, b, v) => {
  const [cpu, target, back, vector] = [c!, t!, b!, v!];
  const to = (level: 1 | 2 | 3) => (): void => run(link(`enterEl${level}`), cpu, back, vector);
  iff(target.eq(1), to(1), () => iff(target.eq(2), to(2), to(3)));
});
