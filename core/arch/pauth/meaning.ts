/** What the instructions of pointer authentication do, in the vocabulary of instruction meanings. */
import { choose, iff, unlikely, variable } from '../control.ts';
import { regOffset } from '../registers/storage.ts';
import { I64, i32, i64, type Sem, type Val } from '../semantics.ts';
import { MODE_FIELD } from '../state.ts';
import { FAILED, GENERIC_KEY, type PauthKey } from './config.ts';
import { fastPac } from './fast.ts';
import { combined, partsSigned, partsUnsigned, separated } from './fields.ts';
import { AUTH } from './routines.ts';

interface KeyValue {
  readonly low: Val;
  readonly high: Val;
}
const keyOf = (s: Sem, name: string): KeyValue => ({
  low: s.state('i64', regOffset(`${name}Lo_EL1`)),
  high: s.state('i64', regOffset(`${name}Hi_EL1`)),
});
const fieldWords =
  (s: Sem, key: PauthKey) =>
  (offset: number): Val =>
    s.state('i64', key.fields.low + offset);

/**
 * What `use` makes of `pointer`, or the pointer as it is where SCTLR_ELx turns the key off; a trap where its use is trapped.
 * `general`: through a routine; otherwise inline, which is right for the fast algorithm with FEAT_FPACCOMBINE.
 */
function withKey(s: Sem, key: PauthKey, pointer: Val, use: (general: boolean) => Val): Val {
  const result = variable(I64, pointer);
  iff(s.mode(key.off).eqz(), () => {
    unlikely(s.mode(MODE_FIELD.pauthTrapped), () => s.leaveTo('pauthTrap'));
    iff(
      s.mode(MODE_FIELD.pauthGeneral),
      () => result.set(use(true)),
      () => result.set(use(false)),
    );
  });
  return result.get();
}

/** PACIA and the like. */
export function sign(s: Sem, key: PauthKey, pointer: Val, modifier: Val): Val {
  return withKey(s, key, pointer, (general) => {
    const { low, high } = keyOf(s, key.name);
    if (general) return s.helper('pauthSign', s.cpu, pointer, modifier, low, high, i32(key.fields.low));
    const parts = partsUnsigned(fieldWords(s, key), pointer);
    return combined(pointer, parts, fastPac(parts.canonical, modifier, low, high));
  });
}

/** AUTIA and the like; `branchOrLoad`: as part of another instruction. */
export function authenticate(s: Sem, key: PauthKey, pointer: Val, modifier: Val, branchOrLoad = false): Val {
  const fail = (): void => s.leaveTo('pacFail', i32((key.data ? 2 : 0) | (key.b ? 1 : 0)));
  return withKey(s, key, pointer, (general) => {
    const { low, high } = keyOf(s, key.name);
    if (general) {
      const how = (key.b ? AUTH.keyB : 0) | (branchOrLoad ? AUTH.combined : 0);
      const found = s.helper('pauthAuth', s.cpu, pointer, modifier, low, high, i32(key.fields.low), i32(how));
      unlikely(s.state('i32', FAILED), fail);
      return found;
    }
    const parts = partsSigned(fieldWords(s, key), pointer);
    const found = separated(pointer, parts, fastPac(parts.canonical, modifier, low, high));
    unlikely(found.ne(parts.canonical), fail);
    return parts.canonical;
  });
}

/** XPACI, XPACD: no key, and never trapped. */
export function strip(s: Sem, key: PauthKey, pointer: Val): Val {
  return partsSigned(fieldWords(s, key), pointer).canonical;
}

/** PACGA: never turned off. */
export function generic(s: Sem, data: Val, modifier: Val): Val {
  unlikely(s.mode(MODE_FIELD.pauthTrapped), () => s.leaveTo('pauthTrap'));
  const { low, high } = keyOf(s, GENERIC_KEY);
  const code = choose(
    s.mode(MODE_FIELD.pauthGeneral),
    I64,
    () => s.helper('pauthCode', s.cpu, data, modifier, low, high),
    // The fast algorithm lets the top bits of a pointer, which all are the same, have no effect on lower ones: folded in here.
    () => fastPac(data.xor(data.shrU(32)), modifier, low, high),
  );
  return code.and(i64(0xffffffff00000000n));
}
