/** All routines of exceptions, PSTATE, interrupts and debug. */
import type { Library } from '../../wasm/library.ts';
import { breakpoints } from './breakpoints.ts';
import { bti } from './bti.ts';
import { calls } from './calls.ts';
import { context } from './context.ts';
import { debug } from './debug.ts';
import { entry } from './entry.ts';
import { faults } from './faults.ts';
import { interrupts } from './interrupts.ts';
import { monitor } from './monitor.ts';
import { msr } from './msr.ts';
import { pstate } from './pstate.ts';
import { returns } from './return.ts';
import { syndrome } from './syndrome.ts';

export const exceptionLibraries: readonly Library[] = [
  pstate,
  context,
  entry,
  calls,
  returns,
  interrupts,
  monitor,
  msr,
  faults,
  debug,
  breakpoints,
  syndrome,
  bti,
];
