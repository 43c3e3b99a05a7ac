/** Trace records as text, a line each: core, instruction count, world and level, PC, what happened. */
import { TRACE_KIND, type TraceRecord } from './trace-record.ts';

/** Names that the formatter takes from the tables of the architecture, so that they are written down once. */
export interface TraceNames {
  /** Name of a system register by its packed encoding, or null. */
  register(encoding: number): string | null;
  /** Name of a system instruction (`TLBI VAE1IS`) by its packed encoding, or null. */
  operation(encoding: number): string | null;
  /** Name of an exception class, or null. */
  exceptionClass(ec: number): string | null;
}

const WORLDS = ['S', 'NS', 'Root', 'Realm'];
const TYPES = ['sync', 'IRQ', 'FIQ', 'SError'];

const hex = (v: bigint | number): string => `0x${v.toString(16)}`;

/** `S3_0_C1_C0_0`: how the manual names an encoding that has no name. */
function encodingName(encoding: number): string {
  const [op0, op1] = [encoding >> 14, (encoding >> 11) & 7];
  return `S${op0}_${op1}_C${(encoding >> 7) & 15}_C${(encoding >> 3) & 15}_${encoding & 7}`;
}

const CALL_TYPES = ['hvc', 'smc'];

function describe(r: TraceRecord, names: TraceNames): string {
  const [a, b, c, d] = r.operands;
  const { detail } = r;
  switch (r.kind) {
    case TRACE_KIND.exception: {
      const type = (detail >> 8) & 15;
      const ec = Number((a >> 26n) & 63n);
      const why = names.exceptionClass(ec) ?? `EC ${hex(ec)}`;
      const cause = type === 0 || type === 3 ? `, ESR ${hex(a)} (${why}), FAR ${hex(b)}` : '';
      const levels = `EL${detail & 15} to EL${(detail >> 4) & 15}`;
      return `exception ${TYPES[type] ?? type} from ${levels}${cause}, ELR ${hex(d)}, vector ${hex(c)}`;
    }
    case TRACE_KIND.eret:
      return `eret from EL${detail & 15} to EL${(detail >> 4) & 15}, target ${hex(a)}, SPSR ${hex(b)}`;
    case TRACE_KIND.call:
    case TRACE_KIND.answer: {
      const values = [a, b, c, d].map((v, i) => `x${i}=${hex(v)}`).join(' ');
      return `${CALL_TYPES[detail] ?? 'call'} ${r.kind === TRACE_KIND.call ? 'call' : 'return'} ${values}`;
    }
    case TRACE_KIND.read:
    case TRACE_KIND.write: {
      const name = names.register(detail) ?? encodingName(detail);
      return r.kind === TRACE_KIND.read ? `mrs ${name} -> ${hex(a)}` : `msr ${name} <- ${hex(a)}`;
    }
    case TRACE_KIND.mmio: {
      const size = 1 << (detail & 7);
      const value = size === 16 ? (c << 64n) | b : b;
      return `mmio ${detail & 8 ? 'write' : 'read'} ${hex(a)} size ${size} value ${hex(value)}`;
    }
    case TRACE_KIND.tlbi:
      return `${names.operation(detail) ?? encodingName(detail)} ${hex(a)}`;
    case TRACE_KIND.block:
      return 'block';
    default:
      return `event ${r.kind}`;
  }
}

/** The line of a record, without its end. */
export function formatRecord(r: TraceRecord, names: TraceNames): string {
  const world = WORLDS[r.security] ?? `${r.security}`;
  return `${r.core} ${r.count} ${world}-EL${r.el} ${hex(r.pc)} ${describe(r, names)}`;
}
