/** What the cores of one thread trace: what hooks of generated code tell, device accesses, instructions that are stepped over. */
import * as state from '../arch/state.ts';
import type { CodeSpace } from '../engine/codespace.ts';
import type { TraceWriter } from './trace.ts';
import { TRACE_KIND, type TraceChoice } from './trace-record.ts';
import { type Look, steppedRecords, tracedKind, traces } from './tracing.ts';

export interface TracingParts {
  readonly choices: readonly TraceChoice[];
  readonly writer: TraceWriter;
  readonly memory: SharedArrayBuffer;
  readonly space: CodeSpace;
  /** Instructions that the core with this state address has executed. */
  ran(cpu: number): number;
}

export class ThreadTracing {
  private readonly parts: TracingParts;
  private readonly view: DataView;
  private readonly devices: boolean;

  constructor(parts: TracingParts) {
    this.parts = parts;
    this.view = new DataView(parts.memory);
    const { choices, space } = parts;
    this.devices = traces(choices, TRACE_KIND.mmio);
    space.isTraced = (word) => tracedKind(word, choices) !== null;
    space.allFar = traces(choices, TRACE_KIND.block);
  }

  /** Hands over what was collected. */
  flush(): void {
    this.parts.writer.flush();
  }

  /** What a trace record says of the core's state. */
  private look(cpu: number): Look {
    const { view } = this;
    const xs = Array.from({ length: 31 }, (_, n) => view.getBigUint64(cpu + state.X + 8 * n, true));
    return {
      pc: view.getBigUint64(cpu + state.PC, true),
      el: view.getUint32(cpu + state.EL, true),
      security: view.getUint32(cpu + state.SECURITY, true),
      count: BigInt(this.parts.ran(cpu)),
      x: (n) => xs[n]!,
    };
  }

  /** A hook of generated code. */
  hook(
    cpu: number,
    kind: number,
    detail: number,
    operands: readonly [bigint, bigint, bigint, bigint],
    at?: bigint,
  ): void {
    const { pc, el, security, count } = this.look(cpu);
    const [a, b, c, d] = operands.map((v) => BigInt.asUintN(64, v)) as [bigint, bigint, bigint, bigint];
    this.parts.writer.append({
      kind,
      core: this.view.getUint32(cpu + state.INDEX, true),
      el,
      security,
      detail,
      count,
      pc: at ?? (kind === TRACE_KIND.block ? a : pc),
      operands: [a, b, c, d],
    });
  }

  /** Executes the traced instruction at the core's PC by `execute`, and records it. Yields what `execute` does. */
  step(cpu: number, execute: () => boolean): boolean {
    const { writer, choices } = this.parts;
    const before = this.look(cpu);
    const host = this.hostOfPc(cpu, before.pc);
    const word = host ? this.view.getUint32(host, true) : 0;
    const kind = tracedKind(word, choices);
    const core = this.view.getUint32(cpu + state.INDEX, true);
    const record = (after: Look | null): void => {
      if (kind === null) return;
      for (const r of steppedRecords(core, word, kind, before, after)) writer.append(r);
    };
    record(null);
    const goes = execute();
    record(this.look(cpu));
    return goes;
  }
  private hostOfPc(cpu: number, pc: bigint): number {
    // The records of the page are those that were just run from.
    return this.parts.space.hostOf(this.view.getInt32(cpu + state.REC_BASE, true) + (Number(pc & 0xffcn) << 2));
  }

  /** A device access of guest code; `info`: as generated code has it (`INFO`). */
  device(cpu: number, address: number, value: number, upper: number, info: number): void {
    if (!this.devices) return;
    const size = info & 7;
    const wide = (BigInt(upper >>> 0) << 32n) | BigInt(value >>> 0);
    const shown = size === 3 ? wide : BigInt(value >>> 0) & ((1n << BigInt(8 << size)) - 1n);
    const record = (field: number): number => this.view.getInt32(cpu + field, true);
    const offset = (record(state.SLOW_REC) - record(state.REC_BASE)) >> 2;
    const pc = this.view.getBigUint64(cpu + state.PC_PAGE, true) + BigInt(offset);
    this.hook(cpu, TRACE_KIND.mmio, size | (info & 8), [BigInt(address), shown, 0n, 0n], pc);
  }
}
