/** Puts the core module together: dispatch, and the routines of the architecture. */
import { Library } from '../wasm/library.ts';
import { Module } from '../wasm/module.ts';
import { MEMORY_TYPE, TABLE_SIZE } from './abi.ts';
import { areas } from './areas.ts';
import { dispatch } from './core.ts';
import { templates } from './templates.ts';

/** One library of everything: the engine's routines and those of `parts`. */
export function coreLibrary(parts: readonly Library[]): Library {
  const library = new Library();
  library.include(dispatch);
  library.include(areas);
  library.include(templates);
  for (const p of parts) library.include(p);
  return library;
}

/** The same, and the module built from it. */
export function buildCore(
  parts: readonly Library[],
  adapt?: (library: Library) => void,
): { library: Library; bytes: Uint8Array } {
  const library = coreLibrary(parts);
  adapt?.(library);
  const m = new Module(MEMORY_TYPE, TABLE_SIZE);
  library.into(m);
  return { library, bytes: m.encode() };
}
