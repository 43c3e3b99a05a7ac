/** What atomics and exclusives do at a host address: misaligned ones too, which only the interpreter meets. */
import { atomicLoad, brIf, iff, loop, rmw, variable } from '../../wasm/build.ts';
import { select } from '../control.ts';
import { I32, I64, i32, type Sem, type Val } from '../semantics.ts';

/** An access by its size. Values are of the register's width, zero-extended. */
export interface Width {
  readonly bytes: 1 | 2 | 4 | 8;
  /** Bits [31:30] of the instruction. */
  readonly size: string;
  readonly sf: 0 | 1;
  /** Suffix of the mnemonic, and letter of the register. */
  readonly suffix: string;
  readonly reg: 'W' | 'X';
  readonly read: string;
  readonly write: string;
}
export const WIDTHS: readonly Width[] = [
  { bytes: 1, size: '00', sf: 0, suffix: 'B', reg: 'W', read: 'i32_8u', write: 'i32_8' },
  { bytes: 2, size: '01', sf: 0, suffix: 'H', reg: 'W', read: 'i32_16u', write: 'i32_16' },
  { bytes: 4, size: '10', sf: 0, suffix: '', reg: 'W', read: 'i32', write: 'i32' },
  { bytes: 8, size: '11', sf: 1, suffix: '', reg: 'X', read: 'i64', write: 'i64' },
];
const ty = (w: Width): typeof I32 | typeof I64 => (w.sf ? I64 : I32);

/** The value of a register as the access sees it. */
export function narrowed(w: Width, v: Val): Val {
  return w.bytes === 1 ? v.and(0xff) : w.bytes === 2 ? v.and(0xffff) : v;
}
const toWidth = (w: Width, v: Val): Val => (w.sf ? v : v.lo32());

/** `aligned()`, or `otherwise()` where the address may be and is misaligned. */
function byAlignment(s: Sem, w: Width, host: Val, aligned: () => Val, otherwise: () => Val): Val {
  if (w.bytes === 1 || !s.interpreting) return aligned();
  const v = variable(ty(w));
  iff(
    host.and(w.bytes - 1),
    () => v.set(otherwise()),
    () => v.set(aligned()),
    true,
  );
  return v.get();
}

/** A load that is single-copy atomic. */
export function loadAt(s: Sem, w: Width, host: Val): Val {
  return byAlignment(
    s,
    w,
    host,
    () => atomicLoad(w.read, host),
    () => toWidth(w, s.helper('loadWithin16', s.cpu, host, i32(w.bytes))),
  );
}

function casMisaligned(s: Sem, w: Width, host: Val, expected: Val, desired: Val): Val {
  return toWidth(w, s.helper('casWithin16', s.cpu, host, i32(w.bytes), expected.zext64(), desired.zext64()));
}
/** Compare-and-swap of `narrowed` values; yields the old one. */
export function casAt(s: Sem, w: Width, host: Val, expected: Val, desired: Val): Val {
  return byAlignment(
    s,
    w,
    host,
    () => rmw('cmpxchg', w.write, host, expected, desired),
    () => casMisaligned(s, w, host, expected, desired),
  );
}

/** Replaces the value by `next` of it; yields the old one. */
function update(w: Width, first: Val, cas: (seen: Val, want: Val) => Val, next: (old: Val) => Val): Val {
  const old = variable(ty(w), first);
  loop((again) => {
    const seen = old.get();
    const got = cas(seen, narrowed(w, next(seen)));
    old.set(got);
    brIf(got.ne(seen), again);
  });
  return old.get();
}

/** What LD<op> and SWP make of memory: the function, and the host's instruction where it has one. */
export interface Operation {
  readonly name: string;
  readonly native: 'add' | 'and' | 'or' | 'xor' | 'xchg' | null;
  /** Operand of the native instruction. */
  readonly operand?: (v: Val) => Val;
  readonly next: (w: Width, old: Val, operand: Val) => Val;
}
const signedOf = (w: Width, v: Val): Val => (w.bytes === 1 ? v.sext(8) : w.bytes === 2 ? v.sext(16) : v);

export const OPERATIONS: readonly (readonly [string, Operation])[] = [
  ['000', { name: 'LDADD', native: 'add', next: (_w, a, b) => a.add(b) }],
  ['001', { name: 'LDCLR', native: 'and', operand: (v) => v.not(), next: (_w, a, b) => a.and(b.not()) }],
  ['010', { name: 'LDEOR', native: 'xor', next: (_w, a, b) => a.xor(b) }],
  ['011', { name: 'LDSET', native: 'or', next: (_w, a, b) => a.or(b) }],
  ['100', { name: 'LDSMAX', native: null, next: (w, a, b) => select(signedOf(w, a).gtS(signedOf(w, b)), a, b) }],
  ['101', { name: 'LDSMIN', native: null, next: (w, a, b) => select(signedOf(w, a).ltS(signedOf(w, b)), a, b) }],
  ['110', { name: 'LDUMAX', native: null, next: (w, a, b) => select(a.gtU(narrowed(w, b)), a, b) }],
  ['111', { name: 'LDUMIN', native: null, next: (w, a, b) => select(a.ltU(narrowed(w, b)), a, b) }],
];
export const SWAP: Operation = { name: 'SWP', native: 'xchg', next: (_w, _a, b) => b };

/** Atomic read-modify-write; yields the old value. */
export function updateAt(s: Sem, w: Width, o: Operation, host: Val, operand: Val): Val {
  const next = (old: Val): Val => o.next(w, old, operand);
  return byAlignment(
    s,
    w,
    host,
    () => {
      if (o.native) return rmw(o.native, w.write, host, o.operand ? o.operand(operand) : operand);
      return update(w, atomicLoad(w.read, host), (seen, want) => rmw('cmpxchg', w.write, host, seen, want), next);
    },
    () => {
      const first = toWidth(w, s.helper('loadWithin16', s.cpu, host, i32(w.bytes)));
      return update(w, first, (seen, want) => casMisaligned(s, w, host, seen, want), next);
    },
  );
}
