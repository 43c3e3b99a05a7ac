/** What a build of the project makes ahead, see `prebuilt.ts`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Decoder } from '../arch/a64/decoder.ts';
import { groups } from '../arch/a64/table.ts';
import { featureNames } from '../arch/features.ts';
import { archLibraries } from '../arch/library.ts';
import { cpuOf } from '../arch/registers/reset.ts';
import type { TranslatingCpu } from '../arch/translation/features.ts';
import { MEMORY_TYPE } from '../engine/abi.ts';
import { buildCore, coreLibrary } from '../engine/build-core.ts';
import { COMMON_INSTRUCTIONS } from '../engine/common-instructions.ts';
import { makeHandlers } from '../engine/handlers.ts';
import { INDEX, type Index, type MadeCore } from './prebuilt.ts';

/** Notes what is asked of a set. */
class Asked extends Set<string> {
  readonly answers: Record<string, boolean> = {};
  override has(name: string): boolean {
    const on = super.has(name);
    this.answers[name] = on;
    return on;
  }
}

/** Makes the modules for these CPUs, in a folder that is made too. */
export function prebuild(folder: string, cpus: readonly TranslatingCpu[]): void {
  mkdirSync(folder, { recursive: true });
  const cores: MadeCore[] = [];
  for (const cpu of cpus) {
    const features = new Asked(cpu.features);
    const { bytes } = buildCore(archLibraries({ ...cpu, features }));
    const same = cores.find((c) => readFileSync(join(folder, c.file)).equals(bytes));
    const file = same?.file ?? `core-${cores.length}.wasm`;
    if (!same) writeFileSync(join(folder, file), bytes);
    cores.push({ file, paRange: cpu.paRange, features: features.answers });
  }
  // Of what every one of these CPUs has: handlers call routines of the core module.
  const common = [...featureNames].filter((name) => cpus.every(({ features }) => features.has(name)));
  const decoder = new Decoder(
    groups.flatMap((g) => g.patterns),
    new Set(common),
  );
  const library = coreLibrary(archLibraries(cpus[0]));
  const words = COMMON_INSTRUCTIONS.trim()
    .split(/\s+/)
    .map((word) => Number.parseInt(word, 16));
  const handlers = [false, true].map((parallel) => {
    const { bytes, shapes } = makeHandlers(words, library, MEMORY_TYPE, decoder, parallel);
    const file = `handlers-${parallel ? 'parallel' : 'alone'}.wasm`;
    writeFileSync(join(folder, file), bytes);
    return { file, parallel, shapes };
  });
  const index: Index = { cores, handlers };
  writeFileSync(join(folder, INDEX), JSON.stringify(index));
}

/** The CPUs of the usual machines: `max` with the exception levels and extensions that the machines' options give it. */
export function usualCpus(): TranslatingCpu[] {
  const cpus: TranslatingCpu[] = [];
  const both = [false, true];
  for (const has_el2 of both) for (const has_el3 of both) cpus.push(cpuOf('max', { has_el2, has_el3 }));
  const levels = { has_el2: true, has_el3: true };
  for (const mec of both) cpus.push(cpuOf('max', { ...levels, 'x-rme': true, mec }));
  return cpus;
}
