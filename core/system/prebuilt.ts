/**
 * WebAssembly modules that a build of the project has made already: the core modules of the usual CPUs, and the handlers of common
 * instructions. A folder beside the built modules holds them; the sources have none, and make everything themselves.
 */
import { readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import type { TranslatingCpu } from '../arch/translation/features.ts';
import type { MadeHandlers } from '../engine/handlers.ts';

/** A core module, and what of the CPU it depends on. */
export interface MadeCore {
  readonly file: string;
  readonly paRange: number;
  /** The features that were asked for while it was built. */
  readonly features: Readonly<Record<string, boolean>>;
}
export interface Index {
  readonly cores: readonly MadeCore[];
  /** One module each for cores that run in parallel, and that do not. */
  readonly handlers: readonly {
    readonly file: string;
    readonly parallel: boolean;
    readonly shapes: MadeHandlers['shapes'];
  }[];
}
export const INDEX = 'index.json';

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
