/** Address translation instructions (AArch64.AT, AArch64.EncodePAR): the result goes to PAR_EL1. */
import { REC_SIZE } from '../../engine/abi.ts';
import { call, iff, load, store, tailCall, unlikely, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { fgtEnabled } from '../exceptions/calls.ts';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from '../exceptions/fault-kinds.ts';
import { HCR } from '../exceptions/fields.ts';
import { bit64, currentEl, el2Enabled, hcr, hostEl0, reg } from '../exceptions/view.ts';
import { regOffset } from '../registers/storage.ts';
import { BUDGET, FAULT, FAULT_ISS, SLOW_REC, TR_PA, TR_PAS } from '../state.ts';
import type { TranslationFeatures } from './features.ts';
import { ACC, CTX, FAULT_ISS2, PAS, REGIME } from './fields.ts';
import { EC_SYSTEM, lowerSecurity } from './maintenance.ts';

/** What an AT instruction is. */
export interface AddressTranslate {
  /** Exception level whose access is tried. */
  readonly el: 0 | 1 | 2 | 3;
  /** Least level that has the instruction. */
  readonly level: 1 | 2 | 3;
  readonly write: boolean;
  /** Both stages. */
  readonly both?: boolean;
  /** PSTATE.PAN counts. */
  readonly pan?: boolean;
  /** No permission is checked. */
  readonly any?: boolean;
  /** HFGITR_EL2 bit. */
  readonly fgt?: number;
}
const NO_FGT = 63;
const W = { write: 1 << 2, both: 1 << 3, pan: 1 << 4, any: 1 << 5 } as const;
export const packAt = (a: AddressTranslate): number =>
  a.el |
  (a.write ? W.write : 0) |
  (a.both ? W.both : 0) |
  (a.pan ? W.pan : 0) |
  (a.any ? W.any : 0) |
  (a.level << 6) |
  ((a.fgt ?? NO_FGT) << 8);

const HCR_AT = 44;
const PAR = regOffset('PAR_EL1');

export function defineAddressTranslate(lib: Library, f: TranslationFeatures): void {
  /** (cpu, rec, n, what it is, ISS of its trap, address) */
  lib.define('addressTranslate', [I32, I32, I32, I32, I32, I64], I32, (link, c, r, m, w, iss, va) => {
    const [cpu, rec, n, what] = [c!, r!, m!, w!];
    const current = currentEl(cpu);
    const level = what.shrU(6).and(3);
    const both = what.and(W.both);
    const h = hcr(cpu);
    const undefined_ = (): void => tailCall(link('undefined'), cpu, rec, n);
    unlikely(current.ltU(level), undefined_);
    iff(current.eq(1), () => {
      const trap = (): void => tailCall(link('sysTrap'), cpu, rec, n, i32(2), i32(EC_SYSTEM), iss!);
      unlikely(bit64(h, HCR_AT), trap);
      if (f.has('FGT')) {
        const fine = reg(cpu, 'HFGITR_EL2').shrU(what.shrU(8).and(63).zext64()).lo32().and(1);
        unlikely(fine, () => iff(fgtEnabled(cpu), trap));
      }
    });
    iff(current.eq(3).and(level.ne(3)), () => {
      unlikely(lowerSecurity(cpu).eq(PAS.root), undefined_);
      unlikely(el2Enabled(cpu).eqz().and(level.eq(2)).and(both.eqz()), undefined_);
    });

    // The context of the access: with E2H and TGE, what names EL1 means EL2; two stages are always those of EL1&0.
    const el = variable(I32, what.and(3));
    iff(el.get().eq(1).and(both.eqz()).and(hostEl0(h)), () => el.set(2));
    const ctx = variable(I32);
    iff(
      both,
      () => {
        const one = call(link('contextOf'), cpu, i32(1));
        ctx.set(select(el.get(), one, one.or(CTX.el0)));
      },
      () => ctx.set(call(link('contextOf'), cpu, el.get())),
    );
    iff(what.and(W.pan).eqz(), () => ctx.set(ctx.get().and(~CTX.pan)));
    const x = ctx.get();
    const kind = i32(ACC.at)
      .or(select(what.and(W.write), i32(ACC.write), i32(0)))
      .or(select(what.and(W.any), i32(ACC.anyPermission), i32(0)));

    store('i32', cpu, n, BUDGET);
    store('i32', cpu, rec, SLOW_REC);
    const ok = variable(I32);
    iff(
      x.and(CTX.s1),
      () => ok.set(call(link('stage1'), cpu, va!, kind, x)),
      () => ok.set(call(link('stage1Off'), cpu, va!, kind, x)),
    );
    const attributes = variable(I32);
    iff(ok.get(), () => {
      attributes.set(call(link('stage1Attributes'), cpu, x.and(CTX.regime)));
      iff(both.ne(0).and(x.and(CTX.s2).ne(0)), () => {
        ok.set(call(link('stage2'), cpu, va!, kind, x));
        iff(ok.get(), () => attributes.set(call(link('combinedAttributes'), cpu, attributes.get())));
      });
    });

    const next = (par: Val): void => {
      store('i64', cpu, par, PAR);
      tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));
    };
    iff(ok.get().eqz(), () => {
      const fault = load('i32', cpu, FAULT_ISS);
      const fsc = fault.and(63);
      const walk = fault.and(ISS.s1ptw);
      if (f.has('RME')) {
        // Granule protection check exceptions, and what HCR_EL2.GPF takes from EL1; or the core had to stop in the middle.
        const kind = load('i32', cpu, FAULT);
        const gpf = fsc.geU(FSC.gpfOnWalk(-1)).and(fsc.leU(FSC.gpf));
        const toEl2 = gpf.and(current.eq(1)).and(bit64(h, HCR.GPF));
        const taken = kind.eq(FAULT_KIND.gpcException).or(kind.eq(FAULT_KIND.again)).or(toEl2);
        unlikely(taken, () => tailCall(link('deliver'), cpu, rec, n));
      }
      // What only EL2 may learn of, and external aborts, are taken as exceptions.
      const external = fsc.geU(0x12).and(fsc.leU(0x17));
      unlikely(external.or(walk.ne(0).and(current.eq(1))), () => tailCall(link('deliver'), cpu, rec, n));
      store('i32', cpu, i32(0), FAULT);
      const stage = select(fault.and(FAULT_HINT.stage2), i32(1 << 9), i32(0));
      const dirty = load('i32', cpu, FAULT_ISS2)
        .and(1 << 5)
        .shl(10);
      const par = fsc
        .shl(1)
        .or(walk.shl(1))
        .or(stage)
        .or(dirty)
        .or((1 << 11) | 1);
      next(par.zext64());
    });

    const pas = load('i32', cpu, TR_PAS);
    const regime = x.and(CTX.regime);
    const ss = x.shrU(CTX.ssShift).and(3);
    let ns = pas
      .ne(PAS.secure)
      .and(pas.ne(PAS.root))
      .and(pas.ne(PAS.realm).or(regime.eq(REGIME.el3)));
    ns = select(ss.eq(PAS.nonSecure), i32(1), ns);
    // Bit 11 is NSE where there is Realm state, and means something for EL3 alone; otherwise it is one.
    const nse = f.has('RME') ? regime.eq(REGIME.el3).and(pas.shrU(1)) : i32(1);
    const a = attributes.get();
    const sh = call(link('reportedShareability'), a);
    const low = sh.shl(7).or(ns.shl(9)).or(nse.shl(11));
    const pa = load('i64', cpu, TR_PA).and(0x00fffffffffff000n);
    next(low.zext64().or(pa).or(a.and(0xff).zext64().shl(56)));
  });
}
