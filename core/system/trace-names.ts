/** Names for the trace and for reports, out of the architecture's tables. */

import { group as tlbi } from '../arch/a64/tlbi.ts';
import { EC } from '../arch/exceptions/fields.ts';
import { registerAt } from '../arch/registers/table.ts';
import type { TraceNames } from './trace-format.ts';

/** `dataAbort` → `data abort`. */
const spaced = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const classes = new Map(Object.entries(EC).map(([name, code]) => [code as number, spaced(name)]));

/** What an exception class (ESR_ELx.EC) is called; those "from the same level" are one above the form that the table has. */
export function exceptionClass(ec: number): string | null {
  if (ec === EC.unknown) return 'undefined instruction';
  const same = [EC.instructionAbort, EC.dataAbort, EC.breakpoint, EC.softwareStep, EC.watchpoint].find(
    (c) => c + 1 === ec,
  );
  return classes.get(same ?? ec) ?? null;
}

const operations = new Map(tlbi.patterns.map((p) => [(p.value >>> 5) & 0xffff, p.name]));

export const traceNames: TraceNames = {
  register: (encoding) => registerAt(encoding)?.name ?? null,
  operation: (encoding) => operations.get(encoding) ?? null,
  exceptionClass,
};
