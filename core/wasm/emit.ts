/** Turns a built function into the bytes of its body. */
import type { Effect, FnRef, Sig } from './build.ts';
import { Bytes } from './bytes.ts';
import { ATOMIC_FENCE, F32, F64, I32, I64, SELECT, SHUFFLE, type Ty, V128 } from './opcodes.ts';
import type { Block, FnState, Item, Label, Stmt } from './scope.ts';
import { CONST, EFFECT, LOCAL, OP, SELECT_OP, SHUFFLE_OP, Val } from './value.ts';

/** Where functions and types get their numbers. */
export interface Resolver {
  funcIndex(fn: FnRef): number;
  typeIndex(sig: Sig): number;
}

/** A pure value used this often in cold code only is computed once, in hot code, rather than copied to each use. */
const COLD_COPIES = 12;

class Emitter {
  readonly out = new Bytes(512);
  private readonly labels: (Label | null)[] = [];
  private readonly free = new Map<Ty, number[]>();
  private readonly fn: FnState;
  private readonly resolve: Resolver;
  private scope: [Ty, number][] = [];
  /** Where the `if`s stand that hardly ever are taken. */
  readonly unlikelyAt: number[] = [];

  constructor(fn: FnState, resolve: Resolver) {
    this.fn = fn;
    this.resolve = resolve;
  }

  // First pass: how often is each value used, in hot and in cold code?
  private use(v: Val, cold: boolean, depth: number): void {
    if (v.kind === CONST || v.kind === LOCAL) return;
    let first: boolean;
    if (cold) {
      first = v.cold++ === 0;
      if (v.cold === COLD_COPIES && v.hot < 2 && v.kind !== EFFECT) {
        if (v.hot === 0) this.useArgs(v, false);
        v.hot = 2;
      }
    } else {
      first = v.hot === 0;
      v.hot += v.depth < depth ? 2 : 1;
    }
    if (first && v.kind !== EFFECT) this.useArgs(v, cold);
  }
  private useArgs(v: Val, cold: boolean): void {
    if (v.a) this.use(v.a, cold, v.depth);
    if (v.b) this.use(v.b, cold, v.depth);
    if (v.c) this.use(v.c, cold, v.depth);
  }
  mark(block: Block): void {
    for (const item of block.items) {
      if (item instanceof Val) {
        if (item.kind === EFFECT) for (const a of (item.k as Effect).args) this.use(a, block.cold, block.depth);
        continue;
      }
      for (const a of item.args) this.use(a, block.cold, block.depth);
      if (item.blocks) for (const b of item.blocks) this.mark(b);
    }
  }

  // Second pass: code.
  private alloc(ty: Ty): number {
    const list = this.free.get(ty);
    const n = list?.length ? list.pop()! : this.fn.locals.push(ty) - 1;
    this.scope.push([ty, n]);
    return n;
  }
  block(block: Block): void {
    const outer = this.scope;
    this.scope = [];
    for (const item of block.items) this.item(item);
    for (const [ty, n] of this.scope) {
      const list = this.free.get(ty);
      if (list) list.push(n);
      else this.free.set(ty, [n]);
    }
    this.scope = outer;
  }
  private keep(v: Val): void {
    v.local = this.alloc(v.ty);
    this.out.u8(0x21);
    this.out.leb(v.local);
  }
  private item(item: Item): void {
    if (!(item instanceof Val)) {
      this.stmt(item);
      return;
    }
    if (item.kind === EFFECT) {
      const used = item.hot + item.cold > 0;
      const e = item.k as Effect;
      if (e.e === 'get' && !used) return;
      for (const a of e.args) this.val(a);
      this.effect(e);
      if (used) this.keep(item);
      else this.out.u8(0x1a);
    } else if (item.hot >= 2) {
      this.tree(item);
      this.keep(item);
    }
  }
  private effect(e: Effect): void {
    const o = this.out;
    switch (e.e) {
      case 'mem':
        o.opcode(e.code!);
        o.leb(e.align!);
        o.leb(e.offset!);
        break;
      case 'call':
        o.u8(0x10);
        o.leb(this.resolve.funcIndex(e.fn!));
        break;
      case 'callIndirect':
        o.u8(0x11);
        o.leb(this.resolve.typeIndex(e.sig!));
        o.leb(0);
        break;
      case 'get':
        o.u8(0x20);
        o.leb(e.local!);
        break;
      case 'memorySize':
        o.u8(0x3f);
        o.u8(0);
        break;
    }
  }
  private val(v: Val): void {
    if (v.local >= 0) {
      this.out.u8(0x20);
      this.out.leb(v.local);
    } else this.tree(v);
  }
  private tree(v: Val): void {
    const o = this.out;
    switch (v.kind) {
      case CONST:
        this.constant(v);
        return;
      case LOCAL:
        o.u8(0x20);
        o.leb(v.k as number);
        return;
      case OP:
        this.val(v.a!);
        if (v.b) this.val(v.b);
        if (v.c) this.val(v.c);
        o.opcode(v.op!.code);
        if (v.op!.lane) o.u8(v.k as number);
        return;
      case SELECT_OP:
        this.val(v.a!);
        this.val(v.b!);
        this.val(v.c!);
        if (v.ty === V128) {
          o.u8(0x1c);
          o.leb(1);
          o.u8(V128);
        } else o.u8(SELECT);
        return;
      case SHUFFLE_OP:
        this.val(v.a!);
        this.val(v.b!);
        o.opcode(SHUFFLE);
        for (const l of v.k as readonly number[]) o.u8(l);
        return;
      default:
        throw new Error('a value is used before the place where it was built');
    }
  }
  private constant(v: Val): void {
    const o = this.out;
    switch (v.ty) {
      case I32:
        o.u8(0x41);
        o.sleb32(v.k as number);
        return;
      case I64:
        o.u8(0x42);
        if (typeof v.k === 'number' && (v.k | 0) === v.k) o.sleb32(v.k);
        else o.sleb64(BigInt(v.k as number | bigint));
        return;
      case F32: {
        o.u8(0x43);
        o.bytes(new Uint8Array(new Float32Array([v.k as number]).buffer));
        return;
      }
      case F64: {
        o.u8(0x44);
        o.bytes(new Uint8Array(new Float64Array([v.k as number]).buffer));
        return;
      }
      default:
        o.opcode((0xfd << 16) | 12);
        o.bytes(v.k as Uint8Array);
    }
  }
  private depthOf(label: Label): number {
    const at = this.labels.lastIndexOf(label);
    if (at < 0) throw new Error('branch out of scope');
    return this.labels.length - 1 - at;
  }
  private nest(op: number, label: Label | null, body: Block): void {
    this.out.u8(op);
    this.out.u8(0x40);
    this.labels.push(label);
    this.block(body);
  }
  private end(): void {
    this.labels.pop();
    this.out.u8(0x0b);
  }
  private stmt(s: Stmt): void {
    const o = this.out;
    for (const a of s.args) this.val(a);
    switch (s.s) {
      case 'store': {
        const k = s.k as { code: number; offset: number; align: number };
        o.opcode(k.code);
        o.leb(k.align);
        o.leb(k.offset);
        return;
      }
      case 'set': {
        const locals = s.k as readonly number[];
        for (let i = locals.length - 1; i >= 0; i--) {
          o.u8(0x21);
          o.leb(locals[i]!);
        }
        return;
      }
      case 'if':
        if (s.blocks![0]!.cold) this.unlikelyAt.push(o.len);
        this.nest(0x04, null, s.blocks![0]!);
        if (s.blocks!.length > 1) {
          o.u8(0x05);
          this.block(s.blocks![1]!);
        }
        this.end();
        return;
      case 'block':
        this.nest(0x02, s.label!, s.blocks![0]!);
        this.end();
        return;
      case 'loop':
        this.nest(0x03, s.label!, s.blocks![0]!);
        this.end();
        return;
      case 'br':
        o.u8(0x0c);
        o.leb(this.depthOf(s.label!));
        return;
      case 'brIf':
        o.u8(0x0d);
        o.leb(this.depthOf(s.label!));
        return;
      case 'brTable':
        o.u8(0x0e);
        o.leb(s.labels!.length - 1);
        for (const l of s.labels!) o.leb(this.depthOf(l));
        return;
      case 'return':
        o.u8(0x0f);
        return;
      case 'unreachable':
        o.u8(0x00);
        return;
      case 'call':
        o.u8(0x10);
        o.leb(this.resolve.funcIndex(s.k as FnRef));
        return;
      case 'tailCall':
        o.u8(0x12);
        o.leb(this.resolve.funcIndex(s.k as FnRef));
        return;
      case 'tailCallIndirect':
        o.u8(0x13);
        o.leb(this.resolve.typeIndex(s.k as Sig));
        o.leb(0);
        return;
      case 'fence':
        o.opcode(ATOMIC_FENCE);
        o.u8(0);
        return;
      case 'fill':
        o.opcode((0xfc << 16) | 11);
        o.u8(0);
        return;
      case 'copy':
        o.opcode((0xfc << 16) | 10);
        o.u8(0);
        o.u8(0);
        return;
      default:
        throw new Error(`no statement ${s.s}`);
    }
  }
}

/**
 * The code entry of one function: local declarations and instructions, without the leading size; and the offsets in it of
 * branches that are unlikely (for the branch hint section, which keeps V8 from spilling registers for the sake of cold calls).
 */
export function emitFunction(
  fn: FnState,
  body: Block,
  resolve: Resolver,
  endsOpen: boolean,
): { readonly entry: Bytes; readonly unlikelyAt: readonly number[] } {
  const e = new Emitter(fn, resolve);
  e.mark(body);
  e.block(body);
  const entry = new Bytes(e.out.len + 64);
  const runs: [number, Ty][] = [];
  for (const ty of fn.locals.slice(fn.params.length)) {
    const last = runs[runs.length - 1];
    if (last && last[1] === ty) last[0]++;
    else runs.push([1, ty]);
  }
  entry.leb(runs.length);
  for (const [n, ty] of runs) {
    entry.leb(n);
    entry.u8(ty);
  }
  const start = entry.len;
  entry.bytes(e.out.view());
  // Functions end by return or tail call; the validator wants to see that their end is not reached.
  if (endsOpen) entry.u8(0x00);
  entry.u8(0x0b);
  return { entry, unlikelyAt: e.unlikelyAt.map((at) => at + start) };
}
