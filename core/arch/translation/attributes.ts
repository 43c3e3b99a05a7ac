/**
 * Memory attributes in the encoding of MAIR_ELx and PAR_EL1, with shareability in [9:8]: what the stages say, combined (S1DecodeMemAttrs,
 * S2CombineS1MemAttrs, AArch64.S2ApplyFWBMemAttrs, EncodePARAttrs).
 */
import { iff, load, ret, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { bitOf } from '../exceptions/view.ts';
import { TR_ATTR } from '../state.ts';
import { S2_ATTR } from './fields.ts';
import { REGIMES } from './regimes.ts';
import { S2_FWB } from './stage2.ts';

const NC = 4;
const NORMAL_NC = 0x44;
const OUTER = 2;
const INNER = 3;
const isDevice = (attr: Val): Val => attr.and(0xf0).eqz();

/** One nibble: stage 1's cacheability limited by stage 2's (1 Non-cacheable, 2 Write-Through, 3 Write-Back). */
function limited(s1: Val, s2: Val): Val {
  const nc = s1.eq(NC).or(s2.ltU(2));
  // Bit 2 tells Write-Back from Write-Through; transient ones lack bit 3, and hints stay stage 1's.
  const through = select(s2.eq(2), s1.and(~4), s1);
  return select(nc, i32(NC), through);
}

export function defineAttributes(lib: Library): void {
  /** i32: attributes of a data access that stage 1 has translated, TR_ATTR with SCTLR_ELx.C heeded: (regime). */
  lib.define('stage1Attributes', [I32, I32], I32, (_link, c, regime) => {
    const cpu = c!;
    const value = load('i32', cpu, TR_ATTR);
    let on = i32(0);
    for (const r of REGIMES) on = select(regime!.eq(r.id), bitOf(cpu, r.sctlr, 2), on);
    iff(isDevice(value), () => ret(value.and(0x30d)));
    iff(on, () => ret(value));
    ret(value.and(0x300).or(NORMAL_NC));
  });

  /** i32: these combined with those of stage 2, S2_ATTR: (attributes of stage 1). */
  lib.define('combinedAttributes', [I32, I32], I32, (_link, c, s1) => {
    const cpu = c!;
    const s2 = load('i32', cpu, S2_ATTR);
    const attr = s2.and(15);
    const first = s1!.and(0xff);
    const out = variable(I32);
    const device1 = isDevice(first);
    const kind = attr.and(3).shl(2);
    // Of two Device types the stricter one.
    const stricter = select(device1.and(first.and(12).ltU(kind)), first.and(12), kind);
    const cd = bitOf(cpu, 'HCR_EL2', 32);
    iff(
      s2.and(S2_FWB),
      () => {
        const forced = (n: number, also: number): void => {
          iff(
            attr
              .and(4)
              .ne(0)
              .and(attr.and(3).eq(n).or(attr.and(3).eq(also))),
            () => {
              // Write-Back, with the hints of stage 1 where it is cacheable at all.
              const hint = (shift: number): Val => {
                const nibble = first.shrU(shift).and(15);
                return select(device1.or(nibble.eq(NC)), i32(15), nibble.or(4)).shl(shift);
              };
              out.set(hint(4).or(hint(0)));
            },
          );
        };
        out.set(stricter);
        iff(attr.and(4), () => out.set(first));
        forced(2, 2);
        iff(attr.and(7).eq(5).and(device1.eqz()), () => out.set(NORMAL_NC));
        iff(cd.and(isDevice(out.get()).eqz()), () => out.set(NORMAL_NC));
      },
      () => {
        const second = select(cd, i32(5), attr);
        const normal = limited(first.shrU(4), second.shrU(2))
          .shl(4)
          .or(limited(first.and(15), second.and(3)));
        out.set(select(device1, first, normal));
        iff(attr.and(12).eqz(), () => out.set(stricter));
      },
    );
    const sh1 = s1!.bits(8, 2);
    const sh2 = s2.bits(8, 2);
    const outer = sh1.eq(OUTER).or(sh2.eq(OUTER));
    const inner = sh1.eq(INNER).or(sh2.eq(INNER));
    const sh = select(outer, i32(OUTER), select(inner, i32(INNER), i32(0)));
    ret(out.get().or(sh.shl(8)));
  });

  /** i32: shareability as PAR_EL1 reports it (PAREncodeShareability): Device and Non-cacheable are outer shareable. */
  lib.define('reportedShareability', [I32], I32, (_link, attributes) => {
    const attr = attributes!.and(0xff);
    ret(select(isDevice(attr).or(attr.eq(NORMAL_NC)), i32(OUTER), attributes!.bits(8, 2)));
  });
}
