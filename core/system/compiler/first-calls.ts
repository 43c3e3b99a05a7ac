/**
 * V8 makes a function's code when it is called for the first time, on the thread that calls it, and code serves all threads. So regions
 * are called here first, with a core that has something pending: they go back at once.
 */
import * as state from '../../arch/state.ts';
import { PEND, TABLE_SIZE } from '../../engine/abi.ts';
import type { CompiledBatch } from '../../engine/region-compiler.ts';

type Region = (cpu: number, rec: number, n: number) => number;

export class FirstCalls {
  private readonly env: Record<string, unknown>;
  private readonly i32: Int32Array;
  private readonly cpu: number;

  /** `core`: the core module; `cpu`: state of a core that nobody runs. */
  constructor(memory: WebAssembly.Memory<SharedArrayBuffer>, core: WebAssembly.Module, cpu: number) {
    const env: Record<string, unknown> = {
      memory,
      table: new WebAssembly.Table({ element: 'anyfunc', initial: TABLE_SIZE }),
    };
    for (const { name, kind } of WebAssembly.Module.imports(core)) if (kind === 'function') env[name] = () => 0;
    this.env = { ...env, ...new WebAssembly.Instance(core, { env } as WebAssembly.Imports).exports };
    this.i32 = new Int32Array(memory.buffer);
    this.cpu = cpu;
    this.i32[(cpu + state.PENDING) >> 2] = PEND.stop;
  }
  of({ module, regions }: CompiledBatch): void {
    if (!module) return;
    const { exports } = new WebAssembly.Instance(module, { env: this.env } as WebAssembly.Imports);
    for (const { name, assume } of regions) {
      this.i32[(this.cpu + state.MODE) >> 2] = assume.value;
      (exports[name] as Region)(this.cpu, 0, 0);
    }
  }
}
