/** All routines of address translation. */
import { Library } from '../../wasm/library.ts';
import { defineOwners } from '../encryption/owners.ts';
import { defineTracking } from '../encryption/tracking.ts';
import { defineGranules } from '../granules/check.ts';
import { defineAddressTranslate } from './address-translate.ts';
import { defineAlignment } from './alignment.ts';
import { defineAttributes } from './attributes.ts';
import { defineBanks } from './banks.ts';
import { defineCaches } from './caches.ts';
import { defineContext } from './context.ts';
import { defineFaults } from './faults.ts';
import type { TranslationFeatures } from './features.ts';
import { defineMaintenance } from './maintenance.ts';
import { defineOutput } from './output.ts';
import { definePhysical } from './physical.ts';
import { defineStage1 } from './stage1.ts';
import { defineStage2 } from './stage2.ts';
import { defineTableCache } from './table-cache.ts';
import { defineTlbi } from './tlbi.ts';
import { defineTranslate } from './translate.ts';

/** The library for a CPU with these features. */
export function translationLibrary(features: TranslationFeatures): Library {
  const lib = new Library();
  for (const define of [
    definePhysical,
    defineOutput,
    defineGranules,
    defineOwners,
    defineTracking,
    defineFaults,
    defineBanks,
    defineContext,
    defineTableCache,
    defineStage1,
    defineStage2,
    defineTranslate,
    defineAlignment,
    defineTlbi,
    defineMaintenance,
    defineCaches,
    defineAttributes,
    defineAddressTranslate,
  ]) {
    define(lib, features);
  }
  return lib;
}
