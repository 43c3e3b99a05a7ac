/**
 * Stage 1 (AArch64.S1Translate, AArch64.S1Walk): one routine for each regime and granule, so that what these decide is constant.
 * They leave the intermediate (or final) address and what is known of the page in TR_PA, TR_PERM and the fields beside them.
 */
import {
  block,
  br,
  brIf,
  call,
  choose,
  iff,
  load,
  loop,
  ret,
  run,
  store,
  tailCall,
  unlikely,
  variable,
} from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { AMEC, outputSelector, selection, TCR2_AMEC0 } from '../encryption/context.ts';
import { FSC } from '../exceptions/fault-kinds.ts';
import { reg, reg32 } from '../exceptions/view.ts';
import {
  PERM,
  TR_ATTR,
  TR_DEVICE,
  TR_GUARDED,
  TR_LEAF_SIZE,
  TR_MEC,
  TR_NOTE,
  TR_PA,
  TR_PAS,
  TR_PERM,
} from '../state.ts';
import {
  addressSizes,
  contiguousBits,
  DESC_CONTIGUOUS,
  firstBlockLevel,
  GRANULES,
  type Granule,
  maxTsz,
  minTsz,
  outputBits,
  strideOf,
} from './descriptors.ts';
import { failS1, ISS2_DIRTY, STATUS, statusAt } from './faults.ts';
import type { TranslationFeatures } from './features.ts';
import { ACC, CTX, NOTE, PAS, REGIME } from './fields.ts';
import { updateDescriptor } from './hardware-update.ts';
import { walkHost } from './output.ts';
import { stage1Permissions } from './permissions.ts';
import { REGIMES, type Regime } from './regimes.ts';
import { type Found, TableCache } from './table-cache.ts';

const bit64 = (v: Val, n: number): Val => v.bit(n);

/** Size of the access is no divisor of its address, or it is part of one for which that holds. */
export const misaligned = (va: Val, acc: Val): Val =>
  va
    .lo32()
    .and(i32(1).shl(acc.and(7)).sub(1))
    .or(acc.and(ACC.split));

/** TCR2_ELx as it acts: 0 unless SCR_EL3 and HCRX_EL2 enable it (IsTCR2EL1Enabled, IsTCR2EL2Enabled). */
function effectiveTcr2(cpu: Val, r: Regime, f: TranslationFeatures, ctx: Val): Val | null {
  if (r.id === REGIME.el3) return reg(cpu, r.tcr2);
  if (!f.has('TCR2')) return null;
  const value = variable(I64, reg(cpu, r.tcr2));
  unlikely(value.get().ne(0), () => {
    let on = f.has('EL3') ? bit64(reg(cpu, 'SCR_EL3'), 43) : i32(1);
    if (r.id === REGIME.el10 && f.has('HCX')) {
      const hxen = f.has('EL3') ? bit64(reg(cpu, 'SCR_EL3'), 38) : i32(1);
      const guest = hxen.and(bit64(reg(cpu, 'HCRX_EL2'), 14));
      on = on.and(select(ctx.and(CTX.el2), guest, i32(1)));
    }
    iff(on.eqz(), () => value.set(0));
  });
  return value.get();
}

function walk(link: Link, f: TranslationFeatures, r: Regime, g: Granule, cpu: Val, va: Val, acc: Val, ctx: Val): void {
  const stride = strideOf(g);
  const b = r.bits;
  const tcr = reg(cpu, r.tcr);
  const upper = r.ranges ? va.bit(55) : i32(0);
  const inHalf = (n: number): Val => (r.ranges ? tcr.shrU(upper.add(n).zext64()).lo32().and(1) : bit64(tcr, n));
  const half = r.ranges ? tcr.shrU(upper.shl(4).zext64()).lo32() : tcr.lo32();
  const fail = (status: Val, details = {}): void => failS1(link, cpu, va, acc, status, details);
  const level0 = (kind: number): void => fail(statusAt(kind, 0));

  const tcr2 = effectiveTcr2(cpu, r, f, ctx);
  const flag2 = (feature: string, n: number): Val | null => (tcr2 && f.has(feature) ? bit64(tcr2, n) : null);
  const pie = flag2('S1PIE', r.bits2.pie);
  const aie = flag2('AIE', r.bits2.aie);
  const ha = f.has('HAF') || f.has('HAFDBS') ? bit64(tcr, b.ha) : null;
  const hd = f.has('HAFDBS') ? bit64(tcr, b.hd).and(ha!) : i32(0);
  const haftBit = flag2('HAFT', r.bits2.haft);
  const haft = haftBit && ha ? haftBit.and(ha) : null;
  const ds = g !== 16 && f.has('LPA2') ? bit64(tcr, b.ds) : null;

  // The address: within what TxSZ says, and not shut off.
  const tsz = half.and(63);
  const least = ds ? select(ds, i32(12), i32(minTsz(f, g))) : i32(minTsz(f, g));
  const outOfBounds = tsz.sub(least).gtU(i32(maxTsz(f, g)).sub(least));
  const size = i32(64).sub(tsz);
  let tbi = inHalf(b.tbi);
  if (f.has('PAuth')) tbi = tbi.and(acc.and(ACC.exec).eqz().or(inHalf(b.tbid).eqz()));
  const tag = tbi.shl(3).zext64();
  const positive = r.ranges ? va.xor(i64(0).sub(upper.zext64())) : va;
  const beyond = positive.shl(tag).shrU(size.zext64().add(tag)).ne(0);
  let shut = outOfBounds.or(beyond);
  if (r.ranges) {
    shut = shut.or(half.bits(7, 1));
    if (f.has('E0PD')) shut = shut.or(ctx.and(CTX.el0).ne(0).and(inHalf(55)));
  }
  unlikely(shut, () => level0(STATUS.translation));

  // The first table (AArch64.S1StartLevel, S1TTBaseAddress).
  const depth = size.sub(g + 1).divU(stride);
  const firstShift = depth.mul(stride).add(g);
  const ps = tcr.shrU(b.ps).and(7);
  const outSize = i64(addressSizes(f, g)).shrU(ps.shl(3)).and(0xff);
  const ttbr = r.ranges
    ? choose(
        upper,
        I64,
        () => reg(cpu, r.ttbr1),
        () => reg(cpu, r.ttbr0),
      )
    : reg(cpu, r.ttbr0);
  const wide = ds ?? (g === 16 && f.has('LPA') ? ps.eq(6) : null);
  const tableBits = size.sub(firstShift).add(3).zext64();
  let base = ttbr.and(0xfffffffffffen);
  if (wide) base = select(wide, ttbr.and(0xffffffffffc0n).or(ttbr.and(0x3cn).shl(46)), base);
  const aligned = base.and(i64(-1).shl(tableBits));
  const firstIndex = va.shl(tsz.zext64()).shrU(tsz.add(firstShift).zext64()).shl(3);
  const first = aligned.or(firstIndex);
  unlikely(first.shrU(outSize).ne(0), () => level0(STATUS.addressSize));

  const ss = ctx.shrU(CTX.ssShift).and(3);
  const contexts = selection(cpu, f, r.id, ss);
  const noTables = pie ? inHalf(b.hpd).or(pie) : f.has('HPDS') ? inHalf(b.hpd) : i32(0);

  loop((restart) => {
    const at = variable(I64, first);
    const level = variable(I32, i32(3).sub(depth));
    const shift = variable(I32, firstShift);
    const limits = variable(I64, 0);
    const pas = variable(I32, ss);
    const host = variable(I32);
    const desc = variable(I64);
    const failAt = (kind: number, details = {}): void => fail(statusAt(kind, level.get()), details);
    /** Bits of the address that index a table whose entries cover 2^lsb bytes, as offset. */
    const offset = (lsb: Val): Val =>
      va
        .shrU(lsb.zext64())
        .and((1n << BigInt(stride)) - 1n)
        .shl(3);

    // Where a table of the last levels is known, the walk starts there.
    const known = variable(I32, 0);
    const cache = new TableCache(cpu, f, va, ctx, g, contexts?.walk ?? null);
    const startAt =
      (n: 2 | 3) =>
      (c: Found): void => {
        const within = cache.offset(n);
        at.set(c.table.add(within));
        host.set(c.host.add(within.lo32()));
        level.set(n);
        shift.set(g + stride * (3 - n));
        limits.set(c.limits);
        pas.set(c.pas);
        known.set(1);
      };
    cache.find(3, startAt(3), () => cache.find(2, startAt(2), () => {}));
    const remember = (): void => {
      for (const n of [3, 2] as const) {
        iff(level.get().eq(n), () => {
          const within = cache.offset(n);
          const table = at.get().sub(within);
          cache.note(link, n, { table, host: host.get().sub(within.lo32()), limits: limits.get(), pas: pas.get() });
        });
      }
    };

    /** Host address of the descriptor at `at`, for reading or for an update. */
    const locate = (write: boolean): void => {
      iff(
        ctx.and(CTX.s2),
        () => {
          const access = acc.or(write ? ACC.walk | ACC.update : ACC.walk);
          host.set(call(link('descriptorHost'), cpu, va, at.get(), pas.get(), access, ctx, level.get()));
          unlikely(host.get().eqz(), () => ret(i32(0)));
        },
        () => {
          host.set(
            walkHost(link, f, cpu, at.get(), { pas: pas.get(), security: ss, selector: contexts?.walk ?? null, acc }),
          );
          unlikely(host.get().eqz(), () => {
            run(link('failWalk'), cpu, va, acc, level.get());
            ret(i32(0));
          });
        },
      );
    };

    block((found) => {
      loop((next) => {
        iff(
          known.get(),
          () => known.set(0),
          () => {
            locate(false);
            remember();
          },
        );
        const d = load('i64', host.get());
        desc.set(d);
        const kind = d.lo32().and(3);
        // A table (level 3 has none).
        iff(kind.eq(3).and(level.get().ne(3)), () => {
          const table = outputBits(f, g, d, ds, null);
          const below = shift.get().sub(stride);
          const entry = table.or(offset(below));
          unlikely(entry.shrU(outSize).ne(0), () => failAt(STATUS.addressSize));
          if (haft) {
            unlikely(haft.and(bit64(d, 10).eqz()), () => {
              locate(true);
              updateDescriptor(link, cpu, host.get(), d, d.or(1 << 10));
              br(next);
            });
          }
          limits.set(limits.get().or(d));
          unlikely(pas.get().eqz(), () => pas.set(d.shrU(63).lo32()));
          at.set(entry);
          shift.set(below);
          level.set(level.get().add(1));
          br(next);
        });
        // A page, or a block where one may be.
        brIf(kind.eq(3), found);
        const lowest = firstBlockLevel(f, g, ds, i32);
        const isBlock = kind.eq(1).and(level.get().geS(lowest)).and(level.get().ne(3));
        unlikely(isBlock.eqz(), () => failAt(STATUS.translation));
      });
    });

    const d = desc.get();
    const lsb = shift.get().zext64();
    const inside = i64(-1).shl(lsb);
    const pa = outputBits(f, g, d, ds, lsb).or(va.and(inside.not()));
    // A contiguous group that is larger than the input range is no valid use of the bit.
    unlikely(bit64(d, DESC_CONTIGUOUS), () => {
      for (const n of [0, 1, 2, 3]) {
        const group = contiguousBits(g, n);
        if (group === 0) continue;
        iff(level.get().eq(n).and(shift.get().add(group).gtS(size)), () => failAt(STATUS.translation));
      }
    });

    // The PA space of the output.
    const outPas = variable(I32, pas.get());
    unlikely(pas.get().ne(PAS.nonSecure), () => {
      const ns = bit64(d, 5);
      const nse = bit64(d, 11);
      const realm = r.id === REGIME.el10 ? i32(PAS.realm) : select(ns, i32(PAS.nonSecure), i32(PAS.realm));
      const secure = pas.get().eqz();
      outPas.set(select(secure, ns, select(pas.get().eq(PAS.root), nse.shl(1).or(ns), realm)));
    });
    // An alternate MECID that TCR2_EL2 does not allow (AArch64.S1AMECFault).
    const amec = bit64(d, AMEC);
    if (contexts && tcr2 && (r.id === REGIME.el2 || r.id === REGIME.el20)) {
      const allowed = tcr2
        .shrU(r.ranges ? upper.add(TCR2_AMEC0).zext64() : TCR2_AMEC0)
        .lo32()
        .and(1);
      const refused = amec.and(contexts.on).and(allowed.eqz()).and(outPas.get().eq(PAS.realm));
      unlikely(refused, () => failAt(STATUS.translation));
    }
    unlikely(pa.shrU(outSize).ne(0), () => failAt(STATUS.addressSize));
    const young = bit64(d, 10).eqz();
    const mustBeSet = ha ? young.and(ha.eqz()) : young;
    unlikely(mustBeSet.and(acc.and(ACC.cache).eqz()), () => failAt(STATUS.accessFlag));

    // Memory type (MAIR_ELx); Device memory wants aligned accesses.
    const index = d.shl(1).and(0x38);
    let mair = reg(cpu, r.mair);
    if (aie) {
      const more = aie.and(bit64(d, 59));
      mair = choose(
        more,
        I64,
        () => reg(cpu, r.mair2),
        () => mair,
      );
    }
    const attr = mair.shrU(index).lo32().and(0xff);
    const device = attr.and(0xf0).eqz();
    unlikely(device.and(acc.and(ACC.exec).eqz()), () => {
      const never = acc.and(ACC.cache | ACC.at).eqz();
      iff(never.and(misaligned(va, acc).ne(0).or(acc.and(ACC.zero).ne(0))), () => fail(i32(FSC.alignment)));
    });

    // Permission.
    const tables = select(noTables, i32(0), limits.get().shrU(59).lo32());
    const { perm, panMatters } = stage1Permissions(cpu, r, f, { desc: d, tables, hd, ctx, pas: outPas.get(), pie });
    const write = acc.and(ACC.write).ne(0);
    const reads = acc
      .and(ACC.write | ACC.exec)
      .eqz()
      .or(acc.and(ACC.atomic));
    const needed = select(reads, i32(PERM.read), i32(0))
      .or(write.shl(1))
      .or(select(acc.and(ACC.exec), i32(PERM.exec), i32(0)));
    const missing = needed.and(perm.not());
    unlikely(missing.and(select(acc.and(ACC.anyPermission), i32(0), i32(-1))), () => {
      failAt(STATUS.permission, { write: missing.eq(PERM.write) });
    });
    const clean = bit64(d, 7);
    const managed = f.has('HAFDBS') ? (pie ? hd.and(pie.or(bit64(d, 51))) : hd.and(bit64(d, 51))) : null;
    if (pie) {
      unlikely(pie.and(write).and(clean).and(hd.eqz()), () => {
        failAt(STATUS.permission, { write: i32(1), iss2: ISS2_DIRTY });
      });
    }

    // Access flag and dirty state (FEAT_HAFDBS); whoever changed the descriptor meanwhile makes us look again.
    const updated = variable(I64, d);
    if (ha) {
      iff(young, () => updated.set(d.or(1 << 10)));
      const dirties = managed!
        .and(write)
        .and(clean)
        .and(acc.and(ACC.at | ACC.cache).eqz());
      iff(dirties, () => updated.set(updated.get().and(~0x80n)));
      unlikely(updated.get().ne(d).and(ha), () => {
        locate(true);
        const seen = updateDescriptor(link, cpu, host.get(), d, updated.get());
        brIf(seen.ne(d), restart);
      });
    }

    // What may be cached: writing only when no state has to change for it.
    let cached = select(mustBeSet, i32(0), perm);
    if (managed || pie) {
      const still = updated.get().lo32().shrU(7).and(1);
      let waits = managed ? managed.and(still) : i32(0);
      if (pie) waits = waits.or(pie.and(still));
      cached = cached.and(waits.shl(1).not());
    }
    store('i64', cpu, pa, TR_PA);
    store('i32', cpu, cached, TR_PERM);
    store('i32', cpu, device, TR_DEVICE);
    const sh = ds ? select(ds, half.bits(12, 2), d.lo32().bits(8, 2)) : d.lo32().bits(8, 2);
    store('i32', cpu, attr.or(sh.shl(8)), TR_ATTR);
    store('i32', cpu, outPas.get(), TR_PAS);
    store('i32', cpu, bit64(d, 50), TR_GUARDED);
    store('i32', cpu, shift.get(), TR_LEAF_SIZE);
    const selector = contexts ? outputSelector(r.id, contexts, outPas.get(), amec, upper) : i32(0);
    store('i32', cpu, selector, TR_MEC);
    let note = i32(NOTE.global);
    if (r.ranges) {
      // Secure translations through a Non-secure table are never global.
      const global = bit64(d, 11).eqz().and(ss.eqz().and(pas.get()).eqz());
      note = global.or(panMatters.shl(1));
    }
    store('i32', cpu, note, TR_NOTE);
    ret(i32(1));
  });
}

/** TG0 and TG1 as granule: 4 KiB where the value is reserved. */
const TG0: readonly Granule[] = [12, 16, 14, 12];
const TG1: readonly Granule[] = [12, 14, 12, 16];
/** Two bits for each value of TG: index into GRANULES. */
const packed = (t: readonly Granule[]): number => t.reduce((v, g, i) => v | (GRANULES.indexOf(g) << (2 * i)), 0);

export function defineStage1(lib: Library, f: TranslationFeatures): void {
  const name = (r: Regime, g: Granule): string => `stage1.${r.name}.${g}`;
  for (const r of REGIMES) {
    for (const g of GRANULES) {
      lib.define(name(r, g), [I32, I64, I32, I32], I32, (link, cpu, va, acc, ctx) =>
        walk(link, f, r, g, cpu!, va!, acc!, ctx!),
      );
    }
    lib.define(`stage1.${r.name}`, [I32, I64, I32, I32], I32, (link, cpu, va, acc, ctx) => {
      const tcr = reg32(cpu!, r.tcr);
      const t0 = i32(packed(TG0)).shrU(tcr.shrU(13).and(6));
      const t1 = i32(packed(TG1)).shrU(tcr.shrU(29).and(6));
      const which = (r.ranges ? select(va!.bit(55), t1, t0) : t0).and(3);
      unlikely(which.eq(1), () => tailCall(link(name(r, GRANULES[1]!)), cpu!, va!, acc!, ctx!));
      unlikely(which.eq(2), () => tailCall(link(name(r, GRANULES[2]!)), cpu!, va!, acc!, ctx!));
      tailCall(link(name(r, 12)), cpu!, va!, acc!, ctx!);
    });
  }
  /** Stage 1 is enabled: (address, access, context) → 1, or 0 with FAULT. */
  lib.define('stage1', [I32, I64, I32, I32], I32, (link, cpu, va, acc, ctx) => {
    const regime = ctx!.and(CTX.regime);
    for (const r of REGIMES.slice(1)) {
      iff(regime.eq(r.id), () => tailCall(link(`stage1.${r.name}`), cpu!, va!, acc!, ctx!));
    }
    tailCall(link('stage1.el10'), cpu!, va!, acc!, ctx!);
  });
}
