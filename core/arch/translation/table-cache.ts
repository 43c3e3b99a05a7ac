/**
 * A small cache of where the tables of the last two levels of stage 1 lie, as hardware has one, in pages of 4 KiB. It spares a walk most of its loads, above
 * all under stage 2, where each of them is a walk of its own. Entries hold until any TLBI but those of the last level.
 */
import { iff, load, memoryFill, run, store, unlikely } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { mecidOf } from '../encryption/context.ts';
import type { Granule } from './descriptors.ts';
import { area, TABLE_CACHE, TABLE_ENTRIES, TABLE_SHIFT } from './directory.ts';
import type { TranslationFeatures } from './features.ts';
import { CTX, CTX_KEY, CTX_SS, S2_MEC, TABLE_CONTEXT } from './fields.ts';

// An entry: 32 bytes. i64: addresses it is for, and kind of table; i64: context and epoch (TABLE_CONTEXT).
const FOR = 0;
const CONTEXT = 8;
/** i64: address of the table, an IPA under stage 2. */
const TABLE = 16;
/**
 * i32: where it is for us; hierarchical attributes [4:0], PA space [6:5], encryption context: register [9:7] (`MEC`) and its value
 * [25:10].
 */
const HOST = 24;
const INFO = 28;

/** Instead of a selector: stage 2 says it. */
const FROM_STAGE2 = 8;
/** What of TR_CTX must be the same. */
const SAME = CTX.regime | CTX_SS | CTX.s1 | CTX.s2 | CTX.dc;
const EPOCH_SHIFT = 16;

/** Part of a table: where it is, and what is known from the levels above. */
export interface Found {
  readonly table: Val;
  readonly host: Val;
  readonly limits: Val;
  readonly pas: Val;
}

/** The cache as one walk sees it. */
export class TableCache {
  private readonly va: Val;
  private readonly g: Granule;
  private readonly context: Val;
  private readonly usable: Val;
  private readonly base: Val;
  private readonly cpu: Val;
  private readonly f: TranslationFeatures;
  private readonly selector: Val | null;
  /** `selector`: of the regime's own tables, where stage 2 does not say; null without FEAT_MEC. */
  constructor(cpu: Val, f: TranslationFeatures, va: Val, ctx: Val, g: Granule, selector: Val | null) {
    this.cpu = cpu;
    this.f = f;
    this.selector = selector && select(ctx.and(CTX.s2), i32(FROM_STAGE2), selector);
    this.va = va;
    this.g = g;
    this.context = load('i64', cpu, TABLE_CONTEXT);
    // AT may ask for another context than the present one: that has no entries.
    this.usable = ctx.xor(this.context.lo32()).and(SAME).eqz();
    this.base = area(cpu);
  }
  /** Bits of an address below those that name the part of a table: 512 entries, a page of 4 KiB that lies in one piece. */
  private lsb(level: 2 | 3): number {
    return this.g + (this.g - 3) * (3 - level) + 9;
  }
  /** Offset of the entry for the address in that part. */
  offset(level: 2 | 3): Val {
    return this.va
      .shrU(this.lsb(level) - 9)
      .and(511)
      .shl(3);
  }
  private entry(level: 2 | 3): { readonly at: Val; readonly tag: Val } {
    const lsb = this.lsb(level);
    const region = this.va.shrU(lsb).lo32();
    // Contexts that alternate shall not take each other's places.
    const owner = this.context.shrU(32).lo32();
    const spread = owner
      .add(owner.shrU(16))
      .mul(53)
      .add(level * 41);
    const index = region
      .xor(region.shrU(7))
      .add(spread)
      .and(TABLE_ENTRIES - 1);
    const tag = this.va.and(-1n << BigInt(lsb)).or(this.g * 4 + level);
    return { at: this.base.add(index.shl(TABLE_SHIFT)), tag };
  }
  /** Runs `then` with the table of a level if it is known, else `otherwise`. */
  find(level: 2 | 3, then: (f: Found) => void, otherwise: () => void): void {
    const { at, tag } = this.entry(level);
    const is = load('i64', at, TABLE_CACHE + FOR)
      .eq(tag)
      .and(load('i64', at, TABLE_CACHE + CONTEXT).eq(this.context))
      .and(this.usable);
    const info = load('i32', at, TABLE_CACHE + INFO);
    iff(
      is.and(this.sameContext(info)),
      () => {
        then({
          table: load('i64', at, TABLE_CACHE + TABLE),
          host: load('i32', at, TABLE_CACHE + HOST),
          limits: info.zext64().shl(59),
          pas: info.shrU(5).and(3),
        });
      },
      otherwise,
    );
  }
  /** i32 0/1: is a table still of the context that it was fetched in? */
  private sameContext(info: Val): Val {
    if (!this.selector) return i32(1);
    const own = info.shrU(7).and(7);
    const value = mecidOf(this.cpu, own).eq(info.shrU(10));
    return value.and(this.selector.eq(FROM_STAGE2).or(this.selector.eq(own)));
  }
  /** Notes the table of a level. */
  note(link: Link, level: 2 | 3, f: Found): void {
    iff(this.usable, () => {
      if (this.f.has('RME')) run(link('noteTable'), this.cpu, f.host);
      const { at, tag } = this.entry(level);
      store('i64', at, tag, TABLE_CACHE + FOR);
      store('i64', at, this.context, TABLE_CACHE + CONTEXT);
      store('i64', at, f.table, TABLE_CACHE + TABLE);
      store('i32', at, f.host, TABLE_CACHE + HOST);
      let info = f.limits.shrU(59).lo32().or(f.pas.shl(5));
      if (this.selector) {
        const own = select(this.selector.eq(FROM_STAGE2), load('i32', this.cpu, S2_MEC), this.selector);
        info = info.or(own.shl(7)).or(mecidOf(this.cpu, own).shl(10));
      }
      store('i32', at, info, TABLE_CACHE + INFO);
    });
  }
}

/** Sets TABLE_CONTEXT from CTX_KEY; the epoch stays. */
export function updateTableContext(cpu: Val): void {
  const key = load('i64', cpu, CTX_KEY).and((-1n << 32n) | BigInt(SAME));
  const epoch = load('i64', cpu, TABLE_CONTEXT).and(0xffffn << BigInt(EPOCH_SHIFT));
  store('i64', cpu, key.or(epoch), TABLE_CONTEXT);
}

/** No context has entries until TABLE_CONTEXT is set again: the low bits are none's. */
export function voidTableContext(cpu: Val): void {
  store('i32_16', cpu, i32(0xffff), TABLE_CONTEXT);
}

export function defineTableCache(lib: Library): void {
  /** All entries are void. */
  lib.define('forgetTables', [I32], null, (_link, c) => {
    const cpu = c!;
    const old = load('i64', cpu, TABLE_CONTEXT);
    const epoch = old.shrU(EPOCH_SHIFT).add(1).and(0xffff);
    // Entries are written with an epoch that is not 0; when the count starts again, none of before may be left.
    const clear = i64(~(0xffffn << BigInt(EPOCH_SHIFT)));
    store('i64', cpu, old.and(clear).or(epoch.shl(EPOCH_SHIFT)), TABLE_CONTEXT);
    unlikely(epoch.eqz(), () => {
      memoryFill(area(cpu).add(TABLE_CACHE), i32(0), i32(TABLE_ENTRIES << TABLE_SHIFT));
      store('i64', cpu, old.and(clear).or(1 << EPOCH_SHIFT), TABLE_CONTEXT);
    });
  });
}
