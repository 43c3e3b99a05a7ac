/** The instructions that maintain TLBs: who may, what they mean in the present state, whom they reach. */
import { REC_SIZE } from '../../engine/abi.ts';
import { call, choose, iff, load, run, tailCall, unlikely, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { fgtEnabled } from '../exceptions/calls.ts';
import { bit64, bitOf, currentEl, el2Enabled, hcr, hostEl0, reg, word } from '../exceptions/view.ts';
import { CONFIG, CONFIG_FLAGS, PEERS } from '../state.ts';
import type { TranslationFeatures } from './features.ts';
import { PAS, REGIME } from './fields.ts';
import { OP, TLBI } from './tlbi.ts';

/** An instruction as the routine gets it: kind [3:0], exception level whose regime it is for [5:4], scope [7:6], HFGITR bit [13:8]. */
export const SCOPE = { local: 0, inner: 1, outer: 2 } as const;
export const packTlbi = (kind: number, level: 1 | 2 | 3, scope: number, fgt: number): number =>
  kind | (level << 4) | (scope << 6) | (fgt << 8);
/** HFGITR bit number of instructions without a fine-grained trap: a bit that does not exist. */
export const NO_FGT = 63;

const HCR = { FB: 9, TTLB: 25, E2H: 34, TTLBIS: 54, TTLBOS: 55 } as const;
/** EC of a trapped MSR, MRS or system instruction. */
export const EC_SYSTEM = 0x18;

/** {NSE, NS} of the levels below EL3, as SCR_EL3 says. */
export function lowerSecurity(cpu: Val): Val {
  const scr = reg(cpu, 'SCR_EL3');
  return scr.lo32().and(1).or(scr.shrU(61).lo32().and(2));
}

export function defineMaintenance(lib: Library, f: TranslationFeatures): void {
  /** The other cores shall do the same: (cpu, operation, operand low, operand high). */
  lib.host('broadcastTlbi', [I32, I32, I32, I32], null);
  if (f.has('RME')) defineByGranule(lib);

  /** A TLBI instruction: (cpu, rec, n, what it is (`packTlbi`), ISS of its trap, operand). */
  lib.define('tlbi', [I32, I32, I32, I32, I32, I64], I32, (link, c, r, m, w, iss, arg) => {
    const [cpu, rec, n, what] = [c!, r!, m!, w!];
    const el = currentEl(cpu);
    const level = what.shrU(4).and(3);
    const scope = what.shrU(6).and(3);
    const kind = what.and(15);
    const h = hcr(cpu);
    const undefined_ = (): void => tailCall(link('undefined'), cpu, rec, n);
    const next = (): void => tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));

    unlikely(el.ltU(level), undefined_);
    unlikely(el.eqz(), undefined_);
    const broadcast = variable(I32, scope);
    iff(el.eq(1), () => {
      const evt = select(
        scope.eq(SCOPE.inner),
        bit64(h, HCR.TTLBIS),
        select(scope.eqz(), i32(0), bit64(h, HCR.TTLBOS)),
      );
      const trapped = bit64(h, HCR.TTLB).or(f.has('EVT') ? evt : i32(0));
      unlikely(trapped, () => tailCall(link('sysTrap'), cpu, rec, n, i32(2), i32(EC_SYSTEM), iss!));
      if (f.has('FGT')) {
        const fine = reg(cpu, 'HFGITR_EL2').shrU(what.shrU(8).and(63).zext64()).lo32().and(1);
        unlikely(fine, () => {
          iff(fgtEnabled(cpu), () => tailCall(link('sysTrap'), cpu, rec, n, i32(2), i32(EC_SYSTEM), iss!));
        });
      }
      broadcast.set(scope.or(bit64(h, HCR.FB)));
    });
    const ss = lowerSecurity(cpu);
    iff(el.eq(3).and(level.ne(3)), () => {
      // There is no state {1, 0} below EL3, and no EL2 regime where EL2 is off; stage 2 then has nothing to invalidate.
      unlikely(ss.eq(PAS.root), undefined_);
      unlikely(el2Enabled(cpu).eqz().and(level.eq(2)), () => {
        iff(kind.geU(TLBI.ipa), next);
        iff(kind.eq(TLBI.all).or(kind.geU(TLBI.va)).and(what.and(EL1_OPERATION).eqz()), undefined_);
      });
    });

    // Regime, and VMID where it counts.
    const regime = variable(I32, REGIME.el10);
    const vmid = variable(I32, 0);
    const security = variable(I32, ss);
    iff(level.eq(3), () => {
      regime.set(REGIME.el3);
      security.set(select(word(cpu, CONFIG_FLAGS).and(CONFIG.rme), i32(PAS.root), i32(PAS.secure)));
    });
    const ownEl2 = level.eq(2).and(kind.ltU(TLBI.ipa)).and(what.and(EL1_OPERATION).eqz());
    iff(ownEl2, () => regime.set(select(bit64(h, HCR.E2H), i32(REGIME.el20), i32(REGIME.el2))));
    iff(level.eq(1).and(el.ne(1)).and(hostEl0(h)), () => regime.set(REGIME.el20));
    iff(regime.get().eqz(), () => vmid.set(call(link('currentVmid'), cpu).lo32()));
    // DS decides what a range's base address counts.
    const ds = choose(
      kind.eq(TLBI.range).or(kind.eq(TLBI.rangeAll)),
      I32,
      () => {
        const el1 = bitOf(cpu, 'TCR_EL1', 59);
        const el20 = bitOf(cpu, 'TCR_EL2', 59);
        const el2 = bitOf(cpu, 'TCR_EL2', 32);
        const el3 = bitOf(cpu, 'TCR_EL3', 32);
        const x = regime.get();
        return select(x.eqz(), el1, select(x.eq(REGIME.el20), el20, select(x.eq(REGIME.el2), el2, el3)));
      },
      () => i32(0),
    );
    const op = kind
      .or(regime.get().shl(OP.regimeShift))
      .or(security.get().shl(OP.ssShift))
      .or(vmid.get().shl(OP.vmidShift))
      .or(what.and(LAST_LEVEL).shrU(Math.log2(LAST_LEVEL / OP.last)))
      .or(f.has('LPA2') ? ds.shl(Math.log2(OP.ds)) : i32(0));
    run(link('tlbiLocal'), cpu, op, arg!);
    unlikely(broadcast.get().and(select(load('i32', cpu, PEERS), i32(-1), i32(0))), () => {
      run(link('broadcastTlbi'), cpu, op, arg!.lo32(), arg!.shrU(32).lo32());
    });
    next();
  });
}
/** TLBI PAALL and its like, of EL3 alone: (cpu, rec, n, kind, scope, operand). */
function defineByGranule(lib: Library): void {
  /** Returns when no requester is at an access that began before. */
  lib.host('awaitRequesters', [], null);
  lib.define('tlbiGranules', [I32, I32, I32, I32, I32, I64], I32, (link, c, rec, n, kind, scope, arg) => {
    const cpu = c!;
    unlikely(currentEl(cpu).ne(3), () => tailCall(link('undefined'), cpu, rec!, n!));
    run(link('tlbiLocal'), cpu, kind!, arg!);
    run(link('awaitRequesters'));
    unlikely(scope!.and(select(load('i32', cpu, PEERS), i32(-1), i32(0))), () => {
      run(link('broadcastTlbi'), cpu, kind!, arg!.lo32(), arg!.shrU(32).lo32());
    });
    tailCall(link('proceed'), cpu, rec!.add(REC_SIZE), n!.sub(1));
  });
}
/** Flag of operations that EL2 and EL3 have on the EL1&0 regime (ALLE1, VMALLS12E1). */
export const EL1_OPERATION = 1 << 14;
/** Flag of the forms for the last level alone (VALE1 and its like). */
export const LAST_LEVEL = 1 << 15;
