/** What follows for pointer authentication from PSTATE and the control registers: bits of the mode word, layout of pointers. */
import { iff, load, ret, store, unlikely } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { bit64, bitOf, byEl, currentEl, el2Enabled, hcr, hostEl0, regimeEl, word } from '../exceptions/view.ts';
import * as state from '../state.ts';
import { MODE_FIELD } from '../state.ts';
import { CONFIG, DATA, DIFF, INSTRUCTION, PAUTH, SEEN_REGIME, SEEN_TCR, SHIFT } from './config.ts';

export const context = new Library();

/** Bits of control registers. */
const SCTLR = { pauthOffIA: 31, pauthOffIB: 30, pauthOffDA: 27, pauthOffDB: 13 } as const;
const HCR_API = 41;
const HCR_E2H = 34;
const SCR_API = 17;

const has = (config: Val, flag: number): Val => config.and(flag).ne(0);

/** i32: does the use of a key trap to EL2, to EL3 (2 or 3, else 0)? (IsAPIAKeyEnabled and the like, TrapPACUse) */
export function trapLevel(cpu: Val, el: Val): Val {
  const absent = word(cpu, state.CONFIG_FLAGS);
  const no2 = has(absent, state.CONFIG.noEl2);
  const no3 = has(absent, state.CONFIG.noEl3);
  const guest = el.ltU(2).and(el2Enabled(cpu)).and(no2.eqz());
  const host = el.eqz().and(hostEl0(hcr(cpu)));
  const by2 = guest.and(bitOf(cpu, 'HCR_EL2', HCR_API).eqz()).and(host.eqz());
  const by3 = el
    .ltU(3)
    .and(bitOf(cpu, 'SCR_EL3', SCR_API).eqz())
    .and(no3.eqz());
  return select(by2, i32(2), by3.mul(3));
}

/** The extension field below an address of 64 − TxSZ bits (CalculateBottomPACBit). `large`: 64 KB granule. */
function fieldOf(config: Val, size: Val, large: Val, wide: Val, tbi: Val): Val {
  const most = select(has(config, PAUTH.ttst), i32(48).sub(large), i32(39));
  const deep = select(large, has(config, PAUTH.lva), wide.and(has(config, PAUTH.lpa2)));
  const least = select(deep, i32(12), i32(16));
  const low = select(size.ltU(least), least, size);
  const used = select(low.gtU(most), most, low);
  return i64(-1)
    .shl(i32(64).sub(used).zext64())
    .and(select(tbi, i64((1n << 56n) - 1n), i64(-1)));
}

/** Computes the fields of pointers from TCR_ELx (EffectiveTBI, CalculateBottomPACBit, AddPAC's choice of the range). */
function layOut(cpu: Val, config: Val, tcr: Val, twoRanges: Val): void {
  const at = (n: number): Val => bit64(tcr, n);
  const one = twoRanges.eqz();
  const size0 = tcr.bits(0, 6).lo32();
  const size1 = select(one, size0, tcr.bits(16, 6).lo32());
  const large0 = tcr.bits(14, 2).eq(1);
  const large1 = select(one, large0, tcr.bits(30, 2).eq(3));
  const wide = select(one, at(32), at(59));
  const tbi0 = select(one, at(20), at(37));
  const tbi1 = select(one, tbi0, at(38));
  const tbid0 = select(one, at(29), at(51));
  const tbid1 = select(one, tbid0, at(52));
  const fixed = has(config, PAUTH.constPacField);
  for (const [place, low, high] of [
    [INSTRUCTION, tbi0.and(tbid0.eqz()), tbi1.and(tbid1.eqz())],
    [DATA, tbi0, tbi1],
  ] as const) {
    const lower = fieldOf(config, size0, large0, wide, low);
    const upper = fieldOf(config, size1, large1, wide, high);
    store('i64', cpu, lower, place.low);
    store('i64', cpu, lower.xor(upper), place.low + DIFF);
    store('i64', cpu, select(low.or(high).or(fixed), i64(8), i64(0)), place.low + SHIFT);
  }
}

/**
 * (cpu) → bits `MODE_FIELD.pauth…` of the mode word, and lays out pointers anew when the regime or its TCR changed. To be called
 * after every change of the exception level, of SCTLR, TCR, HCR or SCR.
 */
context.define('pauthMode', [I32], I32, (_link, c) => {
  const cpu = c!;
  const config = load('i32', cpu, CONFIG);
  unlikely(config.eqz(), () => ret(i32(0)));
  const el = currentEl(cpu);
  const h = hcr(cpu);
  const regime = regimeEl(el, h);
  const twoRanges = regime.eq(1).or(regime.eq(2).and(bit64(h, HCR_E2H)));
  const tcr = byEl(cpu, regime, 'TCR');
  const seen = regime.or(twoRanges.shl(2)).zext64();
  const same = load('i64', cpu, SEEN_TCR)
    .eq(tcr)
    .and(load('i64', cpu, SEEN_REGIME).eq(seen));
  iff(same.eqz(), () => {
    store('i64', cpu, tcr, SEEN_TCR);
    store('i64', cpu, seen, SEEN_REGIME);
    layOut(cpu, config, tcr, twoRanges);
  });
  const sctlr = byEl(cpu, regime, 'SCTLR').lo32();
  let mode = trapLevel(cpu, el).ne(0).shl(MODE_FIELD.pauthTrapped[0]);
  mode = mode.or(has(config, PAUTH.general).shl(MODE_FIELD.pauthGeneral[0]));
  for (const [name, enable] of Object.entries(SCTLR)) {
    const [lo] = MODE_FIELD[name as keyof typeof SCTLR];
    mode = mode.or(sctlr.bits(enable, 1).xor(1).shl(lo));
  }
  ret(mode);
});
