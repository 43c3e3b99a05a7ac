/** All routines of the architecture. */
import type { Library } from '../wasm/library.ts';
import { library as simdShifts } from './a64/simd-variable-shift.ts';
import { crc } from './crc.ts';
import { cryptoLibraries } from './crypto/library.ts';
import { exceptionLibraries } from './exceptions/library.ts';
import { floatLibrary } from './float/library.ts';
import { mops } from './mops.ts';
import { pauthLibraries } from './pauth/library.ts';
import { gic } from './registers/gic.ts';
import { registerRoutines } from './registers/library.ts';
import { pmu } from './registers/pmu.ts';
import { random } from './registers/random.ts';
import { timers } from './registers/timers.ts';
import { EVERYTHING, type TranslatingCpu, translationFeatures } from './translation/features.ts';
import { translationLibrary } from './translation/library.ts';

/** Without a CPU: for one that has all features. */
export function archLibraries(cpu?: TranslatingCpu): Library[] {
  const translation = translationLibrary(cpu ? translationFeatures(cpu) : EVERYTHING);
  return [
    translation,
    simdShifts,
    crc,
    mops,
    ...cryptoLibraries,
    ...pauthLibraries,
    ...exceptionLibraries,
    registerRoutines,
    timers,
    random,
    pmu,
    gic,
    floatLibrary(),
  ];
}
