/** From an access to its output address: stage 1 or what stands for it when it is off, then stage 2 (AArch64.FullTranslate). */
import { call, iff, load, ret, store, tailCall, unlikely } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select } from '../../wasm/value.ts';
import { flatSelector, selection } from '../encryption/context.ts';
import { FSC } from '../exceptions/fault-kinds.ts';
import { reg } from '../exceptions/view.ts';
import {
  PERM,
  TR_ATTR,
  TR_CTX,
  TR_DEVICE,
  TR_GUARDED,
  TR_LEAF_SIZE,
  TR_MEC,
  TR_NOTE,
  TR_PA,
  TR_PAS,
  TR_PERM,
} from '../state.ts';
import { failS1, STATUS, statusAt } from './faults.ts';
import type { TranslationFeatures } from './features.ts';
import { ACC, CTX, NOTE, PAS } from './fields.ts';
import { REGIMES } from './regimes.ts';
import { misaligned } from './stage1.ts';

/** MAIR encodings of what stage 1 yields when it is off, with shareability. */
const NON_SHAREABLE = 0;
const OUTER = 2 << 8;
const WRITE_BACK = 0xff | NON_SHAREABLE;
const WRITE_THROUGH = 0xaa | OUTER;
const NON_CACHEABLE = 0x44 | OUTER;
const NGNRNE = 0x00 | OUTER;

export function defineTranslate(lib: Library, f: TranslationFeatures): void {
  /** Stage 1 is off (AArch64.S1DisabledOutput): the address itself, as Device memory for data. */
  lib.define('stage1Off', [I32, I64, I32, I32], I32, (link, c, v, a, x) => {
    const [cpu, va, acc, ctx] = [c!, v!, a!, x!];
    const exec = acc.and(ACC.exec);
    const regime = ctx.and(CTX.regime);
    // The tag is ignored as TCR_ELx says; what is left must fit the physical address size.
    let tbi = i32(0);
    let cached = i32(0);
    for (const r of REGIMES) {
      const tcr = reg(cpu, r.tcr);
      const shift = r.ranges ? va.bit(55).zext64() : i64(0);
      let on = tcr.shrU(shift.add(r.bits.tbi)).lo32().and(1);
      if (f.has('PAuth')) on = on.and(exec.eqz().or(tcr.shrU(shift.add(r.bits.tbid)).lo32().and(1).eqz()));
      tbi = select(regime.eq(r.id), on, tbi);
      cached = select(regime.eq(r.id), reg(cpu, r.sctlr).bit(12), cached);
    }
    const tag = tbi.shl(3).zext64();
    unlikely(va.shl(tag).shrU(tag.add(f.paBits)).ne(0), () => {
      failS1(link, cpu, va, acc, statusAt(STATUS.addressSize, 0));
    });
    const dc = ctx.and(CTX.dc);
    const device = dc.or(exec).eqz();
    unlikely(device.and(acc.and(ACC.cache | ACC.at).eqz()), () => {
      iff(misaligned(va, acc).ne(0).or(acc.and(ACC.zero).ne(0)), () => failS1(link, cpu, va, acc, i32(FSC.alignment)));
    });
    const fetched = select(cached, i32(WRITE_THROUGH), i32(NON_CACHEABLE));
    store('i64', cpu, va.and((1n << BigInt(Math.min(f.paBits, 56))) - 1n), TR_PA);
    store('i32', cpu, i32(PERM.read | PERM.write | PERM.exec), TR_PERM);
    // Every access here is tested for alignment (ALIGN_TEST), so its memory may be cached in the TLB though it is Device.
    store('i32', cpu, i32(0), TR_DEVICE);
    store('i32', cpu, select(dc, i32(WRITE_BACK), select(exec, fetched, i32(NGNRNE))), TR_ATTR);
    store('i32', cpu, ctx.shrU(CTX.ssShift).and(3), TR_PAS);
    store('i32', cpu, i32(0), TR_GUARDED);
    store('i32', cpu, i32(12), TR_LEAF_SIZE);
    store('i32', cpu, i32(NOTE.global), TR_NOTE);
    store('i32', cpu, i32(0), TR_MEC);
    if (f.has('MEC')) {
      const pas = ctx.shrU(CTX.ssShift).and(3);
      unlikely(pas.eq(PAS.realm), () => {
        for (const r of REGIMES) {
          iff(regime.eq(r.id), () => store('i32', cpu, flatSelector(r.id, selection(cpu, f, r.id, pas)!, pas), TR_MEC));
        }
      });
    }
    ret(i32(1));
  });

  /** (address, access, context) → 1, or 0 with FAULT. */
  lib.define('fullTranslate', [I32, I64, I32, I32], I32, (link, c, va, acc, x) => {
    const [cpu, ctx] = [c!, x!];
    iff(
      ctx.and(CTX.s1),
      () => {
        iff(ctx.and(CTX.s2).eqz(), () => tailCall(link('stage1'), cpu, va!, acc!, ctx));
        unlikely(call(link('stage1'), cpu, va!, acc!, ctx).eqz(), () => ret(i32(0)));
      },
      () => {
        iff(ctx.and(CTX.s2).eqz(), () => tailCall(link('stage1Off'), cpu, va!, acc!, ctx));
        unlikely(call(link('stage1Off'), cpu, va!, acc!, ctx).eqz(), () => ret(i32(0)));
      },
    );
    tailCall(link('stage2'), cpu, va!, acc!, ctx);
  });

  /**
   * Translates an access of the instruction that runs: (address, INFO) → 1, or 0 with FAULT. TR_PA and its neighbours say the rest;
   * TR_PERM is what the level that accesses may do with the page without a new look at the tables.
   */
  lib.define('translate', [I32, I64, I32], I32, (link, c, va, i) => {
    const [cpu, info] = [c!, i!];
    const ctx = load('i32', cpu, TR_CTX);
    const loose = info.and(ACC.unprivileged).and(ctx.shrU(Math.log2(CTX.unprivileged / ACC.unprivileged)));
    const el0 = ctx.and(~CTX.pan).or(CTX.el0);
    tailCall(link('fullTranslate'), cpu, va!, info, select(loose, el0, ctx));
  });
}
