/** The interpreter's handlers: one for each shape of instruction, generated when such an instruction is first met. */
import { fieldsOf } from '../arch/a64/pattern.ts';
import { type FnRef, tailCall } from '../wasm/build.ts';
import type { Library } from '../wasm/library.ts';
import { type MemoryType, Module } from '../wasm/module.ts';
import { FIRST_REGION, H_FIRST_FREE, HANDLER, TABLE_SIZE } from './abi.ts';
import type { Decoded } from './decoded.ts';
import { InterpreterSem } from './interpret.ts';

/** An instruction that needs a handler. `near`: a direct branch inside its page. */
export interface Wanted {
  readonly word: number;
  readonly d: Decoded;
  readonly near: boolean;
}
type Builder = (m: Module) => FnRef;

export class Handlers {
  private readonly library: Library;
  private readonly memoryType: MemoryType;
  private readonly parallel: boolean;
  private readonly instantiate: (m: Module) => void;
  /** By pattern, then by shape. */
  private readonly slots: Map<number, number>[] = [];
  private undefinedSlot = -1;
  private next = H_FIRST_FREE;
  readonly stats = { handlers: 0, modules: 0 };

  /** `instantiate` makes a module's functions enter the table. */
  constructor(library: Library, memoryType: MemoryType, parallel: boolean, instantiate: (m: Module) => void) {
    this.library = library;
    this.memoryType = memoryType;
    this.parallel = parallel;
    this.instantiate = instantiate;
  }

  private shapeOf({ word, d, near }: Wanted): number {
    return ((word & d.pattern.shapeMask) >>> 0) * 32 + d.zr * 2 + (near ? 1 : 0);
  }
  /** Table entry of the handler, or −1 while there is none. */
  find(w: Wanted): number {
    return this.slots[w.d.pattern.id]?.get(this.shapeOf(w)) ?? -1;
  }
  /** Makes those of the handlers that are missing, in one module. */
  make(list: Iterable<Wanted>): void {
    const builders: Builder[] = [];
    for (const w of list) {
      if (this.find(w) >= 0) continue;
      this.slots[w.d.pattern.id] ??= new Map();
      this.slots[w.d.pattern.id]!.set(this.shapeOf(w), this.next + builders.length);
      builders.push((m) => this.build(m, w));
    }
    this.generate(builders);
  }
  /** Table entry of the handler for unallocated words. */
  undefined(): number {
    if (this.undefinedSlot < 0) {
      this.undefinedSlot = this.next;
      this.generate([
        (m) =>
          m.func('undefined', HANDLER.params, HANDLER.result, (cpu, rec, n) =>
            tailCall(this.library.linker(m)('undefinedInstruction'), cpu!, rec!, n!),
          ),
      ]);
    }
    return this.undefinedSlot;
  }
  private build(m: Module, { word, d, near }: Wanted): FnRef {
    const name = `${d.pattern.id}.${(word & d.pattern.shapeMask) >>> 0}.${near ? 1 : 0}.${d.zr}`;
    return m.func(name, HANDLER.params, HANDLER.result, (cpu, rec, n) => {
      const setting = { near, zr: d.zr, parallel: this.parallel };
      new InterpreterSem(d.pattern, setting, this.library.linker(m), cpu!, rec!, n!).emit(fieldsOf(d.pattern, word));
    });
  }
  private generate(builders: readonly Builder[]): void {
    if (this.next + builders.length > FIRST_REGION) throw new Error('handler slots exhausted');
    const m = new Module(this.memoryType, TABLE_SIZE);
    const fns = builders.map((build) => build(m));
    m.place(this.next, fns);
    this.instantiate(m);
    this.next += fns.length;
    this.stats.handlers += fns.length;
    this.stats.modules++;
  }
}
