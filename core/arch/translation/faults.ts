/** How a translation that fails says so: FAULT, FAULT_ISS, FAULT_ADDR, FAULT_IPA (AArch64.FaultSyndrome). */
import { ret, run, store } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { FAULT_HINT, FAULT_KIND, FSC, ISS } from '../exceptions/fault-kinds.ts';
import { FAULT, FAULT_ADDR, FAULT_IPA, FAULT_ISS } from '../state.ts';
import { ACC, FAULT_ISS2 } from './fields.ts';

/** Kinds of faults with a level: their status code at level 0. */
export const STATUS = {
  addressSize: FSC.addressSize(0),
  translation: FSC.translation(0),
  accessFlag: FSC.accessFlag(0),
  permission: FSC.permission(0),
  walkAbort: FSC.externalAbortOnWalk(0),
} as const;
/** Codes of level −1, which exist for the kinds that name a table. */
const BELOW: Partial<Record<number, number>> = {
  [STATUS.addressSize]: FSC.addressSize(-1),
  [STATUS.translation]: FSC.translation(-1),
  [STATUS.walkAbort]: FSC.externalAbortOnWalk(-1),
};

/** i32: status code of a kind at a level (EncodeLDFSC). */
export function statusAt(kind: number, level: Val | number): Val {
  if (typeof level === 'number') return i32(level < 0 ? BELOW[kind]! : kind + level);
  const plain = level.add(kind);
  const below = BELOW[kind];
  return below === undefined ? plain : select(level.ltS(0), i32(below), plain);
}

export interface FaultDetails {
  /** Permission faults of an access that both reads and writes: 1 when only writing is forbidden. */
  readonly write?: Val;
  /** ISS2 bits. */
  readonly iss2?: number | Val;
}
/** ISS2: the fault is due to the dirty state. */
export const ISS2_DIRTY = 1 << 5;

/** Ends the routine with a fault of stage 1: result 0. */
export function failS1(link: Link, cpu: Val, va: Val, acc: Val, status: Val, o: FaultDetails = {}): void {
  const more = typeof o.iss2 === 'object' ? o.iss2 : i32(o.iss2 ?? 0);
  run(link('fault'), cpu, va, acc, status, o.write ?? i32(0), more);
  ret(i32(0));
}

export function defineFaults(lib: Library): void {
  /** (address, access, status code with hints, WnR whatever the access, ISS2) */
  lib.define('fault', [I32, I64, I32, I32, I32, I32], null, (_link, c, va, a, status, write, iss2) => {
    const [cpu, acc] = [c!, a!];
    const exec = acc.and(ACC.exec);
    // An access that reads and writes counts as a read, unless reading is allowed.
    const pureWrite = acc.and(ACC.write | ACC.atomic).eq(ACC.write);
    const maintenance = acc.and(ACC.cache | ACC.at);
    const wnr = select(pureWrite.or(write!).or(maintenance), i32(ISS.wnr), i32(0));
    const cm = select(maintenance, i32(ISS.cm), i32(0));
    const data = status!.or(wnr).or(cm);
    store('i32', cpu, select(exec, i32(FAULT_KIND.instructionAbort), i32(FAULT_KIND.dataAbort)), FAULT);
    store('i32', cpu, select(exec, status!, data), FAULT_ISS);
    store('i32', cpu, iss2!, FAULT_ISS2);
    store('i64', cpu, va!, FAULT_ADDR);
  });
  /** The same for stage 2: (address, access, status code, write, ISS2, IPA with NS in bit 63). */
  lib.define('faultS2', [I32, I64, I32, I32, I32, I32, I64], null, (link, c, va, acc, status, write, iss2, ipa) => {
    const cpu = c!;
    const walk = select(acc!.and(ACC.walk), i32(ISS.s1ptw), i32(0));
    const hinted = status!.or(walk).or(FAULT_HINT.stage2);
    run(link('fault'), cpu, va!, acc!, hinted, write!, iss2!);
    store('i64', cpu, ipa!, FAULT_IPA);
  });
}
