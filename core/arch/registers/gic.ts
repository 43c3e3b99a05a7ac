/** Accesses to the GIC's registers: the host computes them (`Gicv3`), since other cores and devices share its state. */
import { call, load, run, store, unlikely } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { HCR, SCR } from '../exceptions/fields.ts';
import type { Sem } from '../semantics.ts';
import * as state from '../state.ts';
import { bitSet, defineTest, el2Enabled } from './conditions.ts';
import type { Register } from './define.ts';
import { GIC_ACCESS, GIC_REG, KEPT_LIST, KEPT_WORDS, LIST_REGISTERS } from './gic-interface.ts';
import { finishRead, goOn } from './library.ts';
import { READERS, readBy } from './readers.ts';
import { regOffset } from './storage.ts';
import { gicAccess } from './table/gic.ts';
import { WRITERS } from './writers.ts';

export const gic = new Library();

/** (cpu, number, access) → low half; the high half of a list register is left in SCRATCH_HI. */
gic.host('gicRead', [I32, I32, I32], I32);
/** (cpu, number, access, low, high). */
gic.host('gicWrite', [I32, I32, I32, I32, I32], null);

const scr = (cpu: Val): Val => load('i32', cpu, regOffset('SCR_EL3'));
const hcr = (cpu: Val): Val => load('i32', cpu, regOffset('HCR_EL2'));
/** i32: HCR_EL2.FMO (bit 0), IMO (bit 1) where they redirect EL1's accesses. */
const taken = (cpu: Val): Val => select(el2Enabled(cpu), hcr(cpu).bits(HCR.FMO, 2), i32(0));
const FMO = 1;
const IMO = 2;

// SCR_EL3.FIQ and IRQ trap to EL3 what is not redirected.
const unlessTaken = (cpu: Val, el: number, which: number, cond: Val): Val =>
  el === 1 ? cond.and(taken(cpu).and(which).eqz()) : cond;
const both = (cpu: Val): Val => scr(cpu).bits(SCR.IRQ, 2).eq(3);
defineTest('gicFiq', (cpu, el) => unlessTaken(cpu, el, FMO, bitSet(cpu, 'SCR_EL3', SCR.FIQ).ne(0)));
defineTest('gicIrq', (cpu, el) => unlessTaken(cpu, el, IMO, bitSet(cpu, 'SCR_EL3', SCR.IRQ).ne(0)));
defineTest('gicBoth', (cpu, el) => unlessTaken(cpu, el, FMO | IMO, both(cpu)));
defineTest('gicBothHere', (cpu) => both(cpu));
defineTest('gicTaken', (cpu) => taken(cpu));

// A routine's argument: number, and above it what redirects.
const REDIRECT = 8;
function argument(r: Register): number {
  const { number, redirect } = gicAccess.get(r.name)!;
  return number | (redirect << REDIRECT);
}
function accessOf(cpu: Val, arg: Val): Val {
  const el = load('i32', cpu, state.EL);
  const s = scr(cpu);
  const nonSecure = select(el.eq(3), s.and(1), load('i32', cpu, state.SECURITY).ne(0));
  const virtual = el.eq(1).and(taken(cpu).and(arg.shrU(REDIRECT)).ne(0));
  return el
    .or(nonSecure.mul(GIC_ACCESS.nonSecure))
    .or(s.bits(SCR.IRQ, 2).mul(GIC_ACCESS.irqToEl3))
    .or(virtual.mul(GIC_ACCESS.virtual));
}

function ask(name: string, then: (cpu: Val, low: Val) => Val): void {
  gic.define(name, [I32, I32, I32, I32], I32, (link, c, rec, n, arg) => {
    const cpu = c!;
    store('i32', cpu, n!, state.BUDGET);
    const low = call(link('gicRead'), cpu, arg!.and(0xff), accessOf(cpu, arg!));
    finishRead(link, cpu, rec!, n!, then(cpu, low));
  });
}
ask('gicReadWord', (_cpu, low) => low.zext64());
ask('gicReadWide', (cpu, low) => low.zext64().or(load('i64', cpu, state.SCRATCH_HI).shl(32)));
readBy('gic', 'gicReadWord', argument);

// Registers that lie in memory as they read: monitors and hypervisors save and restore them at every switch.
const keptAt = (s: Sem): Val => s.state('i32', state.GIC_VIRTUAL);
/** What a register holds; `at` is known. */
const kept = (at: Val, number: number): Val =>
  number >= GIC_REG.ICH_LR
    ? load('i64', at, 4 * KEPT_LIST + 8 * (number - GIC_REG.ICH_LR))
    : load('i64_32u', at, 4 * KEPT_WORDS.get(number)!);
for (const number of [...KEPT_WORDS.keys(), ...Array.from({ length: LIST_REGISTERS }, (_, n) => GIC_REG.ICH_LR + n)]) {
  const list = number >= GIC_REG.ICH_LR;
  READERS[`${list ? 'gic.list' : 'gic.kept'} ${number}`] = (s) => {
    const at = keptAt(s);
    unlikely(at.eqz(), () => s.leaveTo(list ? 'gicReadWide' : 'gicReadWord', i32(number)));
    return kept(at, number);
  };
}
/** Nothing follows from writing what is there: lines depend on nothing else. */
function writeKept(s: Sem, v: Val, r: Register, extra?: () => void): void {
  const at = keptAt(s);
  const { number } = gicAccess.get(r.name)!;
  const written = number >= GIC_REG.ICH_LR ? v : v.and(0xffffffff);
  unlikely(at.eqz().or(kept(at, number).ne(written)), () => {
    if (s.interpreting) extra?.();
    s.leaveTo('gicWriteRegister', i32(argument(r)), v);
  });
}
WRITERS['gic.kept'] = { compiled: true, write: (s, v, r) => writeKept(s, v, r) };
WRITERS['gic.list'] = WRITERS['gic.kept'];

gic.define('gicWriteRegister', [I32, I32, I32, I32, I64], I32, (link, c, rec, n, arg, v) => {
  const cpu = c!;
  store('i32', cpu, n!, state.BUDGET);
  run(link('gicWrite'), cpu, arg!.and(0xff), accessOf(cpu, arg!), v!.lo32(), v!.shrU(32).lo32());
  goOn(link, cpu, rec!, n!);
});
WRITERS.gic = { compiled: false, write: (s, v, r) => s.leaveTo('gicWriteRegister', i32(argument(r)), v) };
/** TALL0, TALL1, TC, TDIR: looked at where accesses are checked. */
WRITERS['gic.traps'] = {
  compiled: true,
  write: (s, v, r) => writeKept(s, v, r, () => s.setState('i64', regOffset('ICH_HCR_EL2'), v.and(0x5c00))),
};
