/** The floating-point routines: exact in every mode, slow; `fast.ts` decides when compiled code needs them. */
import { Library } from '../../wasm/library.ts';
import { defineArithmetic } from './arith.ts';
import { defineBrainFloat } from './bfloat.ts';
import { defineComparison } from './compare.ts';
import { defineConversions } from './convert.ts';
import { defineEstimates } from './estimate.ts';
import { defineFused } from './fma.ts';
import { defineIntegral } from './integral.ts';
import { defineLanes } from './lanes.ts';
import { defineRounding } from './round.ts';
import { defineWidths } from './widths.ts';

export function floatLibrary(): Library {
  const lib = new Library();
  defineRounding(lib);
  defineArithmetic(lib);
  defineFused(lib);
  defineComparison(lib);
  defineIntegral(lib);
  defineConversions(lib);
  defineEstimates(lib);
  defineBrainFloat(lib);
  defineLanes(lib);
  defineWidths(lib);
  return lib;
}
