/**
 * The WebAssembly JavaScript interface, as far as Trireme uses it.
 *
 * TypeScript keeps these types in its DOM library, which `core/` must not see, and the Node types leave them out.
 * Source: W3C "WebAssembly JavaScript Interface" 2.0, and the threads proposal for `shared`.
 */
declare namespace WebAssembly {
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref' | 'anyfunc';
  type TableKind = 'anyfunc' | 'funcref' | 'externref';
  type ExternKind = 'function' | 'table' | 'memory' | 'global' | 'tag';

  /** What crosses the boundary: i64 as bigint, every other number type as number. */
  // biome-ignore lint/suspicious/noExplicitAny: an export may be any function, and its caller knows which
  type ExportValue = any;
  type Exports = Record<string, ExportValue>;
  type ImportValue = ((...operands: never[]) => unknown) | Global | Memory | Table | Tag | number | bigint;
  type Imports = Record<string, Record<string, ImportValue>>;

  interface ExportDescriptor {
    name: string;
    kind: ExternKind;
  }

  interface ImportDescriptor {
    module: string;
    name: string;
    kind: ExternKind;
  }

  /** Compiled code. It may be posted to a worker: the machine code is shared, not copied. */
  class Module {
    constructor(bytes: ArrayBufferView | ArrayBufferLike);
    static exports(module: Module): ExportDescriptor[];
    static imports(module: Module): ImportDescriptor[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  interface MemoryDescriptor {
    /** Size at the start, in pages of 64 KiB. */
    initial: number;
    /** Size it may grow to, in pages of 64 KiB; required for a shared memory. */
    maximum?: number;
    /** True: the buffer is a SharedArrayBuffer and the memory may be posted to a worker. */
    shared?: boolean;
  }

  /** `Buffer` is what `buffer` gives: say `Memory<SharedArrayBuffer>` for a shared memory. */
  class Memory<Buffer extends ArrayBufferLike = ArrayBufferLike> {
    constructor(descriptor: MemoryDescriptor);
    /** A shared memory keeps its old, shorter buffers alive when it grows; an unshared one detaches them. */
    readonly buffer: Buffer;
    /** Grows by `pages` of 64 KiB; returns the size before, in pages. */
    grow(pages: number): number;
  }

  interface TableDescriptor {
    element: TableKind;
    initial: number;
    maximum?: number;
  }

  class Table {
    constructor(descriptor: TableDescriptor, value?: ExportValue);
    readonly length: number;
    get(index: number): ExportValue;
    set(index: number, value?: ExportValue): void;
    /** Grows by `delta` elements; returns the length before. */
    grow(delta: number, value?: ExportValue): number;
  }

  interface GlobalDescriptor {
    value: ValueType;
    mutable?: boolean;
  }

  class Global {
    constructor(descriptor: GlobalDescriptor, value?: ExportValue);
    value: ExportValue;
    valueOf(): ExportValue;
  }

  class Tag {
    constructor(type: { parameters: ValueType[] });
  }

  class Exception extends Error {
    constructor(tag: Tag, payload: ExportValue[], options?: { traceStack?: boolean });
    is(tag: Tag): boolean;
    getArg(tag: Tag, index: number): ExportValue;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  interface Instantiated {
    module: Module;
    instance: Instance;
  }

  function validate(bytes: ArrayBufferView | ArrayBufferLike): boolean;
  function compile(bytes: ArrayBufferView | ArrayBufferLike): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
  function instantiate(bytes: ArrayBufferView | ArrayBufferLike, imports?: Imports): Promise<Instantiated>;
}
