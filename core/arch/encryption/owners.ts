/**
 * The cores' side of the memory protection engine: a page that is accessed must be its accessor's.
 *
 * A core first says which page it is about to access (IN_FLIGHT), then looks at the owner. Who takes a page over first marks it
 * `busy`, then looks at what each core is accessing and has in its TLB, asks those for the page and waits until they have answered,
 * which they do between two instructions. So one of the two sees the other. An access that finds a page busy, or whose core had
 * to answer others while it waited, starts again from the beginning of its instruction.
 */
import { CORE_STRIDE, CORES, WATCH } from '../../engine/layout.ts';
import {
  atomicLoad,
  atomicStore,
  brIf,
  call,
  iff,
  load,
  loop,
  ret,
  rmw,
  run,
  store,
  unlikely,
  variable,
} from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import {
  IN_FLIGHT,
  INDEX,
  MAPPED,
  PEERS,
  PERM,
  REC_MAP,
  SLOW_REC,
  TR_DEVICE,
  TR_PERM,
  WIPE_DONE,
  WIPE_KEY,
  WIPE_OLD,
  WIPE_OWNER,
  WIPE_PAGE,
  WIPE_VA,
} from '../state.ts';
import type { TranslationFeatures } from '../translation/features.ts';
import { CTX_KEY, PAS } from '../translation/fields.ts';
import { mecidOf } from './context.ts';
import {
  MODEL,
  OWNER,
  ownerOf,
  P_CORES,
  P_GENERATIONS,
  P_JUNK,
  P_MODEL,
  P_OWNERS,
  P_WIPED,
  PROTECTION,
  WHO,
} from './layout.ts';

const block = (offset: number): Val => load('i32', i32(PROTECTION), offset);

/** i32: the owner that an access by `who` wants. */
function wanted(cpu: Val, who: Val, f: TranslationFeatures): Val {
  const pas = who.and(3);
  const mecid = f.has('MEC') ? mecidOf(cpu, who.shrU(WHO.selectorShift).and(7)) : i32(0);
  const renewed = load('i32_16u', block(P_GENERATIONS).add(mecid.shl(2)));
  const generation = select(pas.eq(PAS.realm), renewed, i32(0));
  return generation.add(1).shl(OWNER.generationShift).or(mecid.shl(OWNER.mecidShift)).or(pas);
}

export function defineOwners(lib: Library, f: TranslationFeatures): void {
  if (!f.has('RME')) return;
  /** Makes a page its accessor's: (cpu, host address, owner, `WHO`) → 1, or 0 when the instruction has to start again. */
  lib.host('claimPage', [I32, I32, I32, I32], I32);
  /** The same for a page that is being overwritten from this line on: its other lines are converted only when they are needed. */
  lib.host('beginWipe', [I32, I32, I32], I32);
  /** The RFC's model: a store gives the page to its context. */
  lib.host('tagPage', [I32, I32, I32, I32], I32);
  /** For observers: a context reads what is another's, and this model shows it something else: (cpu, host address, owner, `WHO`). */
  lib.host('mismatchSeen', [I32, I32, I32, I32], null);

  /** (host address, `WHO`, word of IN_FLIGHT) → host address to use, or 0 when the instruction has to start again. */
  lib.define('ownPage', [I32, I32, I32, I32], I32, (link, c, h, w, slot) => {
    const [cpu, host, who] = [c!, h!, w!];
    iff(load('i32', cpu, PEERS), () => atomicStore('i32', cpu.add(slot!), host.and(~0xfff)));
    const at = block(P_OWNERS).add(host.shrU(12).shl(2));
    const want = wanted(cpu, who, f);
    const owner = variable(I32, atomicLoad('i32', at));
    iff(owner.get().eq(want), () => ret(host));
    unlikely(who.and(WHO.observe), () => {
      store('i32', cpu, i32(1), TR_DEVICE);
      ret(host);
    });
    // Observers want to know which instruction it is.
    const late = load('i32', i32(WATCH))
      .ne(0)
      .and(load('i32', cpu, SLOW_REC).eqz());
    unlikely(block(P_MODEL).eq(MODEL.deadbeef), () => {
      // Only accesses by a MECID register look at tags, and no walk does; what has none counts as context 0's.
      const selector = who.and(7 << WHO.selectorShift);
      iff(selector.eqz().or(slot!.eq(IN_FLIGHT)), () => ret(host));
      iff(
        owner
          .get()
          .eqz()
          .and(want.eq(ownerOf(PAS.realm, 0, 0))),
        () => ret(host),
      );
      unlikely(late, () => {
        store('i32', cpu, i32(2), SLOW_REC);
        ret(i32(0));
      });
      iff(who.and(WHO.write), () => ret(select(call(link('tagPage'), cpu, host, want, who), host, i32(0))));
      unlikely(load('i32', i32(WATCH)), () => run(link('mismatchSeen'), cpu, host, want, who));
      store('i32', cpu, load('i32', cpu, TR_PERM).and(~PERM.write), TR_PERM);
      ret(block(P_JUNK).add(host.and(0xfff)));
    });
    iff(owner.get().eqz(), () => {
      // The first to touch a page since power-on has it as it is.
      owner.set(rmw('cmpxchg', 'i32', at, i32(0), want));
      iff(owner.get().eqz(), () => ret(host));
    });
    unlikely(who.and(WHO.zero), () => {
      const mine = load('i32', cpu, INDEX).or(OWNER.wiping | 0);
      const same = owner
        .get()
        .eq(mine)
        .and(load('i32', cpu, WIPE_PAGE).eq(host.and(~0xfff)))
        .and(load('i32', cpu, WIPE_OWNER).eq(want));
      iff(same.eqz(), () => ret(select(call(link('startWipe'), cpu, host, want), host, i32(0))));
      iff(call(link('wipeLine'), cpu, host), () => store('i32', cpu, i32(1), TR_DEVICE));
      ret(host);
    });
    unlikely(late, () => {
      store('i32', cpu, i32(2), SLOW_REC);
      ret(i32(0));
    });
    ret(
      select(
        call(link('claimPage'), cpu, host, want, who.or(select(slot!.eq(IN_FLIGHT), i32(WHO.walk), i32(0)))),
        host,
        i32(0),
      ),
    );
  });

  /** Has another core anything of the page, or may it be accessing it? (host address of the page). See `MemoryProtection.has`. */
  lib.define('heldElsewhere', [I32, I32], I32, (_link, c, page) => {
    const other = variable(I32, CORES);
    const end = block(P_CORES).mul(CORE_STRIDE).add(CORES);
    loop((again) => {
      const core = other.get();
      iff(core.ne(c!), () => {
        const word = (map: number): Val => atomicLoad('i32', load('i32', core, map).add(page!.shrU(12).shl(2)));
        let held = word(MAPPED).or(word(REC_MAP));
        for (const at of [IN_FLIGHT, IN_FLIGHT + 4, IN_FLIGHT + 8, WIPE_PAGE])
          held = held.or(atomicLoad('i32', core, at).eq(page!));
        iff(held, () => ret(i32(1)));
      });
      other.set(core.add(CORE_STRIDE));
      brIf(other.get().ltU(end), again);
    });
    ret(i32(0));
  });
  /** `beginWipe` without the host where nobody else has anything of the page, and there is no code in it. */
  lib.define('startWipe', [I32, I32, I32], I32, (link, c, h, w) => {
    const [cpu, host, want] = [c!, h!, w!];
    const page = host.and(~0xfff);
    const at = block(P_OWNERS).add(host.shrU(12).shl(2));
    const owner = atomicLoad('i32', at);
    const hasCode = load('i32', load('i32', cpu, REC_MAP).add(host.shrU(12).shl(2)));
    const simple = load('i32', cpu, WIPE_PAGE)
      .or(hasCode)
      .eqz()
      .and(owner.sub(1).ltU(OWNER.wiping - 1));
    const askHost = (): void => ret(call(link('beginWipe'), cpu, host, want));
    iff(simple.eqz().or(owner.eq(want)), askHost);
    // Marked busy first: a core that says later that it is about to access the page finds it so.
    iff(rmw('cmpxchg', 'i32', at, owner, i32(OWNER.busy | 0)).ne(owner), askHost);
    iff(call(link('heldElsewhere'), cpu, page), () => {
      atomicStore('i32', at, owner);
      askHost();
    });
    run(link('dropHostPage'), cpu, page);
    store('i32', cpu, want, WIPE_OWNER);
    store('i32', cpu, owner, WIPE_OLD);
    store('i64', cpu, i64(1).shl(host.shrU(6).and(63).zext64()), WIPE_DONE);
    atomicStore('i32', cpu.add(WIPE_PAGE), page);
    // While others of its lines are to come the page stays out of the TLB.
    store('i32', cpu, i32(1), TR_DEVICE);
    atomicStore('i32', at, load('i32', cpu, INDEX).or(OWNER.wiping | 0));
    ret(i32(1));
  });
  /**
   * A line of the page that this core overwrites is about to be overwritten: (host address) → 1 while others are left, 0 when it was
   * the last: then the page belongs to its new owner.
   */
  lib.define('wipeLine', [I32, I32], I32, (_link, c, h) => {
    const [cpu, host] = [c!, h!];
    const line = i64(1).shl(host.shrU(6).and(63).zext64());
    const done = load('i64', cpu, WIPE_DONE).or(line);
    store('i64', cpu, done, WIPE_DONE);
    iff(done.ne(-1), () => ret(i32(1)));
    store('i32', cpu, i32(0), WIPE_PAGE);
    store('i64', cpu, i64(-1), WIPE_VA);
    rmw('add', 'i32', i32(PROTECTION), i32(1), undefined, P_WIPED);
    atomicStore('i32', block(P_OWNERS).add(host.shrU(12).shl(2)), load('i32', cpu, WIPE_OWNER));
    ret(i32(0));
  });
  /**
   * DC ZVA to the page that is being overwritten, without a translation: (virtual address) → host address, or 0 when it has
   * to be translated.
   */
  lib.define('wipeNext', [I32, I64], I32, (link, c, v) => {
    const [cpu, va] = [c!, v!];
    iff(load('i64', cpu, WIPE_VA).ne(va.and(~0xfffn)), () => ret(i32(0)));
    iff(load('i64', cpu, WIPE_KEY).ne(load('i64', cpu, CTX_KEY)), () => ret(i32(0)));
    const page = load('i32', cpu, WIPE_PAGE);
    iff(load('i32', cpu, PEERS), () => atomicStore('i32', cpu, page, IN_FLIGHT + 4));
    const owner = atomicLoad('i32', block(P_OWNERS).add(page.shrU(12).shl(2)));
    iff(page.eqz().or(owner.ne(load('i32', cpu, INDEX).or(OWNER.wiping | 0))), () => ret(i32(0)));
    const host = page.or(va.lo32().and(0xfff));
    call(link('wipeLine'), cpu, host);
    ret(host);
  });
  /** A line was overwritten by way of a translation: the next ones can do without. (virtual address, host address) */
  lib.define('wipeSeen', [I32, I64, I32], null, (_link, c, v, host) => {
    const cpu = c!;
    iff(load('i32', cpu, WIPE_PAGE).eq(host!.and(~0xfff)), () => {
      store('i64', cpu, v!.and(~0xfffn), WIPE_VA);
      store('i64', cpu, load('i64', cpu, CTX_KEY), WIPE_KEY);
    });
  });
}
