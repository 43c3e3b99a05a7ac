/**
 * Stage 2 (AArch64.S2Translate, AArch64.S2Walk): one routine for each granule. It serves accesses after stage 1, and the walks of
 * stage 1 themselves. Secure IPAs have a table of their own (VSTTBR_EL2, VSTCR_EL2).
 */
import { block, br, brIf, call, iff, load, loop, ret, run, store, unlikely, variable } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { AMEC, selection, stage2Selector } from '../encryption/context.ts';
import { FSC } from '../exceptions/fault-kinds.ts';
import { reg } from '../exceptions/view.ts';
import { PERM, TR_ATTR, TR_DEVICE, TR_MEC, TR_PA, TR_PAS, TR_PERM } from '../state.ts';
import {
  addressSizes,
  contiguousBits,
  DESC_CONTIGUOUS,
  firstBlockLevel,
  GRANULES,
  type Granule,
  maxTsz,
  outputBits,
  strideOf,
} from './descriptors.ts';
import { ISS2_DIRTY, STATUS, statusAt } from './faults.ts';
import type { TranslationFeatures } from './features.ts';
import { ACC, CTX, MEC, PAS, REGIME, S2_ATTR, S2_MEC, S2_PA, S2_PAS, S2_PERM } from './fields.ts';
import { updateDescriptor } from './hardware-update.ts';
import { walkHost } from './output.ts';
import { misaligned } from './stage1.ts';

/** Bits of HCR_EL2, VTCR_EL2, VSTCR_EL2. */
const HCR = { PTW: 2, TGE: 27, FWB: 46 } as const;
const VTCR = { HA: 21, HD: 22, NSW: 29, NSA: 30, DS: 32, SL2: 33, S2PIE: 36, HAFT: 44 } as const;
const VSTCR = { SW: 29, SA: 30 } as const;
/** Flag of S2_ATTR: MemAttr is in the form of HCR_EL2.FWB. */
export const S2_FWB = 1 << 16;

const bit = (v: Val, n: number): Val => v.bit(n);

/** Bit n: does the indirect permission n include it? (the encodings of S2PIR_EL2) */
const mask = (...codes: number[]): number => codes.reduce((m, c) => m | (1 << c), 0);
const PI = {
  read: mask(2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
  write: mask(4, 12, 13, 14, 15),
  walkWrite: mask(2, 3, 6, 7, 12, 13, 14, 15),
  user: mask(9, 11, 13, 15),
  privileged: mask(10, 11, 14, 15),
} as const;

/** The level that the walk starts at, and whether the fields that say so are valid (AArch64.S2StartLevel, S2InvalidSL). */
function startLevel(f: TranslationFeatures, g: Granule, tcr: Val, ds: Val | null): { start: Val; invalid: Val } {
  const sl0 = tcr.lo32().bits(6, 2);
  if (g === 12) {
    const sl2 = ds ? bit(tcr, VTCR.SL2).and(ds) : i32(0);
    const start = select(sl2, i32(-1), select(sl0.eq(3), i32(3), i32(2).sub(sl0)));
    let invalid = sl2.and(sl0.ne(0));
    if (f.paBits < 44) invalid = invalid.or(sl0.eq(2));
    if (!f.has('TTST')) invalid = invalid.or(sl0.eq(3));
    return { start, invalid };
  }
  const start = i32(3).sub(sl0);
  let invalid = sl0.eq(3);
  if (g === 14) {
    if (ds) invalid = invalid.and(ds.eqz());
    if (f.paBits < 42) invalid = invalid.or(sl0.eq(2));
  } else if (f.paBits < 44) invalid = invalid.or(sl0.eq(2));
  return { start, invalid };
}

function walk(
  link: Link,
  f: TranslationFeatures,
  g: Granule,
  cpu: Val,
  va: Val,
  ipa: Val,
  ipaSpace: Val,
  acc: Val,
  ctx: Val,
): void {
  const stride = strideOf(g);
  const ss = ctx.shrU(CTX.ssShift).and(3);
  const vtcr = reg(cpu, 'VTCR_EL2');
  const hcr = reg(cpu, 'HCR_EL2');
  const secure = f.has('SEL2') ? ss.eqz() : i32(0);
  const own = secure.and(ipaSpace.eqz());
  const tcr = f.has('SEL2') ? select(own, reg(cpu, 'VSTCR_EL2'), vtcr) : vtcr;
  const ttbr = f.has('SEL2') ? select(own, reg(cpu, 'VSTTBR_EL2'), reg(cpu, 'VTTBR_EL2')) : reg(cpu, 'VTTBR_EL2');

  /** The IPA as HPFAR_EL2 tells of it: NS in bit 63. */
  const reported = (): Val => ipa.or(secure.and(ipaSpace).zext64().shl(63));
  const fail = (status: Val, o: { write?: Val; iss2?: number } = {}): void => {
    run(link('faultS2'), cpu, va, acc, status, o.write ?? i32(0), i32(o.iss2 ?? 0), reported());
    ret(i32(0));
  };
  const updates = f.has('HAF') || f.has('HAFDBS');
  const ha = updates ? bit(vtcr, VTCR.HA) : null;
  const hd = f.has('HAFDBS') ? bit(vtcr, VTCR.HD).and(ha!) : i32(0);
  const haft = f.has('HAFT') && ha ? bit(vtcr, VTCR.HAFT).and(ha) : null;
  const ds = g !== 16 && f.has('LPA2') ? bit(vtcr, VTCR.DS) : null;
  const pie = f.has('S2PIE') ? bit(vtcr, VTCR.S2PIE) : null;
  const fwb = f.has('S2FWB') ? bit(hcr, HCR.FWB) : null;

  // Sizes and start (AArch64.S2MinTxSZ, S2InconsistentSL, IPAIsOutOfRange).
  const tsz = tcr.lo32().and(63);
  const narrow = 64 - Math.min(48, f.paBits);
  const wideTsz = 64 - Math.min(52, f.paBits);
  const least = g === 16 ? i32(wideTsz) : ds ? select(ds, i32(wideTsz), i32(narrow)) : i32(narrow);
  const outOfBounds = tsz.sub(least).gtU(i32(maxTsz(f, g)).sub(least));
  const size = i32(64).sub(tsz);
  const { start, invalid } = startLevel(f, g, tcr, ds);
  const depth = i32(3).sub(start);
  const firstShift = depth.mul(stride).add(g);
  // From one entry's reach up to sixteen tables side by side.
  const inconsistent = size.sub(firstShift.add(1)).gtU(stride - 1 + 4);
  const beyond = ipa.shrU(size.zext64()).ne(0);
  const shut = outOfBounds.or(invalid).or(inconsistent).or(beyond);
  unlikely(shut, () => fail(statusAt(STATUS.translation, 0)));

  const ps = vtcr.shrU(16).and(7);
  const outSize = i64(addressSizes(f, g)).shrU(ps.shl(3)).and(0xff);
  const wide = ds ?? (g === 16 && f.has('LPA') ? ps.eq(6) : null);
  let base = ttbr.and(0xfffffffffffen);
  if (wide) base = select(wide, ttbr.and(0xffffffffffc0n).or(ttbr.and(0x3cn).shl(46)), base);
  const tableBits = size.sub(firstShift).add(3).zext64();
  const first = base.and(i64(-1).shl(tableBits)).or(ipa.shrU(firstShift.zext64()).shl(3));
  unlikely(first.shrU(outSize).ne(0), () => fail(statusAt(STATUS.addressSize, 0)));

  const walking = acc.and(ACC.walk).ne(0);
  const contexts = selection(cpu, f, REGIME.el10, ss);
  let tablePas = ss;
  if (f.has('SEL2')) {
    const outside = select(ipaSpace, bit(vtcr, VTCR.NSW), bit(tcr, VSTCR.SW));
    tablePas = select(secure, outside, ss);
  }

  loop((restart) => {
    const at = variable(I64, first);
    const level = variable(I32, start);
    const shift = variable(I32, firstShift);
    const host = variable(I32);
    const desc = variable(I64);
    const failAt = (kind: number, o = {}): void => fail(statusAt(kind, level.get()), o);

    block((found) => {
      loop((next) => {
        const selector = contexts?.walk ?? null;
        host.set(walkHost(link, f, cpu, at.get(), { pas: tablePas, security: ss, selector, acc }));
        unlikely(host.get().eqz(), () => {
          run(link('failWalkS2'), cpu, va, acc, level.get(), reported());
          ret(i32(0));
        });
        const d = load('i64', host.get());
        desc.set(d);
        const kind = d.lo32().and(3);
        iff(kind.eq(3).and(level.get().ne(3)), () => {
          const table = outputBits(f, g, d, ds, null);
          const below = shift.get().sub(stride);
          const index = ipa.shrU(below.zext64()).and((1n << BigInt(stride)) - 1n);
          const entry = table.or(index.shl(3));
          unlikely(entry.shrU(outSize).ne(0), () => failAt(STATUS.addressSize));
          if (haft) {
            unlikely(haft.and(bit(d, 10).eqz()), () => {
              updateDescriptor(link, cpu, host.get(), d, d.or(1 << 10));
              br(next);
            });
          }
          at.set(entry);
          shift.set(below);
          level.set(level.get().add(1));
          br(next);
        });
        brIf(kind.eq(3), found);
        const lowest = firstBlockLevel(f, g, ds, i32);
        const isBlock = kind.eq(1).and(level.get().geS(lowest)).and(level.get().ne(3));
        unlikely(isBlock.eqz(), () => failAt(STATUS.translation));
      });
    });

    const d = desc.get();
    const lsb = shift.get().zext64();
    const inside = i64(-1).shl(lsb);
    const pa = outputBits(f, g, d, ds, lsb).or(ipa.and(inside.not()));
    unlikely(bit(d, DESC_CONTIGUOUS), () => {
      for (const n of [0, 1, 2, 3]) {
        const group = contiguousBits(g, n);
        if (group === 0) continue;
        iff(level.get().eq(n).and(shift.get().add(group).gtS(size)), () => failAt(STATUS.translation));
      }
    });
    unlikely(pa.shrU(outSize).ne(0), () => failAt(STATUS.addressSize));
    const young = bit(d, 10).eqz();
    const mustBeSet = ha ? young.and(ha.eqz()) : young;
    unlikely(mustBeSet.and(acc.and(ACC.cache).eqz().or(walking)), () => failAt(STATUS.accessFlag));

    // The PA space of the output (AArch64.SS2OutputPASpace).
    let outPas = select(ss.eq(PAS.realm), select(bit(d, 55), i32(PAS.nonSecure), i32(PAS.realm)), i32(PAS.nonSecure));
    if (f.has('SEL2')) {
      const vstcr = reg(cpu, 'VSTCR_EL2').lo32();
      const outside = vstcr.and((1 << VSTCR.SW) | (1 << VSTCR.SA)).ne(0);
      const further = vtcr
        .lo32()
        .and((1 << VTCR.NSW) | (1 << VTCR.NSA))
        .ne(0)
        .and(ipaSpace);
      outPas = select(secure, outside.or(further), outPas);
    }

    // Memory type (S2DecodeMemAttrs, AArch64.S2ApplyFWBMemAttrs).
    const attr = d.lo32().bits(2, 4);
    const s1Device = load('i32', cpu, TR_ATTR).and(0xf0).eqz().and(walking.eqz());
    let device = attr.and(12).eqz();
    if (fwb) {
      const forced = attr
        .and(4)
        .eqz()
        .or(s1Device.and(attr.and(3).ne(2)));
      device = select(fwb, forced, device);
    }
    unlikely(device.and(walking.eqz()).and(acc.and(ACC.exec | ACC.cache | ACC.at).eqz()), () => {
      iff(misaligned(va, acc).or(acc.and(ACC.zero)), () => fail(i32(FSC.alignment)));
    });

    // Permission (AArch64.S2DirectBasePermissions, S2IndirectBasePermissions).
    const el0 = ctx.and(CTX.el0);
    const high = d.shrU(32).lo32();
    const dbm = hd.and(high.shrU(51 - 32)).and(1);
    const xn = high.shrU(54 - 32).and(1);
    const xnx = f.has('XNX') ? high.shrU(53 - 32).and(1) : i32(0);
    const closed = xn.xor(xnx.and(select(el0, i32(0), i32(1))));
    const read = variable(I32, d.lo32().shrU(6).and(1));
    const write = variable(I32, d.lo32().shrU(7).or(dbm).and(1));
    const exec = variable(I32, closed.xor(1));
    if (pie) {
      unlikely(pie, () => {
        const index = high
          .shrU(53 - 32)
          .and(3)
          .shl(2)
          .or(
            high
              .shrU(51 - 32)
              .and(1)
              .shl(1),
          )
          .or(bit(d, 6));
        const code = reg(cpu, 'S2PIR_EL2').shrU(index.shl(2).zext64()).lo32().and(15);
        const has = (set: number): Val => i32(set).shrU(code).and(1);
        read.set(has(PI.read));
        write.set(select(walking, has(PI.walkWrite), has(PI.write)));
        exec.set(select(el0, has(PI.user), has(PI.privileged)));
      });
    }
    const foreign = ss.eq(PAS.realm).and(outPas.ne(PAS.realm));
    const writes = select(walking, acc.and(ACC.update), acc.and(ACC.write)).ne(0);
    iff(
      walking,
      () => {
        const ptw = bit(hcr, HCR.PTW).and(bit(hcr, HCR.TGE).eqz());
        const refused = ptw.and(device).or(foreign).or(read.get().eqz()).or(writes.and(write.get().eqz()));
        unlikely(refused, () => failAt(STATUS.permission));
      },
      () => {
        exec.set(exec.get().and(foreign.eqz()));
        const got = read.get().or(write.get().shl(1)).or(exec.get().shl(2));
        const reads = acc
          .and(ACC.write | ACC.exec)
          .eqz()
          .or(acc.and(ACC.atomic));
        const needed = select(reads, i32(PERM.read), i32(0))
          .or(writes.shl(1))
          .or(select(acc.and(ACC.exec), i32(PERM.exec), i32(0)));
        const missing = needed.and(got.not());
        unlikely(missing.and(select(acc.and(ACC.anyPermission), i32(0), i32(-1))), () => {
          failAt(STATUS.permission, { write: missing.eq(PERM.write) });
        });
      },
    );
    const dirty = bit(d, 7);
    if (pie) {
      unlikely(pie.and(writes).and(dirty.eqz()).and(hd.eqz()), () => {
        failAt(STATUS.permission, { write: walking.eqz(), iss2: ISS2_DIRTY });
      });
    }

    // Access flag and dirty state.
    const updated = variable(I64, d);
    const managed = pie ? hd.and(pie.or(dbm)) : dbm;
    if (ha) {
      iff(young, () => updated.set(d.or(1 << 10)));
      const real = acc
        .and(ACC.at | ACC.cache)
        .eqz()
        .or(walking);
      iff(managed.and(writes).and(real), () => updated.set(updated.get().or(0x80)));
      unlikely(updated.get().ne(d).and(ha), () => {
        const seen = updateDescriptor(link, cpu, host.get(), d, updated.get());
        brIf(seen.ne(d), restart);
      });
    }
    let mayWrite = write.get();
    if (f.has('HAFDBS') || pie) {
      const waits = pie ? managed.or(pie) : managed;
      mayWrite = mayWrite.and(waits.eqz().or(updated.get().lo32().shrU(7)));
    }
    const perm = read.get().or(mayWrite.and(1).shl(1)).or(exec.get().shl(2));
    const sh = ds ? select(ds, vtcr.lo32().bits(12, 2), d.lo32().bits(8, 2)) : d.lo32().bits(8, 2);
    store('i64', cpu, pa, S2_PA);
    store('i32', cpu, select(mustBeSet, i32(0), perm), S2_PERM);
    store('i32', cpu, outPas, S2_PAS);
    const form = fwb ? select(fwb, i32(S2_FWB), i32(0)) : i32(0);
    store('i32', cpu, attr.or(sh.shl(8)).or(form).or(device.shl(7)), S2_ATTR);
    store('i32', cpu, contexts ? stage2Selector(contexts, outPas, bit(d, AMEC)) : i32(MEC.none), S2_MEC);
    ret(i32(1));
  });
}

const TG: readonly Granule[] = [12, 16, 14, 12];

export function defineStage2(lib: Library, f: TranslationFeatures): void {
  const params = [I32, I64, I64, I32, I32, I32] as const;
  for (const g of GRANULES) {
    lib.define(`stage2.${g}`, params, I32, (link, cpu, va, ipa, space, acc, ctx) =>
      walk(link, f, g, cpu!, va!, ipa!, space!, acc!, ctx!),
    );
  }
  /** (address, IPA, its PA space, access, context) → 1 with the result in S2_PA and its neighbours, or 0 with FAULT. */
  lib.define('stage2Walk', params, I32, (link, c, va, ipa, space, acc, ctx) => {
    const cpu = c!;
    const own = ctx!
      .and(3 << CTX.ssShift)
      .eqz()
      .and(space!.eqz());
    const tcr = f.has('SEL2') ? select(own, reg(cpu, 'VSTCR_EL2'), reg(cpu, 'VTCR_EL2')) : reg(cpu, 'VTCR_EL2');
    const tg = tcr.lo32().bits(14, 2);
    for (const g of [16, 14] as const) {
      unlikely(tg.eq(TG.indexOf(g)), () => ret(call(link(`stage2.${g}`), cpu, va!, ipa!, space!, acc!, ctx!)));
    }
    ret(call(link('stage2.12'), cpu, va!, ipa!, space!, acc!, ctx!));
  });
  /** Host address of a descriptor of stage 1: (address, IPA, PA space, access, context, level), or 0 with FAULT. */
  lib.define('descriptorHost', [I32, I64, I64, I32, I32, I32, I32], I32, (link, c, va, ipa, space, acc, ctx, level) => {
    const cpu = c!;
    unlikely(call(link('stage2Walk'), cpu, va!, ipa!, space!, acc!, ctx!).eqz(), () => ret(i32(0)));
    const fetch = {
      pas: load('i32', cpu, S2_PAS),
      security: ctx!.shrU(CTX.ssShift).and(3),
      selector: load('i32', cpu, S2_MEC),
      acc: acc!,
    };
    const host = walkHost(link, f, cpu, load('i64', cpu, S2_PA), fetch);
    unlikely(host.eqz(), () => run(link('failWalk'), cpu, va!, acc!.and(~(ACC.walk | ACC.update)), level!));
    ret(host);
  });
  /** Stage 2 of an access whose stage 1 is done: takes the IPA from TR_PA, and puts the final result there. */
  lib.define('stage2', [I32, I64, I32, I32], I32, (link, c, va, acc, ctx) => {
    const cpu = c!;
    const ipa = load('i64', cpu, TR_PA);
    const ok = call(link('stage2Walk'), cpu, va!, ipa, load('i32', cpu, TR_PAS), acc!, ctx!);
    unlikely(ok.eqz(), () => ret(i32(0)));
    store('i64', cpu, load('i64', cpu, S2_PA), TR_PA);
    store('i32', cpu, load('i32', cpu, TR_PERM).and(load('i32', cpu, S2_PERM)), TR_PERM);
    store('i32', cpu, load('i32', cpu, S2_PAS), TR_PAS);
    store('i32', cpu, load('i32', cpu, S2_MEC), TR_MEC);
    const device = load('i32', cpu, TR_DEVICE).or(load('i32', cpu, S2_ATTR).bits(7, 1));
    store('i32', cpu, device, TR_DEVICE);
    ret(i32(1));
  });
}
