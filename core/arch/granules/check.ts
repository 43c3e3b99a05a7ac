/**
 * Granule protection checks of a core (GranuleProtectionCheck, GPTWalk). A small cache keeps what the table said of 64 KiB pieces
 * as sixteen codes of 4 KiB, whatever the granule is; the TLB's entries include a check that passed.
 */

import { br, call, iff, load, loop, memoryFill, ret, run, store, unlikely, variable } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { reg } from '../exceptions/view.ts';
import { area, GRANULE_CACHE, GRANULE_LINES } from '../translation/directory.ts';
import type { TranslationFeatures } from '../translation/features.ts';
import { GRANULES_SEEN, PAS } from '../translation/fields.ts';
import {
  ENTRY,
  GPCBW,
  GPCCR,
  GPCSC,
  GPI,
  granuleRules,
  STRIDE_FIELDS,
  STRIDE_SHIFT,
  validGpis,
  WINDOW_BITS,
} from './format.ts';

/** Results of `granuleCheck`: 0 passes; `FAILED` with the GPCSC in [5:0]; `AGAIN`: the instruction has to start again. */
export const GRANULE = { failed: 1 << 6, again: 1 << 7 } as const;
/** What asks: its address space, and the security state of who asks from this bit on. */
export const ASKER_SHIFT = 2;

const LINE_BITS = 16;
const failed = (kind: number, level: number): Val => i32(GRANULE.failed | kind | level);
const one = (n: number | Val): Val => i64(1).shl(typeof n === 'number' ? i64(n) : n);
const ones = (n: Val): Val => one(n).sub(1);
const packedBytes = (list: readonly number[]): bigint => list.reduce((v, b, i) => v | (BigInt(b) << BigInt(8 * i)), 0n);
const lookup = (list: readonly number[], index: Val): Val =>
  i64(packedBytes(list)).shrU(index.and(7).shl(3).zext64()).and(0xff);

/** i32: GPCCR_EL3.GPC, in its place. */
export const checksOn = (cpu: Val): Val =>
  reg(cpu, 'GPCCR_EL3')
    .lo32()
    .and(1 << GPCCR.GPC);

/** i32 1 inside the bypass window, 0 outside, −1 when the register holds no valid window (FEAT_RME_GPC3). */
function bypass(cpu: Val, pa: Val): Val {
  const v = reg(cpu, 'GPCBW_EL3');
  const size = lookup(WINDOW_BITS, v.shrU(GPCBW.SIZE).lo32());
  const field = v.shrU(GPCBW.STRIDE).lo32().and(31);
  const strides = STRIDE_FIELDS.reduce<number>((m, n) => m | (1 << n), 0);
  const stride = field.zext64().add(STRIDE_SHIFT);
  const base = v.and((1n << BigInt(GPCBW.ADDR_BITS)) - 1n).shl(GPCBW.ADDR_SHIFT);
  // The bits between size and stride are compared; others of the base make it invalid.
  const compared = ones(stride).xor(ones(size));
  const valid = size.ne(0).and(i32(strides).shrU(field)).and(1).and(base.and(compared.not()).eqz());
  return select(valid, pa.xor(base).and(compared).eqz(), i32(-1));
}

function walk(link: Link, f: TranslationFeatures, cpu: Val, pa: Val, who: Val): void {
  const gpccr = reg(cpu, 'GPCCR_EL3').lo32();
  const pas = who.and(3);
  const fail = (kind: number, level = 0): void => ret(failed(kind, level));
  const rules = granuleRules(f);
  // Without FEAT_RME_GPC3 PPS3 is RES0.
  const few = lookup(rules.pps.slice(0, 8), gpccr);
  const pps = f.has('RME_GPC3') ? select(gpccr.bit(GPCCR.PPS3), lookup(rules.pps.slice(8), gpccr), few) : few;
  const p = lookup(rules.granule, gpccr.bits(GPCCR.PGS, 2));
  const sh = gpccr.bits(GPCCR.SH, 2);
  const uncached = gpccr.bits(GPCCR.IRGN, 4).eqz();
  unlikely(
    pps
      .eqz()
      .or(p.eqz())
      .or(sh.eq(1))
      .or(uncached.and(sh.ne(2))),
    () => fail(GPCSC.walk),
  );
  const window = variable(I32, 0);
  if (f.has('RME_GPC3')) {
    unlikely(gpccr.bit(GPCCR.GPCBW), () => {
      window.set(bypass(cpu, pa));
      iff(window.get().eq(-1), () => fail(GPCSC.walk));
    });
  }
  unlikely(disabled(gpccr, pas), () => fail(GPCSC.fail));
  unlikely(pa.shrU(pps).ne(0), () => {
    iff(pas.eq(PAS.nonSecure).or(gpccr.bit(GPCCR.APPSAA)), () => ret(i32(0)));
    fail(GPCSC.fail);
  });
  const lines = variable(I64, -1n);
  const level = variable(I32, 0);
  const s = gpccr.bits(GPCCR.L0GPTSZ, 4).add(30).zext64();
  iff(window.get().eqz(), () => {
    const base = reg(cpu, 'GPTBR_EL3').shl(12);
    unlikely(base.shrU(pps).ne(0), () => fail(GPCSC.addressSize));
    const spread = pps.sub(s).add(3);
    const root = base.and(i64(-1).shl(select(spread.gtS(12), spread, i64(12))));
    const fetch = (at: Val, n: number): Val => {
      const host = call(link('granuleTable'), cpu, at);
      unlikely(host.leU(1), () => ret(select(host, i32(GRANULE.again), failed(GPCSC.externalAbort, n))));
      return load('i64', host);
    };
    const valid = variable(I32, validGpis(rules.secure));
    unlikely(gpccr.bit(GPCCR.NSO), () => valid.set(valid.get().or(1 << GPI.nonSecureOnly)));
    const top = fetch(root.add(pa.shrU(s).shl(3)), 0);
    const known = (code: Val): Val => valid.get().shrU(code.lo32().and(15)).and(1);
    const all = (code: Val): Val => code.and(15).mul(0x1111111111111111n);
    const kind = top.lo32().and(15);
    iff(
      kind.eq(ENTRY.block),
      () => {
        unlikely(
          top
            .shrU(8)
            .ne(0)
            .or(known(top.shrU(4)).eqz()),
          () => fail(GPCSC.walk),
        );
        lines.set(all(top.shrU(4)));
      },
      () => {
        const table = top.and(0xffffffffff000n);
        const stray = top.and((0xfffn << 52n) | 0xff0n).or(table.and(ones(s.sub(p).sub(1))));
        unlikely(kind.ne(ENTRY.table).or(stray.ne(0)), () => fail(GPCSC.walk));
        unlikely(table.shrU(pps).ne(0), () => fail(GPCSC.addressSize));
        level.set(1);
        const entry = fetch(table.add(pa.and(ones(s)).shrU(p.add(4)).shl(3)), 1);
        iff(
          entry.lo32().and(15).eq(ENTRY.block),
          () => {
            const wrong = entry
              .shrU(10)
              .ne(0)
              .or(entry.and(0x300).eqz())
              .or(known(entry.shrU(4)).eqz());
            unlikely(wrong, () => fail(GPCSC.walk, 1));
            lines.set(all(entry.shrU(4)));
          },
          () => {
            const left = variable(I64, entry);
            const n = variable(I32, 16);
            loop((again) => {
              unlikely(known(left.get()).eqz(), () => fail(GPCSC.walk, 1));
              left.set(left.get().shrU(4));
              n.set(n.get().sub(1));
              iff(n.get(), () => br(again));
            });
            // The codes of this piece, each as often as a granule has pages of 4 KiB.
            iff(p.eq(12), () => lines.set(entry));
            iff(p.eq(14), () => {
              const four = entry.shrU(pa.shrU(LINE_BITS).and(3).shl(4));
              const at = (i: number): Val =>
                four
                  .shrU(4 * i)
                  .and(15)
                  .mul(0x1111)
                  .shl(16 * i);
              lines.set(at(0).or(at(1)).or(at(2)).or(at(3)));
            });
            iff(p.eq(16), () => lines.set(all(entry.shrU(pa.shrU(LINE_BITS).and(15).shl(2)))));
          },
        );
      },
    );
  });
  const line = lineOf(cpu, pa);
  store('i64', line, pa.shrU(LINE_BITS).shl(1).or(level.get().zext64()), GRANULE_CACHE);
  store('i64', line, lines.get(), GRANULE_CACHE + 8);
  ret(verdict(lines.get(), pa, who, level.get()));
}

/** i32: the address space is switched off (FEAT_RME_GPC2: RLPAD, NSPAD, SPAD); the bits are RES0 without it. */
function disabled(gpccr: Val, pas: Val): Val {
  const bit = select(pas.eq(PAS.realm), i32(GPCCR.RLPAD), i32(GPCCR.SPAD).sub(pas));
  return gpccr.shrU(bit).and(pas.ne(PAS.root));
}
function lineOf(cpu: Val, pa: Val): Val {
  const index = pa
    .shrU(LINE_BITS)
    .lo32()
    .and(GRANULE_LINES - 1);
  return area(cpu).add(index.shl(4));
}
/** i32: what the sixteen codes of a piece say. */
function verdict(codes: Val, pa: Val, who: Val, level: Val): Val {
  const code = codes.shrU(pa.shrU(12).and(15).shl(2)).lo32().and(15);
  const pas = who.and(3);
  const asker = who.shrU(ASKER_SHIFT);
  // Requesters of Non-secure and Root state.
  const outside = asker.sub(1).leU(1);
  const only = code.eq(GPI.nonSecureOnly).and(pas.eq(PAS.nonSecure)).and(outside);
  const passes = code.eq(pas.or(8)).or(code.eq(GPI.any)).or(only);
  return select(passes, i32(0), level.or(GRANULE.failed | GPCSC.fail));
}

export function defineGranules(lib: Library, f: TranslationFeatures): void {
  if (!f.has('RME')) {
    lib.define('granulesChanged', [I32], null, () => {});
    return;
  }
  /** Nothing is known of the table any more. */
  lib.define('forgetGranules', [I32], null, (_link, c) => {
    memoryFill(area(c!).add(GRANULE_CACHE), i32(0xff), i32(GRANULE_LINES << 4));
  });
  /** Of the table for [first, last]: physical addresses. */
  lib.define('forgetGranuleRange', [I32, I64, I64], null, (link, c, first, last) => {
    const cpu = c!;
    const end = last!.shrU(LINE_BITS);
    const at = variable(I64, first!.shrU(LINE_BITS));
    iff(end.sub(at.get()).geU(GRANULE_LINES - 1), () => {
      run(link('forgetGranules'), cpu);
      ret();
    });
    loop((again) => {
      store('i64', lineOf(cpu, at.get().shl(LINE_BITS)), i64(-1), GRANULE_CACHE);
      at.set(at.get().add(1));
      iff(at.get().leU(end), () => br(again));
    });
  });
  /** GPCCR_EL3, GPTBR_EL3 or GPCBW_EL3 was written: this core forgets all that may include a check. */
  lib.define('granulesChanged', [I32], null, (link, c) => {
    run(link('forgetGranules'), c!);
    run(link('dropAll'), c!);
  });
  /** May the address be accessed: (physical address, `pas | security state << ASKER_SHIFT`) → 0, or `GRANULE`. */
  lib.define('granuleCheck', [I32, I64, I32], I32, (link, c, p, w) => {
    const [cpu, pa, who] = [c!, p!, w!];
    const gpccr = reg(cpu, 'GPCCR_EL3');
    // Others than MSR may have changed the controls: reset, debuggers.
    const controls = gpccr
      .xor(reg(cpu, 'GPTBR_EL3').shl(17))
      .xor(f.has('RME_GPC3') ? reg(cpu, 'GPCBW_EL3').mul(5) : i64(0));
    unlikely(controls.ne(load('i64', cpu, GRANULES_SEEN)), () => {
      store('i64', cpu, controls, GRANULES_SEEN);
      run(link('forgetGranules'), cpu);
    });
    const line = lineOf(cpu, pa);
    const tag = load('i64', line, GRANULE_CACHE);
    const hit = tag
      .shrU(1)
      .eq(pa.shrU(LINE_BITS))
      .and(disabled(gpccr.lo32(), who.and(3)).eqz());
    iff(hit, () => ret(verdict(load('i64', line, GRANULE_CACHE + 8), pa, who, tag.lo32().and(1))));
    walk(link, f, cpu, pa, who);
  });
}
