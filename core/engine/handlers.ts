/** The interpreter's handlers: one for each shape of instruction, generated when such an instruction is first met. */
import type { Decoder } from '../arch/a64/decoder.ts';
import { fieldsOf } from '../arch/a64/pattern.ts';
import { type FnRef, tailCall } from '../wasm/build.ts';
import type { Library } from '../wasm/library.ts';
import { type MemoryType, Module } from '../wasm/module.ts';
import { FIRST_REGION, H_FIRST_FREE, HANDLER, TABLE_SIZE } from './abi.ts';
import { analyse, type Decoded } from './decoded.ts';
import { InterpreterSem } from './interpret.ts';

/** An instruction that needs a handler. `near`: a direct branch inside its page. */
export interface Wanted {
  readonly word: number;
  readonly d: Decoded;
  readonly near: boolean;
}
type Builder = (m: Module) => FnRef;

/** Handlers that were made before, in table entries from H_FIRST_FREE on: the module, and of each its pattern and shape. */
export interface MadeHandlers {
  readonly module: WebAssembly.Module;
  readonly shapes: readonly (readonly [pattern: number, shape: number])[];
}

/** What tells a handler from others of its pattern. */
export const shapeOf = ({ word, d, near }: Wanted): number =>
  ((word & d.pattern.shapeMask) >>> 0) * 32 + d.zr * 2 + (near ? 1 : 0);

/** Adds a handler to a module; `parallel`: cores run in parallel. */
function addHandler(m: Module, library: Library, parallel: boolean, { word, d, near }: Wanted): FnRef {
  const name = `${d.pattern.id}.${(word & d.pattern.shapeMask) >>> 0}.${near ? 1 : 0}.${d.zr}`;
  return m.func(name, HANDLER.params, HANDLER.result, (cpu, rec, n) => {
    const setting = { near, zr: d.zr, parallel };
    new InterpreterSem(d.pattern, setting, library.linker(m), cpu!, rec!, n!).emit(fieldsOf(d.pattern, word));
  });
}

/** The module of `MadeHandlers` for these words: a handler for each that is allocated, for direct branches also that inside a page. */
export function makeHandlers(
  words: readonly number[],
  library: Library,
  memoryType: MemoryType,
  decoder: Decoder,
  parallel: boolean,
): { readonly bytes: Uint8Array; readonly shapes: MadeHandlers['shapes'] } {
  const wanted: Wanted[] = [];
  for (const word of words) {
    const d = analyse(decoder, word);
    if (!d) continue;
    wanted.push({ word, d, near: false });
    if (d.target !== null) wanted.push({ word, d, near: true });
  }
  const m = new Module(memoryType, TABLE_SIZE);
  m.place(
    H_FIRST_FREE,
    wanted.map((w) => addHandler(m, library, parallel, w)),
  );
  return { bytes: m.encode(), shapes: wanted.map((w) => [w.d.pattern.id, shapeOf(w)]) };
}

export class Handlers {
  private readonly library: Library;
  private readonly memoryType: MemoryType;
  private readonly parallel: boolean;
  private readonly instantiate: (m: WebAssembly.Module) => void;
  /** By pattern, then by shape. */
  private readonly slots: Map<number, number>[] = [];
  private undefinedSlot = -1;
  private next = H_FIRST_FREE;
  readonly stats = { handlers: 0, modules: 0 };

  /** `instantiate` makes a module's functions enter the table. */
  constructor(
    library: Library,
    memoryType: MemoryType,
    parallel: boolean,
    instantiate: (m: WebAssembly.Module) => void,
  ) {
    this.library = library;
    this.memoryType = memoryType;
    this.parallel = parallel;
    this.instantiate = instantiate;
  }
  /** Takes over what was made before; first of all. */
  adopt({ module, shapes }: MadeHandlers): void {
    this.instantiate(module);
    for (const [pattern, shape] of shapes) this.enter(pattern, shape, this.next++);
  }

  /** Table entry of the handler, or −1 while there is none. */
  find(w: Wanted): number {
    return this.slots[w.d.pattern.id]?.get(shapeOf(w)) ?? -1;
  }
  private enter(pattern: number, shape: number, slot: number): void {
    this.slots[pattern] ??= new Map();
    this.slots[pattern]!.set(shape, slot);
  }
  /** Makes those of the handlers that are missing, in one module. */
  make(list: Iterable<Wanted>): void {
    const builders: Builder[] = [];
    for (const w of list) {
      if (this.find(w) >= 0) continue;
      this.enter(w.d.pattern.id, shapeOf(w), this.next + builders.length);
      builders.push((m) => addHandler(m, this.library, this.parallel, w));
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
  private generate(builders: readonly Builder[]): void {
    if (this.next + builders.length > FIRST_REGION) throw new Error('handler slots exhausted');
    const m = new Module(this.memoryType, TABLE_SIZE);
    const fns = builders.map((build) => build(m));
    m.place(this.next, fns);
    this.instantiate(new WebAssembly.Module(m.encode()));
    this.next += fns.length;
    this.stats.handlers += fns.length;
    this.stats.modules++;
  }
}
