/** All routines of the architecture. */
import type { Library } from '../wasm/library.ts';
import { cryptoLibraries } from './crypto/library.ts';

export function archLibraries(): Library[] {
  return [...cryptoLibraries];
}
