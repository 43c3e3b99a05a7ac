/** A WebAssembly module under construction, and its binary encoding. */
import type { FnRef, Sig } from './build.ts';
import { Bytes } from './bytes.ts';
import { emitFunction, type Resolver } from './emit.ts';
import type { Ty } from './opcodes.ts';
import { type Block, type FnState, within } from './scope.ts';
import { LOCAL, Val } from './value.ts';

/** The memory that every module of a system imports. Sizes in 64 KiB pages. */
export interface MemoryType {
  readonly min: number;
  readonly max: number;
  readonly shared: boolean;
}

class OwnFn implements FnRef {
  body: Block | null = null;
  readonly name: string;
  readonly sig: Sig;
  readonly state: FnState;
  constructor(name: string, sig: Sig) {
    this.name = name;
    this.sig = sig;
    this.state = { params: sig.params, locals: [...sig.params], block: { items: [], cold: false, depth: 0 } };
  }
}

export class Module implements Resolver {
  private readonly types: string[] = [];
  private readonly typeBytes: Sig[] = [];
  private readonly imports: FnRef[] = [];
  private readonly importIndex = new Map<string, number>();
  private readonly own: OwnFn[] = [];
  private readonly ownIndex = new Map<FnRef, number>();
  private readonly exports: FnRef[] = [];
  private readonly elements: { at: number; fns: FnRef[] }[] = [];
  private readonly memory: MemoryType;
  private readonly tableMin: number;

  /** `tableMin`: least size of the imported function table, 0 when the module imports none. */
  constructor(memory: MemoryType, tableMin = 0) {
    this.memory = memory;
    this.tableMin = tableMin;
  }

  /** A function imported as `env.<name>`; asked for twice it is imported once. */
  importFn(name: string, sig: Sig): FnRef {
    const known = this.importIndex.get(name);
    if (known !== undefined) return this.imports[known]!;
    const fn: FnRef = { name, sig };
    this.importIndex.set(name, this.imports.length);
    this.imports.push(fn);
    return fn;
  }
  /** Announces a function whose body comes later (recursion, mutual calls). */
  declare(name: string, sig: Sig): FnRef {
    const fn = new OwnFn(name, sig);
    this.ownIndex.set(fn, this.own.length);
    this.own.push(fn);
    return fn;
  }
  define(fn: FnRef, build: (...params: Val[]) => void): void {
    const own = fn as OwnFn;
    if (own.body) throw new Error(`${fn.name} has a body already`);
    within(own.state, () => build(...own.state.params.map((ty, i) => new Val(LOCAL, ty, null, null, null, null, i))));
    own.body = own.state.block;
  }
  func(name: string, params: readonly Ty[], result: Ty | null, build: (...params: Val[]) => void): FnRef {
    const fn = this.declare(name, { params, result });
    this.define(fn, build);
    return fn;
  }
  export(fn: FnRef): void {
    this.exports.push(fn);
  }
  /** Places functions into table 0 from slot `at` on when the module is instantiated. */
  place(at: number, fns: FnRef[]): void {
    if (fns.length) this.elements.push({ at, fns });
  }
  get functionCount(): number {
    return this.own.length;
  }

  funcIndex(fn: FnRef): number {
    const own = this.ownIndex.get(fn);
    if (own !== undefined) return this.imports.length + own;
    const known = this.importIndex.get(fn.name);
    if (known === undefined || this.imports[known] !== fn) throw new Error(`${fn.name} is not of this module`);
    return known;
  }
  typeIndex(sig: Sig): number {
    const key = `${sig.params.join(',')}>${sig.result}`;
    const at = this.types.indexOf(key);
    if (at >= 0) return at;
    this.typeBytes.push(sig);
    return this.types.push(key) - 1;
  }

  encode(): Uint8Array {
    const bodies = this.own.map((fn) => {
      if (!fn.body) throw new Error(`${fn.name} has no body`);
      return emitFunction(fn.state, fn.body, this, fn.sig.result !== null);
    });
    const out = new Bytes(4096);
    out.bytes(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    const importTypes = this.imports.map((fn) => this.typeIndex(fn.sig));
    const ownTypes = this.own.map((fn) => this.typeIndex(fn.sig));
    const section = (id: number, build: (s: Bytes) => void): void => {
      const s = new Bytes();
      build(s);
      out.u8(id);
      out.sized(s);
    };
    section(1, (s) => {
      s.leb(this.typeBytes.length);
      for (const sig of this.typeBytes) {
        s.u8(0x60);
        s.leb(sig.params.length);
        for (const p of sig.params) s.u8(p);
        s.leb(sig.result === null ? 0 : 1);
        if (sig.result !== null) s.u8(sig.result);
      }
    });
    section(2, (s) => {
      s.leb(this.imports.length + 1 + (this.tableMin ? 1 : 0));
      this.imports.forEach((fn, i) => {
        s.str('env');
        s.str(fn.name);
        s.u8(0);
        s.leb(importTypes[i]!);
      });
      s.str('env');
      s.str('memory');
      s.u8(2);
      s.u8(this.memory.shared ? 3 : 1);
      s.leb(this.memory.min);
      s.leb(this.memory.max);
      if (this.tableMin) {
        s.str('env');
        s.str('table');
        s.u8(1);
        s.u8(0x70);
        s.u8(0);
        s.leb(this.tableMin);
      }
    });
    section(3, (s) => {
      s.leb(ownTypes.length);
      for (const t of ownTypes) s.leb(t);
    });
    if (this.exports.length) {
      section(7, (s) => {
        s.leb(this.exports.length);
        for (const fn of this.exports) {
          s.str(fn.name);
          s.u8(0);
          s.leb(this.funcIndex(fn));
        }
      });
    }
    if (this.elements.length) {
      section(9, (s) => {
        s.leb(this.elements.length);
        for (const e of this.elements) {
          s.leb(0);
          s.u8(0x41);
          s.sleb32(e.at);
          s.u8(0x0b);
          s.leb(e.fns.length);
          for (const fn of e.fns) s.leb(this.funcIndex(fn));
        }
      });
    }
    const hinted = bodies.flatMap((b, i) => (b.unlikelyAt.length ? [{ index: i + this.imports.length, ...b }] : []));
    // WebAssembly "Branch Hinting": a custom section before the code.
    section(0, (s) => {
      s.str('metadata.code.branch_hint');
      s.leb(hinted.length);
      for (const { index, unlikelyAt } of hinted) {
        s.leb(index);
        s.leb(unlikelyAt.length);
        for (const at of unlikelyAt) {
          s.leb(at);
          s.leb(1);
          s.u8(0);
        }
      }
    });
    section(10, (s) => {
      s.leb(bodies.length);
      for (const b of bodies) s.sized(b.entry);
    });
    return out.view().slice();
  }
}
