/** All routines of the architecture. */
import type { Library } from '../wasm/library.ts';
import { library as simdShifts } from './a64/simd-variable-shift.ts';
import { exceptionLibraries } from './exceptions/library.ts';
import { crc } from './crc.ts';
import { floatLibrary } from './float/library.ts';
import { cryptoLibraries } from './crypto/library.ts';
import { pauthLibraries } from './pauth/library.ts';
import { registerRoutines } from './registers/library.ts';
import { random } from './registers/random.ts';
import { timers } from './registers/timers.ts';

export function archLibraries(): Library[] {
  return [simdShifts, ...exceptionLibraries, registerRoutines, timers, random, crc, ...cryptoLibraries, ...pauthLibraries, floatLibrary()];
}
