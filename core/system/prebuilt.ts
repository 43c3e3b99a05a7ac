/**
 * WebAssembly modules that a build of the project has made already: the core modules of the usual CPUs, and the handlers of common
 * instructions. A folder beside the built modules holds them; the sources have none, and make everything themselves.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { Decoder } from '../arch/a64/decoder.ts';
import { groups } from '../arch/a64/table.ts';
import { featureNames } from '../arch/features.ts';
import { archLibraries } from '../arch/library.ts';
import { cpuOf } from '../arch/registers/reset.ts';
import type { TranslatingCpu } from '../arch/translation/features.ts';
import { buildCore, coreLibrary, MEMORY_TYPE } from '../engine/build-core.ts';
import { COMMON_INSTRUCTIONS } from '../engine/common-instructions.ts';
import { type MadeHandlers, makeHandlers } from '../engine/handlers.ts';

/** A core module, and what of the CPU it depends on. */
interface MadeCore {
  readonly file: string;
  readonly paRange: number;
  /** The features that were asked for while it was built. */
  readonly features: Readonly<Record<string, boolean>>;
}
interface Index {
  readonly cores: readonly MadeCore[];
  /** One module each for cores that run in parallel, and that do not. */
  readonly handlers: readonly {
    readonly file: string;
    readonly parallel: boolean;
    readonly shapes: MadeHandlers['shapes'];
  }[];
}
const INDEX = 'index.json';

/** What a system runs on: the core module, and handlers if some are made already. */
export interface Modules {
  readonly core: WebAssembly.Module;
  readonly handlers: MadeHandlers | null;
}

/** The folder of a build; null where the sources themselves run. */
const here = extname(import.meta.filename) === '.js' ? join(dirname(import.meta.filename), 'prebuilt') : null;

export class Prebuilt {
  private readonly folder: string;
  private readonly index: Index;

  private constructor(folder: string, index: Index) {
    this.folder = folder;
    this.index = index;
  }
  /** What is in a folder; null: nothing is. */
  static in(folder: string | null = here): Prebuilt | null {
    if (folder === null) return null;
    try {
      return new Prebuilt(folder, JSON.parse(readFileSync(join(folder, INDEX), 'utf8')) as Index);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw e;
    }
  }
  /** The core module for this CPU, and handlers that work with it; null: it is none of the usual ones. */
  for({ paRange, features }: TranslatingCpu, parallel: boolean): Modules | null {
    const fits = (made: MadeCore): boolean =>
      made.paRange === paRange && Object.entries(made.features).every(([name, on]) => features.has(name) === on);
    const core = this.index.cores.find(fits);
    if (!core) return null;
    const { file, shapes } = this.index.handlers.find((h) => h.parallel === parallel)!;
    return { core: this.module(core.file), handlers: { module: this.module(file), shapes } };
  }
  private module(file: string): WebAssembly.Module {
    return new WebAssembly.Module(readFileSync(join(this.folder, file)));
  }
}

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
