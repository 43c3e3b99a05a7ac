/**
 * Statements and effects of the function builder: memory, locals, control flow, calls.
 * Everything acts on the function under construction (`scope.ts`).
 */
import {
  ATOMIC_LOADS,
  ATOMIC_STORES,
  ATOMIC_WAIT32,
  atomicRmw,
  I32,
  I64,
  LOADS,
  STORES,
  type Ty,
  V128,
} from './opcodes.ts';
import { append, type Block, fnState, type Label, nested, statement } from './scope.ts';
import { EFFECT, i64, konst, LOCAL, Val } from './value.ts';

/** Record of an effect that yields a value. */
export interface Effect {
  readonly e: 'mem' | 'call' | 'callIndirect' | 'get' | 'memorySize';
  readonly args: readonly Val[];
  readonly code?: number;
  readonly offset?: number;
  readonly align?: number;
  readonly fn?: FnRef;
  readonly sig?: Sig;
  readonly local?: number;
}

/** A function type. */
export interface Sig {
  readonly params: readonly Ty[];
  readonly result: Ty | null;
}
/** A function that can be called: one of the module's own, or an import; resolved to an index when the module is encoded. */
export interface FnRef {
  readonly name: string;
  readonly sig: Sig;
}

function effect(ty: Ty, k: Effect): Val {
  return append(new Val(EFFECT, ty, null, null, null, null, k));
}

/** Kind of access: a type, or a type with a narrower width, e.g. `i64_8u` for loads and `i64_8` for stores. */
function tyOf(access: string): Ty {
  if (access.startsWith('i32')) return I32;
  if (access.startsWith('i64')) return I64;
  if (access.startsWith('f32')) return 0x7d;
  if (access.startsWith('f64')) return 0x7c;
  return V128;
}
function alignOf(access: string): number {
  const narrow = /_(8|16|32|64)/.exec(access);
  const bits = narrow ? Number(narrow[1]) : access === 'v128' ? 128 : Number(access.slice(1));
  return Math.log2(bits / 8);
}

/** A plain load at `addr + offset` (little-endian, no alignment needed). */
export function load(access: string, addr: Val, offset = 0): Val {
  const code = LOADS[access];
  if (code === undefined) throw new Error(`no load ${access}`);
  return effect(tyOf(access), { e: 'mem', args: [addr], code, offset, align: 0 });
}
export function store(access: string, addr: Val, value: Val, offset = 0): void {
  const code = STORES[access];
  if (code === undefined) throw new Error(`no store ${access}`);
  if (value.ty !== tyOf(access)) throw new Error(`store ${access} of another type`);
  statement({ s: 'store', args: [addr, value], k: { code, offset, align: 0 } });
}
/** Sequentially consistent load; traps when misaligned. */
export function atomicLoad(access: string, addr: Val, offset = 0): Val {
  return effect(tyOf(access), { e: 'mem', args: [addr], code: ATOMIC_LOADS[access]!, offset, align: alignOf(access) });
}
export function atomicStore(access: string, addr: Val, value: Val, offset = 0): void {
  statement({ s: 'store', args: [addr, value], k: { code: ATOMIC_STORES[access]!, offset, align: alignOf(access) } });
}
/** Atomic read-modify-write (`add sub and or xor xchg cmpxchg`); yields the old value. For cmpxchg: expected, then new. */
export function rmw(o: string, access: string, addr: Val, value: Val, replacement?: Val, offset = 0): Val {
  const args = replacement ? [addr, value, replacement] : [addr, value];
  return effect(tyOf(access), { e: 'mem', args, code: atomicRmw(o, access), offset, align: alignOf(access) });
}
/** The thread sleeps while the word at `addr` is `expected`, until it is notified or `ns` nanoseconds have passed. */
export function wait32(addr: Val, expected: Val, ns: bigint): Val {
  return effect(I32, { e: 'mem', args: [addr, expected, i64(ns)], code: ATOMIC_WAIT32, offset: 0, align: 2 });
}
export function fence(): void {
  statement({ s: 'fence', args: [] });
}
export function memoryFill(addr: Val, byte: Val, len: Val): void {
  statement({ s: 'fill', args: [addr, byte, len] });
}
export function memoryCopy(dst: Val, src: Val, len: Val): void {
  statement({ s: 'copy', args: [dst, src, len] });
}

/** A mutable local. */
export class Var {
  readonly index: number;
  readonly ty: Ty;
  constructor(ty: Ty, index: number) {
    this.ty = ty;
    this.index = index;
  }
  get(): Val {
    return effect(this.ty, { e: 'get', args: [], local: this.index });
  }
  set(v: Val | number | bigint): void {
    const x = typeof v === 'object' ? v : konst(this.ty, v);
    if (x.ty !== this.ty) throw new Error('variable of another type');
    statement({ s: 'set', args: [x], k: [this.index] });
  }
}
export function newLocal(ty: Ty): number {
  const f = fnState();
  f.locals.push(ty);
  return f.locals.length - 1;
}
export function variable(ty: Ty, init?: Val | number | bigint): Var {
  const v = new Var(ty, newLocal(ty));
  if (init !== undefined) v.set(init);
  return v;
}
/** A local that nothing writes while the returned value is in use (parameters, and guest registers within a block). */
export function stableLocal(ty: Ty, index: number): Val {
  return append(new Val(LOCAL, ty, null, null, null, null, index));
}
/** Assigns several locals at once: all values are computed before the first local changes. */
export function setLocals(indices: readonly number[], values: readonly Val[]): void {
  if (indices.length) statement({ s: 'set', args: values, k: indices });
}

export function iff(cond: Val, then: () => void, otherwise?: () => void, cold = false): void {
  if (cond.kind === 0) {
    if (Number(cond.k) !== 0) then();
    else otherwise?.();
    return;
  }
  const blocks: Block[] = [nested(then, cold, false)];
  if (otherwise) blocks.push(nested(otherwise, false, false));
  statement({ s: 'if', args: [cond], blocks });
}
/** An `if` that hardly ever is taken. */
export function unlikely(cond: Val, then: () => void): void {
  iff(cond, then, undefined, true);
}
/** A value chosen by a branch: only the chosen side is evaluated. */
export function choose(cond: Val, ty: Ty, then: () => Val, otherwise: () => Val): Val {
  const v = variable(ty);
  iff(
    cond,
    () => v.set(then()),
    () => v.set(otherwise()),
  );
  return v.get();
}
/** A block; branching to its label leaves it. */
export function block(build: (label: Label) => void): void {
  const label: Label = { loop: false, used: false };
  statement({ s: 'block', args: [], blocks: [nested(() => build(label), false, false)], label });
}
/** A loop; branching to its label starts it again, falling out at the end leaves it. */
export function loop(build: (label: Label) => void): void {
  const label: Label = { loop: true, used: false };
  statement({ s: 'loop', args: [], blocks: [nested(() => build(label), false, true)], label });
}
export function br(label: Label): void {
  statement({ s: 'br', args: [], label });
}
export function brIf(cond: Val, label: Label): void {
  if (cond.kind === 0) {
    if (Number(cond.k) !== 0) br(label);
    return;
  }
  statement({ s: 'brIf', args: [cond], label });
}
/** Branches to `labels[index]`, to `otherwise` beyond the last. */
export function brTable(index: Val, labels: readonly Label[], otherwise: Label): void {
  statement({ s: 'brTable', args: [index], labels: [...labels, otherwise] });
}
/** Runs one of `cases` by `index` (0…), or `otherwise`. */
export function switchOn(index: Val, cases: readonly (() => void)[], otherwise: () => void): void {
  block((end) => {
    const build = (n: number, labels: Label[]): void => {
      if (n < 0) {
        block((dflt) => brTable(index, labels.slice().reverse(), dflt));
        otherwise();
        br(end);
        return;
      }
      block((label) => build(n - 1, [...labels, label]));
      cases[n]!();
      br(end);
    };
    build(cases.length - 1, []);
  });
}
export function unreachable(): void {
  statement({ s: 'unreachable', args: [] });
}
export function ret(v?: Val): void {
  statement({ s: 'return', args: v ? [v] : [] });
}
function checkArgs(sig: Sig, args: readonly Val[], name: string): void {
  if (sig.params.length !== args.length || args.some((a, i) => a.ty !== sig.params[i])) {
    throw new Error(`call of ${name} with wrong arguments`);
  }
}
/** Calls for the value. */
export function call(fn: FnRef, ...args: Val[]): Val {
  checkArgs(fn.sig, args, fn.name);
  if (fn.sig.result === null) throw new Error(`${fn.name} yields nothing`);
  return effect(fn.sig.result, { e: 'call', args, fn });
}
/** Calls for the effect; a result is dropped. */
export function run(fn: FnRef, ...args: Val[]): void {
  checkArgs(fn.sig, args, fn.name);
  if (fn.sig.result !== null) effect(fn.sig.result, { e: 'call', args, fn });
  else statement({ s: 'call', args, k: fn });
}
export function tailCall(fn: FnRef, ...args: Val[]): void {
  checkArgs(fn.sig, args, fn.name);
  statement({ s: 'tailCall', args, k: fn });
}
/** Calls through table 0. */
export function callIndirect(sig: Sig, index: Val, ...args: Val[]): Val {
  checkArgs(sig, args, 'a table entry');
  return effect(sig.result!, { e: 'callIndirect', args: [...args, index], sig });
}
export function tailCallIndirect(sig: Sig, index: Val, ...args: Val[]): void {
  checkArgs(sig, args, 'a table entry');
  statement({ s: 'tailCallIndirect', args: [...args, index], k: sig });
}
