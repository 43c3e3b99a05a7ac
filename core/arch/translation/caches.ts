/** Cache maintenance where it is more than nothing: traps, faults, DC ZVA that misses the TLB, the instruction cache. */

import { REC_SIZE } from '../../engine/abi.ts';
import { INFO } from '../../engine/access.ts';
import { call, iff, load, ret, run, store, tailCall, unlikely, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, v128 } from '../../wasm/value.ts';
import { fgtEnabled } from '../exceptions/calls.ts';
import { bit64, currentEl, hcr, hostEl0, reg, reg32 } from '../exceptions/view.ts';
import { BUDGET, FAULT, HOST_WATCH, PEERS, REC_MAP, SLOW_REC, TR_CTX, WATCH_ACTIVE } from '../state.ts';
import type { TranslationFeatures } from './features.ts';
import { ACC } from './fields.ts';
import { EC_SYSTEM } from './maintenance.ts';

/** What a cache maintenance instruction does, in bits [3:0] of its description. */
export const CACHE = { clean: 0, invalidate: 1, none: 2, zero: 3, icLine: 4, icAll: 5, icAllShared: 6 } as const;
/** Bits of HCR_EL2 that trap some of them, from bit 16 of the description on. */
const HCR_BITS = { TSW: 22, TPC: 23, TPU: 24, TDZ: 28, TICAB: 50, TOCU: 52 } as const;
export type CacheTrapName = keyof typeof HCR_BITS;
const FB = 9;
/** SCTLR_ELx bit number of instructions that EL0 does not have. */
export const NOT_EL0 = 31;

/** Description: action [3:0], enabling bit of SCTLR_ELx for EL0 [8:4], HFGITR_EL2 bit [14:9], bits of HCR_EL2 [21:16]. */
export function packCache(action: number, sctlrBit: number, fgt: number, traps: readonly CacheTrapName[]): number {
  const names = Object.keys(HCR_BITS);
  return action | (sctlrBit << 4) | (fgt << 9) | traps.reduce((m, t) => m | (1 << (16 + names.indexOf(t))), 0);
}

export function defineCaches(lib: Library, f: TranslationFeatures): void {
  /** Code of a line of 64 bytes is void: (cpu, host address). The same for other cores. */
  lib.host('invalidateCode', [I32, I32], null);
  lib.host('broadcastCode', [I32, I32], null);
  /** All code is void: (cpu, non-zero: on all cores). */
  lib.host('invalidateAllCode', [I32, I32], null);

  /**
   * DC ZVA that misses the TLB: (virtual address) → host address of the line to zero, or 0 when the instruction has to go its whole way
   * (`cacheOp`): a fault, no memory, a watched page.
   */
  lib.define('lineToZero', [I32, I64], I32, (link, c, v) => {
    const [cpu, va] = [c!, v!];
    if (f.has('RME')) {
      const wiped = call(link('wipeNext'), cpu, va);
      iff(wiped, () => ret(wiped.and(~63)));
    }
    unlikely(load('i32', cpu, WATCH_ACTIVE).or(load('i32', cpu, HOST_WATCH)), () => ret(i32(0)));
    store('i32', cpu, i32(0), SLOW_REC);
    const host = call(link('fillData'), cpu, va, i32(INFO.write | ACC.zero));
    unlikely(load('i32', cpu, FAULT), () => {
      store('i32', cpu, i32(0), FAULT);
      ret(i32(0));
    });
    if (f.has('RME')) iff(host, () => run(link('wipeSeen'), cpu, va, host));
    ret(host.and(~63));
  });

  /** A cache maintenance instruction in full: (cpu, rec, n, description, ISS of its trap, address). */
  lib.define('cacheOp', [I32, I32, I32, I32, I32, I64], I32, (link, c, r, m, w, iss, v) => {
    const [cpu, rec, n, what, va] = [c!, r!, m!, w!, v!];
    const el = currentEl(cpu);
    const h = hcr(cpu);
    const trap = (to: number): void => tailCall(link('sysTrap'), cpu, rec, n, i32(to), i32(EC_SYSTEM), iss!);
    const guest = variable(I32, el.eq(1));
    iff(el.eqz(), () => {
      const host = hostEl0(h);
      const enable = what.shrU(4).and(31);
      unlikely(enable.eq(NOT_EL0), () => tailCall(link('undefined'), cpu, rec, n));
      const sctlr = select(host, reg32(cpu, 'SCTLR_EL2'), reg32(cpu, 'SCTLR_EL1'));
      unlikely(sctlr.shrU(enable).and(1).eqz(), () => trap(1));
      guest.set(host.eqz());
    });
    iff(guest.get(), () => {
      let trapped = i32(0);
      Object.values(HCR_BITS).forEach((bit, i) => {
        // TICAB and TOCU come with FEAT_EVT.
        if (bit >= 50 && !f.has('EVT')) return;
        trapped = trapped.or(bit64(h, bit).and(what.shrU(16 + i)));
      });
      unlikely(trapped.and(1), () => trap(2));
      if (f.has('FGT')) {
        const fine = reg(cpu, 'HFGITR_EL2').shrU(what.shrU(9).and(63).zext64()).lo32().and(1);
        unlikely(fine, () => iff(fgtEnabled(cpu), () => trap(2)));
      }
    });

    store('i32', cpu, n, BUDGET);
    store('i32', cpu, rec, SLOW_REC);
    const action = what.and(15);
    const next = (): void => tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));
    const fault = (): void => tailCall(link('deliver'), cpu, rec, n);
    iff(action.eq(CACHE.none), next);
    iff(action.geU(CACHE.icAll), () => {
      const forced = bit64(h, FB).and(el.eq(1));
      run(link('invalidateAllCode'), cpu, action.eq(CACHE.icAllShared).or(forced));
      next();
    });
    iff(action.eq(CACHE.invalidate), () => {
      const ok = call(link('fullTranslate'), cpu, va, i32(ACC.cache | ACC.write), load('i32', cpu, TR_CTX));
      unlikely(ok.eqz(), fault);
      // The granule is checked; nothing needs to answer there.
      const kind = i32(ACC.cache | ACC.write);
      iff(
        call(link('outputHost'), cpu, va, kind)
          .eqz()
          .and(load('i32', cpu, FAULT).ne(0)),
        fault,
      );
      next();
    });
    iff(action.eq(CACHE.zero), () => {
      const host = call(link('fillData'), cpu, va, i32(INFO.write | ACC.zero));
      unlikely(load('i32', cpu, FAULT), fault);
      unlikely(host.eqz(), () => {
        run(link('externalAbort'), cpu, va, i32(INFO.write));
        fault();
      });
      const line = host.and(~63);
      for (let at = 0; at < 64; at += 16) store('v128', line, v128(0n), at);
      next();
    });
    // Clean by address, and IC IVAU: translated, above EL0 without regard to permissions.
    const kind = select(el.eqz(), i32(ACC.cache), i32(ACC.cache | ACC.anyPermission));
    const host = call(link('fillData'), cpu, va, kind);
    unlikely(load('i32', cpu, FAULT), fault);
    iff(action.eq(CACHE.icLine).and(host.ne(0)), () => {
      const records = load('i32', load('i32', cpu, REC_MAP).add(host.shrU(12).shl(2)));
      iff(records, () => run(link('invalidateCode'), cpu, host.and(~63)));
      iff(load('i32', cpu, PEERS), () => run(link('broadcastCode'), cpu, host.and(~63)));
    });
    next();
  });
}
