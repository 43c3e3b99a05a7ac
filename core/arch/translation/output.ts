/**
 * From a translated address to memory: granule protection check, then the region of the physical address space, then whose plain
 * text the page holds. The same for what walks fetch.
 */

import { MM_FLAG, MM_FLAGS } from '../../engine/layout.ts';
import { call, iff, load, ret, run, store, tailCall, unlikely, variable } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { WHO } from '../encryption/layout.ts';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from '../exceptions/fault-kinds.ts';
import { SCR } from '../exceptions/fields.ts';
import { bitOf, word } from '../exceptions/view.ts';
import { ASKER_SHIFT, checksOn, GRANULE } from '../granules/check.ts';
import { GPCSC } from '../granules/format.ts';
import {
  EL,
  FAULT,
  FAULT_ADDR,
  FAULT_IPA,
  FAULT_ISS,
  FAULT_PA,
  IN_FLIGHT,
  SECURITY,
  TR_MEC,
  TR_PA,
  TR_PAS,
} from '../state.ts';
import { STATUS, statusAt } from './faults.ts';
import type { TranslationFeatures } from './features.ts';
import { ACC, LAST_MAP, PAS, WALK_FAULT, WALK_PA, WALK_PAS } from './fields.ts';
import { physicalHost } from './physical.ts';

/** Passes the page through the memory protection engine; `again` is what happens when the instruction has to start over. */
function owned(link: Link, cpu: Val, host: Val, who: Val, slot: Val, again: () => void): Val {
  const at = variable(I32, host);
  const flags = load('i32', load('i32', cpu, LAST_MAP), MM_FLAGS);
  unlikely(flags.and(MM_FLAG.encrypted), () => {
    at.set(call(link('ownPage'), cpu, host, who, slot));
    unlikely(at.get().eqz(), again);
  });
  return at.get();
}
/** What a fetch of a table says of itself; all are i32. */
export interface Fetch {
  readonly pas: Val;
  /** Security state of the walk. */
  readonly security: Val;
  readonly selector: Val | null;
  readonly acc: Val;
}

/** i32: where a table's entry lies in memory, or 0: `failWalk` then makes the fault. */
export function walkHost(link: Link, f: TranslationFeatures, cpu: Val, pa: Val, o: Fetch): Val {
  if (!f.has('RME')) return physicalHost(link, cpu, pa, o.pas);
  let who = o.pas.or(o.security.shl(WHO.securityShift));
  if (o.selector) who = who.or(o.selector.shl(WHO.selectorShift));
  const seen = o.acc.and(ACC.observe).shrU(Math.log2(ACC.observe / WHO.observe));
  return call(link('walkTable'), cpu, pa, who.or(seen));
}

const put = (cpu: Val, value: Val, offset: number): void => store('i32', cpu, value, offset);

export function defineOutput(lib: Library, f: TranslationFeatures): void {
  if (!f.has('RME')) {
    lib.define('outputHost', [I32, I64, I32], I32, (link, c) => {
      ret(physicalHost(link, c!, load('i64', c!, TR_PA), load('i32', c!, TR_PAS)));
    });
    lib.define('failWalk', [I32, I64, I32, I32], null, (link, c, va, acc, level) => {
      run(link('fault'), c!, va!, acc!, statusAt(STATUS.walkAbort, level!), i32(0), i32(0));
    });
    lib.define('failWalkS2', [I32, I64, I32, I32, I64], null, (link, c, va, acc, level, ipa) => {
      run(link('faultS2'), c!, va!, acc!, statusAt(STATUS.walkAbort, level!), i32(0), i32(0), ipa!);
    });
    return;
  }
  /** Host address of a granule protection table's entry (Root, unchecked): 0 nothing answers, 1 start again. */
  lib.define('granuleTable', [I32, I64], I32, (link, c, pa) => {
    const cpu = c!;
    const host = physicalHost(link, cpu, pa!, i32(PAS.root));
    unlikely(host.eqz(), () => ret(i32(0)));
    const who = i32(PAS.root | (PAS.root << WHO.securityShift));
    ret(owned(link, cpu, host, who, i32(IN_FLIGHT), () => ret(i32(1))));
  });

  /** (physical address, `WHO`) → host address of a table's entry; 0 with WALK_FAULT. */
  lib.define('walkTable', [I32, I64, I32], I32, (link, c, p, w) => {
    const [cpu, pa, who] = [c!, p!, w!];
    unlikely(checksOn(cpu), () => {
      const asker = who.and(3).or(who.shrU(WHO.securityShift).and(3).shl(ASKER_SHIFT));
      const code = call(link('granuleCheck'), cpu, pa, asker);
      unlikely(code, () => {
        put(cpu, code, WALK_FAULT);
        put(cpu, who.and(3), WALK_PAS);
        store('i64', cpu, pa, WALK_PA);
        ret(i32(0));
      });
    });
    const host = physicalHost(link, cpu, pa, who.and(3));
    unlikely(host.eqz(), () => {
      put(cpu, i32(0), WALK_FAULT);
      ret(i32(0));
    });
    ret(
      owned(link, cpu, host, who, i32(IN_FLIGHT), () => {
        put(cpu, i32(GRANULE.again), WALK_FAULT);
        ret(i32(0));
      }),
    );
  });

  /**
   * Host address of what TR_PA and its neighbours say an access at `va` goes to: (address, access). 0: with FAULT set, a fault;
   * else no memory, but maybe a device.
   */
  lib.define('outputHost', [I32, I64, I32], I32, (link, c, v, i) => {
    const [cpu, va, acc] = [c!, v!, i!];
    const pa = load('i64', cpu, TR_PA);
    const pas = load('i32', cpu, TR_PAS);
    unlikely(checksOn(cpu), () => {
      const code = call(link('granuleCheck'), cpu, pa, pas.or(word(cpu, SECURITY).shl(ASKER_SHIFT)));
      unlikely(code, () => {
        put(cpu, code, WALK_FAULT);
        put(cpu, pas, WALK_PAS);
        store('i64', cpu, pa, WALK_PA);
        run(link('granuleFault'), cpu, va, acc, i32(FSC.gpf), i32(0), i64(0));
        ret(i32(0));
      });
    });
    const host = physicalHost(link, cpu, pa, pas);
    unlikely(host.eqz(), () => ret(i32(0)));
    // Cache maintenance reads nothing: the page stays whose it is.
    const stays = acc.and(ACC.cache).shrU(Math.log2(ACC.cache / WHO.observe));
    const zero = acc.and(ACC.zero).shrU(Math.log2(ACC.zero / WHO.zero));
    const write = acc.and(ACC.write).shl(Math.log2(WHO.write / ACC.write));
    const who = pas
      .or(load('i32', cpu, TR_MEC).shl(WHO.selectorShift))
      .or(zero)
      .or(write)
      .or(stays);
    const slot = va
      .shrU(10)
      .lo32()
      .and(4)
      .add(IN_FLIGHT + 4);
    ret(
      owned(link, cpu, host, who, slot, () => {
        put(cpu, i32(FAULT_KIND.again), FAULT);
        ret(i32(0));
      }),
    );
  });

  /**
   * Makes a fault of WALK_FAULT, a failed check: (address, access, status code, non-zero: of stage 2, its IPA with NS in bit 63).
   * See AArch64.Abort, ReportAsGPCException, AArch64.TakeGPCException.
   */
  lib.define('granuleFault', [I32, I64, I32, I32, I32, I64], null, (link, c, v, a, fsc, stage2, ipa) => {
    const [cpu, va, acc] = [c!, v!, a!];
    const code = word(cpu, WALK_FAULT);
    unlikely(code.and(GRANULE.again), () => {
      put(cpu, i32(FAULT_KIND.again), FAULT);
      ret();
    });
    const gpcsc = code.and(63);
    const pas = word(cpu, WALK_PAS);
    const space = pas.and(1).shl(1).or(pas.shrU(1)).zext64().shl(62);
    store('i64', cpu, load('i64', cpu, WALK_PA).and(0x00fffffffffff000n).or(space), FAULT_PA);
    const mismatch = gpcsc.and(~1).eq(GPCSC.fail);
    const asAbort = mismatch.and(bitOf(cpu, 'SCR_EL3', SCR.GPF).eqz().or(word(cpu, EL).eq(3)));
    iff(asAbort, () => {
      iff(stage2!.eqz(), () => tailCall(link('fault'), cpu, va, acc, fsc!, i32(0), i32(0)));
      tailCall(link('faultS2'), cpu, va, acc, fsc!, i32(0), i32(0), ipa!);
    });
    const flag = (on: Val, bits: number): Val => select(on, i32(bits), i32(0));
    const maintenance = acc.and(ACC.cache | ACC.at);
    // An access that reads and writes would fail as a read.
    const writes = acc.and(ACC.write | ACC.atomic).eq(ACC.write);
    const iss = fsc!
      .or(gpcsc.shl(14))
      .or(flag(stage2!, (1 << 21) | FAULT_HINT.ipaValid))
      .or(flag(stage2!.and(select(acc.and(ACC.walk), i32(-1), i32(0))), ISS.s1ptw))
      .or(flag(acc.and(ACC.exec), 1 << 20))
      .or(flag(maintenance, ISS.cm | ISS.wnr))
      .or(flag(writes, ISS.wnr));
    put(cpu, i32(FAULT_KIND.gpcException), FAULT);
    put(cpu, iss, FAULT_ISS);
    store('i64', cpu, va, FAULT_ADDR);
    store('i64', cpu, ipa!, FAULT_IPA);
  });

  /** i32: status code of a granule protection fault on a walk at a level. */
  const onWalk = (level: Val): Val => select(level.ltS(0), i32(FSC.gpfOnWalk(-1)), level.add(FSC.gpfOnWalk(0)));
  /** A table of stage 1 could not be fetched: (address, access, level). */
  lib.define('failWalk', [I32, I64, I32, I32], null, (link, c, va, acc, level) => {
    const cpu = c!;
    iff(word(cpu, WALK_FAULT).eqz(), () => {
      tailCall(link('fault'), cpu, va!, acc!, statusAt(STATUS.walkAbort, level!), i32(0), i32(0));
    });
    tailCall(link('granuleFault'), cpu, va!, acc!, onWalk(level!), i32(0), i64(0));
  });
  /** One of stage 2: (address, access, level, IPA with NS in bit 63). */
  lib.define('failWalkS2', [I32, I64, I32, I32, I64], null, (link, c, va, acc, level, ipa) => {
    const cpu = c!;
    iff(word(cpu, WALK_FAULT).eqz(), () => {
      tailCall(link('faultS2'), cpu, va!, acc!, statusAt(STATUS.walkAbort, level!), i32(0), i32(0), ipa!);
    });
    tailCall(link('granuleFault'), cpu, va!, acc!, onWalk(level!), i32(1), ipa!);
  });
}
