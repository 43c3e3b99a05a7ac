/** How values are read that do not simply lie in a slot. Those of `routines` end the instruction; the others may be compiled. */
import { load } from '../../wasm/build.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { allLines } from '../exceptions/context.ts';
import { packFlags } from '../flags.ts';
import type { Sem } from '../semantics.ts';
import * as state from '../state.ts';
import { bitSet, e2h, el2Enabled, inHost } from './conditions.ts';
import type { Register } from './define.ts';
import { regOffset } from './storage.ts';

const slot = (s: Sem, name: string): Val => s.state('i64', regOffset(name));
const pstate =
  (offset: number, low: number) =>
  (s: Sem): Val =>
    s.state('i32', offset).shl(low).zext64();

/** One slot at EL1 with EL2 enabled, another elsewhere. */
function virtual(guest: string, own: string) {
  return (s: Sem): Val => {
    const el1 = s.mode(state.MODE_FIELD.el).eq(1).and(el2Enabled(s.cpu));
    return s.state('i64', regOffset(own)).xor(select(el1, slot(s, guest).xor(slot(s, own)), i64(0)));
  };
}

/** CCSIDR_EL1 of the cache that CSSELR_EL1 selects. */
function selectedCache(s: Sem): Val {
  const which = s.state('i32', regOffset('CSSELR_EL1')).and(15).shl(3);
  return load('i64', s.cpu.add(which), regOffset('cache 0'));
}

export const READERS: Record<string, (s: Sem) => Val> = {
  midr: virtual('VPIDR_EL2', 'MIDR_EL1'),
  mpidr: virtual('VMPIDR_EL2', 'MPIDR_EL1'),
  nzcv: (s) => packFlags(s.flags()).zext64(),
  daif: pstate(state.DAIF, 6),
  spsel: pstate(state.SPSEL, 0),
  currentEl: (s) => s.mode(state.MODE_FIELD.el).shl(2).zext64(),
  'pstate.PAN': pstate(state.PAN, 22),
  'pstate.UAO': pstate(state.UAO, 23),
  'pstate.DIT': pstate(state.DIT, 24),
  'pstate.SSBS': pstate(state.SSBS, 12),
  fpcr: pstate(state.FPCR, 0),
  fpsr: pstate(state.FPSR, 0),
  dczid: (s) => {
    const { cpu } = s;
    const el = s.mode(state.MODE_FIELD.el);
    // DZP: DC ZVA is prohibited here (SCTLR_ELx.DZE, HCR_EL2.TDZ).
    const host = el.eqz().and(inHost(cpu));
    const tdz = bitSet(cpu, 'HCR_EL2', 28).ne(0).and(el2Enabled(cpu)).and(el.ltU(2));
    const dze = select(host, bitSet(cpu, 'SCTLR_EL2', 14), bitSet(cpu, 'SCTLR_EL1', 14));
    const prohibited = tdz.and(host.eqz()).or(el.eqz().and(dze.eqz()));
    return slot(s, 'DCZID_EL0').or(select(prohibited, i64(16), i64(0)));
  },
  // Two layouts by HCR_EL2.E2H; that without it has many RES1 bits.
  cptr: (s) => {
    const v = slot(s, 'CPTR_EL2');
    return select(e2h(s.cpu), v.and(0x80300000), v.and(0x80000400).or(0x33ff));
  },
  ccsidr: selectedCache,
  ccsidr2: (s) => selectedCache(s).shrU(32),
  // ISR_EL1: what is pending, masked or not; at EL1 the virtual ones where the physical ones are the hypervisor's.
  interruptStatus: (s) => {
    const { cpu } = s;
    const lines = allLines(cpu);
    const place = (v: Val): Val =>
      v.and(state.LINE.irq).shl(7).or(v.and(state.LINE.fiq).shl(5)).or(v.and(state.LINE.serror).shl(6));
    const guest = s.mode(state.MODE_FIELD.el).eq(1).and(el2Enabled(cpu));
    const routed = s.state('i32', regOffset('HCR_EL2')).shrU(3).and(7).shl(6);
    const taken = select(guest, routed, i32(0));
    return place(lines)
      .and(taken.not())
      .or(place(lines.shrU(3)).and(taken))
      .zext64();
  },
  // Every claim tag exists.
  claimSet: () => i64(0xff),
  // At EL1 the virtual register when SErrors are the hypervisor's; nothing when they are EL3's.
  disr: (s) => {
    const { cpu } = s;
    const el = s.mode(state.MODE_FIELD.el);
    const toVirtual = el
      .eq(1)
      .and(el2Enabled(cpu))
      .and(bitSet(cpu, 'HCR_EL2', 5).ne(0));
    const none = el
      .ltU(3)
      .and(bitSet(cpu, 'SCR_EL3', 3).ne(0))
      .and(i32(1));
    const at = select(toVirtual, i32(regOffset('VDISR_EL2')), i32(regOffset('DISR_EL1')));
    return select(none.and(toVirtual.eqz()), i64(0), load('i64', cpu.add(at)));
  },
};

/** Routines (cpu, rec, n, argument) that put the value into the instruction's register and go on. */
export const ROUTINE_READERS: Record<
  string,
  { readonly routine: string; readonly argument: number | ((r: Register) => number) }
> = {};
/** Announces that values of this kind are read by a routine. */
export function readBy(kind: string, routine: string, argument: number | ((r: Register) => number)): void {
  ROUTINE_READERS[kind] = { routine, argument };
}
