/**
 * When an access is UNDEFINED or trapped (D24.2, the accessibility pseudocode of each register): rules of the table as code.
 * All conditions are i32, non-zero when they hold.
 */
import { load, unlikely } from '../../wasm/build.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { el2Enabled as el2InUse } from '../exceptions/view.ts';
import type { Sem } from '../semantics.ts';
import { CONFIG, CONFIG_FLAGS, MODE_FIELD, SPSEL } from '../state.ts';
import type { El, Register, Trap, Undefined } from './define.ts';
import { regOffset } from './storage.ts';
import { COUNTERS } from './table/pmu.ts';

const EC_SYSREG = 0x18;

/** Non-zero when bit `n` of a register is set (the bit in its place, not shifted). */
export function bitSet(cpu: Val, name: string, n: number): Val {
  return load('i32', cpu, regOffset(name) + (n >= 32 ? 4 : 0)).and(1 << (n & 31));
}
/** EL2Enabled(): also false when there is no EL2. */
export function el2Enabled(cpu: Val): Val {
  return el2InUse(cpu).and(load('i32', cpu, CONFIG_FLAGS).and(CONFIG.noEl2).eqz());
}
export const e2h = (cpu: Val): Val => bitSet(cpu, 'HCR_EL2', 34).ne(0);
/** ELIsInHost(EL0): EL0 belongs to an operating system at EL2. */
export function inHost(cpu: Val): Val {
  return bitSet(cpu, 'HCR_EL2', 34)
    .ne(0)
    .and(bitSet(cpu, 'HCR_EL2', 27).ne(0))
    .and(el2InUse(cpu));
}
/** Level that EL0 traps "to EL1" go to: EL2 when HCR_EL2.TGE is in effect. */
export function level1(cpu: Val): Val {
  return i32(1).add(bitSet(cpu, 'HCR_EL2', 27).ne(0).and(el2InUse(cpu)));
}

/** Is the bit of the register that governs EL0 clear: of `host` when EL0 belongs to the host, else of `guest`? */
const el0Clear = (cpu: Val, guest: string, host: string, mask: number): Val => {
  const word = (name: string): Val => load('i32', cpu, regOffset(name)).and(mask);
  return select(inHost(cpu), word(host), word(guest)).eqz();
};
/** CNTHCTL_EL2: the physical counter and timer at EL0 and EL1; two layouts by E2H. */
const cnthctl = (cpu: Val, plain: number, host: number): Val => {
  const v = load('i32', cpu, regOffset('CNTHCTL_EL2'));
  return select(e2h(cpu), v.bits(host, 1), v.bits(plain, 1)).eqz();
};

/** Conditions that are more than a bit of a register. */
const TESTS: Record<string, (cpu: Val, el: El) => Val> = {
  uct: (cpu) => el0Clear(cpu, 'SCTLR_EL1', 'SCTLR_EL2', 1 << 15),
  uma: (cpu) => inHost(cpu).or(bitSet(cpu, 'SCTLR_EL1', 9).eqz()),
  tscxt: (cpu) => el0Clear(cpu, 'SCTLR_EL1', 'SCTLR_EL2', 1 << 20).eqz(),
  cntfrq: (cpu) => el0Clear(cpu, 'CNTKCTL_EL1', 'CNTHCTL_EL2', 3),
  cntpct0: (cpu) => el0Clear(cpu, 'CNTKCTL_EL1', 'CNTHCTL_EL2', 1),
  cntvct0: (cpu) => el0Clear(cpu, 'CNTKCTL_EL1', 'CNTHCTL_EL2', 2),
  cntp0: (cpu) => el0Clear(cpu, 'CNTKCTL_EL1', 'CNTHCTL_EL2', 1 << 9),
  cntv0: (cpu) => el0Clear(cpu, 'CNTKCTL_EL1', 'CNTHCTL_EL2', 1 << 8),
  cntpct: (cpu, el) => guestOnly(cpu, el, cnthctl(cpu, 0, 10)),
  cntp: (cpu, el) => guestOnly(cpu, el, cnthctl(cpu, 1, 11)),
};
function guestOnly(cpu: Val, el: El, cond: Val): Val {
  return el === 0 ? cond.and(inHost(cpu).eqz()) : cond;
}
/** Adds a condition by name. */
export function defineTest(name: string, test: (cpu: Val, el: El) => Val): void {
  TESTS[name] = test;
}

/** The quick part of a rule: hardly ever true where nothing traps. */
function quick(cpu: Val, t: Trap, el: El): Val {
  if (t.test !== undefined) {
    const test = TESTS[t.test];
    if (!test) throw new Error(`no condition ${t.test}`);
    return test(cpu, el);
  }
  const set = bitSet(cpu, t.control, t.bit);
  const is = t.on ? set : set.eqz();
  // Without SCR_EL3.HXEn the register counts as 0: every enable in it is off.
  if (t.gates.includes('hcrx')) return is.or(bitSet(cpu, 'SCR_EL3', 38).eqz());
  return is;
}
/** What must hold beside it. */
function rest(cpu: Val, t: Trap, el: El): Val {
  if (t.to !== 2) return i32(1);
  let cond = el2Enabled(cpu);
  if (t.gates.includes('fgt')) cond = cond.and(bitSet(cpu, 'SCR_EL3', 27).ne(0));
  if (t.gates.includes('guest') && el === 0) cond = cond.and(inHost(cpu).eqz());
  return cond;
}

/** Leaves to the trap; the immediate of these instructions is the ISS. */
export function takeTrap(s: Sem, target: Val): void {
  s.leaveTo('sysTrap', target, i32(EC_SYSREG), s.imm32());
}
/** All rules for accesses from `el`. */
export function checkTraps(s: Sem, traps: readonly Trap[], el: El): void {
  const cpu = s.cpu;
  for (const t of traps) {
    if (!t.from.includes(el)) continue;
    unlikely(quick(cpu, t, el), () => {
      const go = (): void => takeTrap(s, t.to === 1 ? level1(cpu) : i32(t.to));
      const cond = rest(cpu, t, el);
      if (cond.kind === 0) go();
      else unlikely(cond, go);
    });
  }
}

/** Exception level of a region (a number) or of the interpreter (null). */
export function knownEl(el: Val): El | null {
  return el.kind === 0 ? (Number(el.k) as El) : null;
}

/** Non-zero when the register does not exist at `el` in this state. */
export function undefinedHere(s: Sem, kind: Undefined, el: El): Val {
  const cpu = s.cpu;
  const security = s.mode(MODE_FIELD.security);
  switch (kind) {
    case 'sp0':
      return s.state('i32', SPSEL).eqz();
    case 'e2h':
      return el === 2 ? e2h(cpu).eqz() : e2h(cpu).and(el2Enabled(cpu)).eqz();
    case 'secure':
      return el === 2 ? security.ne(0) : bitSet(cpu, 'SCR_EL3', 18).eqz();
    case 'realm':
      return el === 2 ? security.ne(3) : i32(0);
    case 'lor':
      return el === 3 ? bitSet(cpu, 'SCR_EL3', 0).eqz() : security.eqz();
    // No such counter; 31 stands for the cycle counter, whose type alone may be reached this way.
    case 'selectedType':
      return s
        .state('i32', regOffset('PMSELR_EL0'))
        .and(31)
        .sub(COUNTERS)
        .ltU(31 - COUNTERS);
    case 'selectedCount':
      return s.state('i32', regOffset('PMSELR_EL0')).and(31).geU(COUNTERS);
    case 'secureTimer':
      if (el === 2) return i32(1);
      return el === 3 ? i32(0) : security.or(bitSet(cpu, 'SCR_EL3', 18));
  }
}

/** Rules of a register for one direction. */
export function rulesOf(r: Register, access: 'read' | 'write'): readonly Trap[] {
  return r.traps.filter((t) => t.access === 'both' || t.access === access);
}
