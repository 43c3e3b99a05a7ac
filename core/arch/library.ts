/** All routines of the architecture. */
import type { Library } from '../wasm/library.ts';

export function archLibraries(): Library[] {
  return [];
}
