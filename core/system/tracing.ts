/**
 * Tracing, made only for systems that ask for it.
 *
 * Exceptions, returns and blocks are seen by wrapping the routines that they go through; device accesses where they happen.
 * Instructions that are traced (MRS and MSR, TLBI, HVC and SMC) get a handler that leaves guest code; the run loop then executes
 * each in a single step and looks at what it did, so that nothing of the architecture needs to know.
 */
import { EC, SCR } from '../arch/exceptions/fields.ts';
import { byEl } from '../arch/exceptions/view.ts';
import { regOffset } from '../arch/registers/storage.ts';
import * as state from '../arch/state.ts';
import { iff, load, run, store, tailCall } from '../wasm/build.ts';
import type { Library } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
import { i32, i64, type Val } from '../wasm/value.ts';
import { KINDS_OF, TRACE_KIND, type TraceChoice, type TraceRecord } from './trace-record.ts';

/** Does one of the choices want this kind of record? */
export const traces = (choices: readonly TraceChoice[] | undefined, kind: number): boolean =>
  choices?.some((c) => KINDS_OF[c].includes(kind)) ?? false;

/** Return addresses are multiples of 4: this bit tells one from none. */
const CALLED = 1;
/** Where the core's last call to EL2 or EL3 is noted, of the present security state below EL3 (SCR_EL3.NSE, NS). */
function callOf(cpu: Val, target: Val): Val {
  const scr = load('i64', cpu, regOffset('SCR_EL3'));
  const security = scr.lo32().and(1).or(scr.shrU(SCR.NSE).lo32().and(1).shl(1));
  return cpu.add(state.TRACE_CALLS).add(target.and(1).shl(2).or(security).shl(3));
}

/** Adds the hooks to the routines of a system. The host function is (cpu, kind, detail, A, B, C, D). */
export function traceRoutines(library: Library, choices: readonly TraceChoice[]): void {
  library.host('trace', [I32, I32, I32, I64, I64, I64, I64], null);
  const level = (cpu: Val): Val => load('i32', cpu, state.EL);
  const pc = (cpu: Val): Val => load('i64', cpu, state.PC);
  if (traces(choices, TRACE_KIND.exception)) {
    library.wrap('takeException', (link, inner, c, target, syndrome, back, vector) => {
      const cpu = c!;
      const from = level(cpu);
      run(inner, cpu, target!, syndrome!, back!, vector!);
      const detail = from.or(level(cpu).shl(4)).or(vector!.shrU(7).shl(8));
      const far = byEl(cpu, level(cpu), 'FAR');
      run(link('trace'), cpu, i32(TRACE_KIND.exception), detail, syndrome!, far, pc(cpu), back!);
    });
    library.wrap('takeInterrupt', (link, inner, c, target, back, vector) => {
      const cpu = c!;
      const from = level(cpu);
      run(inner, cpu, target!, back!, vector!);
      const detail = from.or(level(cpu).shl(4)).or(vector!.shrU(7).shl(8));
      run(link('trace'), cpu, i32(TRACE_KIND.exception), detail, i64(0), i64(0), pc(cpu), back!);
    });
    library.wrap('exceptionReturnTo', (link, inner, cpu, n, to) => {
      const spsr = byEl(cpu!, level(cpu!), 'SPSR');
      const detail = level(cpu!).or(spsr.lo32().bits(2, 2).shl(4));
      run(link('trace'), cpu!, i32(TRACE_KIND.eret), detail, to!, spsr, i64(0), i64(0));
      tailCall(inner, cpu!, n!, to!);
    });
  }
  if (traces(choices, TRACE_KIND.answer)) {
    // A call ends by a return to behind it, in the state that made it. Firmware's other returns enter other worlds, or end interrupts.
    library.wrap('takeException', (_link, inner, c, target, syndrome, back, vector) => {
      const [cpu, ec] = [c!, syndrome!.lo32().shrU(26)];
      iff(ec.eq(EC.smc).and(target!.eq(3)), () => store('i64', callOf(cpu, i32(3)), back!.or(CALLED)));
      iff(ec.eq(EC.hvc).and(target!.eq(2)), () => store('i64', callOf(cpu, i32(2)), back!.or(CALLED)));
      run(inner, cpu, target!, syndrome!, back!, vector!);
    });
    library.wrap('exceptionReturnTo', (link, inner, c, n, to) => {
      const cpu = c!;
      const call = callOf(cpu, level(cpu));
      iff(
        level(cpu)
          .geU(2)
          .and(load('i64', call).eq(to!.or(CALLED))),
        () => {
          store('i64', call, i64(0));
          const x = [0, 1, 2, 3].map((r) => load('i64', cpu, state.X + 8 * r)) as [Val, Val, Val, Val];
          run(link('trace'), cpu, i32(TRACE_KIND.answer), level(cpu).eq(3), ...x);
        },
      );
      tailCall(inner, cpu, n!, to!);
    });
  }
  if (traces(choices, TRACE_KIND.block)) {
    // All branches go through `jump` then: the code space is told to make none near.
    for (const name of ['jump', 'jumpIndirect']) {
      library.wrap(name, (link, inner, cpu, va, n, ...kind) => {
        iff(load('i32', cpu!, state.PENDING).or(n!.shrU(31)).eqz(), () => {
          store('i32', cpu!, n!, state.BUDGET);
          run(link('trace'), cpu!, i32(TRACE_KIND.block), i32(0), va!, i64(0), i64(0), i64(0));
        });
        tailCall(inner, cpu!, va!, n!, ...kind);
      });
    }
  }
}

/** Kinds of instructions that are traced by stepping over them. */
const STEPPED: readonly (readonly [mask: number, value: number, kind: number])[] = [
  [0xfff00000, 0xd5300000, TRACE_KIND.read],
  [0xfff00000, 0xd5100000, TRACE_KIND.write],
  // SYS with CRn 8 or 9: TLBI.
  [0xfff8e000, 0xd5088000, TRACE_KIND.tlbi],
  // HVC, SMC.
  [0xffe0001f, 0xd4000002, TRACE_KIND.call],
  [0xffe0001f, 0xd4000003, TRACE_KIND.call],
];

/** The kind under which an instruction is traced, or null when it is not. */
export function tracedKind(word: number, choices: readonly TraceChoice[]): number | null {
  for (const [mask, value, kind] of STEPPED) {
    if ((word & mask) >>> 0 === value && traces(choices, kind)) return kind;
  }
  return null;
}
/** Encoding of a register move or system instruction, as trace records have it: op0 to op2 from bit 5 up. */
export const encodingOf = (word: number): number => (word >>> 5) & 0xffff;

/** What a step over a traced instruction needs to know of the core, before and after. */
export interface Look {
  readonly pc: bigint;
  readonly el: number;
  readonly security: number;
  readonly count: bigint;
  x(n: number): bigint;
}
/** Records of a stepped instruction, before it (`after` null) and after it; none when it was trapped or undefined (then the exception tells). */
export function steppedRecords(
  core: number,
  word: number,
  kind: number,
  before: Look,
  after: Look | null,
): TraceRecord[] {
  const rt = word & 31;
  const record = (what: number, detail: number, operands: TraceRecord['operands']): TraceRecord => ({
    kind: what,
    core,
    el: before.el,
    security: before.security,
    detail,
    count: before.count,
    pc: before.pc,
    operands,
  });
  if (kind === TRACE_KIND.call) {
    const values = (l: Look): TraceRecord['operands'] => [l.x(0), l.x(1), l.x(2), l.x(3)];
    const made = record(TRACE_KIND.call, word & 1, values(before));
    if (!after) return [made];
    // The built-in PSCI has answered by now.
    const done = after.el === before.el && after.pc === before.pc + 4n;
    return done ? [record(TRACE_KIND.answer, word & 1, values(after))] : [];
  }
  if (after?.pc !== before.pc + 4n) return [];
  const value = rt === 31 ? 0n : (kind === TRACE_KIND.read ? after : before).x(rt);
  return [record(kind, encodingOf(word), [value, 0n, 0n, 0n])];
}
