/** The system registers: one table, from which access, storage, reset, debugger, trace and documentation derive. */
import type { Register } from './define.ts';
import { area as control } from './table/control.ts';
import { area as debug } from './table/debug.ts';
import { area as el2 } from './table/el2.ts';
import { area as el3 } from './table/el3.ts';
import { area as exception } from './table/exception.ts';
import { area as gic } from './table/gic.ts';
import { area as id } from './table/id.ts';
import { area as mec } from './table/mec.ts';
import { area as pauth } from './table/pauth.ts';
import { area as pmu } from './table/pmu.ts';
import { area as random } from './table/random.ts';
import { area as rme } from './table/rme.ts';
import { area as timers } from './table/timers.ts';
import { area as translation } from './table/translation.ts';

export const areas = [
  control,
  el2,
  el3,
  translation,
  exception,
  id,
  timers,
  pmu,
  debug,
  pauth,
  random,
  gic,
  rme,
  mec,
] as const;

/** All registers, `_EL12` and `_EL02` forms included. */
export const registers: readonly Register[] = areas.flatMap((a) => a.registers);

const byCode = new Map<number, Register>();
const byName = new Map<string, Register>();
for (const r of registers) {
  const other = byCode.get(r.code);
  if (other) throw new Error(`${r.name} and ${other.name} have the same encoding`);
  if (byName.has(r.name)) throw new Error(`two registers ${r.name}`);
  byCode.set(r.code, r);
  byName.set(r.name, r);
}

/** The register of an encoding (op0:op1:CRn:CRm:op2), if the table has it. */
export const registerAt = (code: number): Register | undefined => byCode.get(code);
export function register(name: string): Register {
  const r = byName.get(name);
  if (!r) throw new Error(`no system register ${name}`);
  return r;
}
