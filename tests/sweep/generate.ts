/** Generates the interpreter's handlers and compiled regions for given instruction words; WebAssembly validates what comes out. */
import { archLibraries } from '../../core/arch/library.ts';
import * as state from '../../core/arch/state.ts';
import { BareCore } from '../support/bare-core.ts';

const BASE = 0x47000000;
const PAGE = BASE + 0x10000;
/** Every other place of a page stays undecoded, so that each region has one instruction. */
const PER_PAGE = 512;
/** Handlers that one code space has room for, with those that its instructions' neighbours bring. */
const PER_SPACE = 3000;

/** Mode words under which regions are made: the plain one; odd FP modes, strict alignment, general pointer authentication. */
const field = ([low, width]: readonly [number, number], v = 2 ** width - 1): number => (v & (2 ** width - 1)) << low;
const { align, el, security, rounding, fz, dn, fz16, ah, inexactWanted, pauthGeneral } = state.MODE_FIELD;
export const MODES: readonly number[] = [
  field(el, 1) | field(security, 1),
  field(el, 1) | field(security, 1) | field(align) | field(inexactWanted) | field(pauthGeneral),
  field(el, 2) | field(rounding, 1) | field(fz) | field(dn) | field(fz16) | field(ah),
];

export interface Generated {
  handlers: number;
  regions: number;
  bytes: number;
}

/** Throws what generation or validation throws, with the word that it was about. */
export function generate(words: readonly number[], features: ReadonlySet<string>, modes = MODES): Generated {
  const sum: Generated = { handlers: 0, regions: 0, bytes: 0 };
  for (let from = 0; from < words.length; from += PER_SPACE)
    some(words.slice(from, from + PER_SPACE), features, modes, sum);
  return sum;
}

function some(words: readonly number[], features: ReadonlySet<string>, modes: readonly number[], sum: Generated): void {
  const core = new BareCore({
    mode: 'normal',
    libraries: archLibraries(),
    features,
    base: BASE,
    memoryBytes: 16 << 20,
  });
  const { space, cpu, view } = core;
  const regions = core.regions!;
  const decode = space.env.decode as (cpu: number, rec: number) => void;
  const records = space.env.newRecords as (cpu: number, page: number) => number;
  for (let from = 0, page = PAGE; from < words.length; from += PER_PAGE, page += 0x1000) {
    const list = words.slice(from, from + PER_PAGE);
    list.forEach((w, i) => {
      view.setUint32(core.host(page) + 8 * i, w, true);
    });
    const first = records(cpu, core.host(page));
    list.forEach((w, i) => {
      about(w, 'handler', () => decode(cpu, first + 32 * i));
    });
    for (const mode of modes) {
      regions.modeOf = () => mode;
      try {
        list.forEach((_, i) => {
          regions.hot(first + 32 * i);
        });
        regions.flush();
      } catch {
        // Once more, one by one, to find the culprit.
        list.forEach((w, i) => {
          about(w, `region, mode 0x${mode.toString(16)}`, () => regions.compileNow(first + 32 * i));
        });
        throw new Error('regions fail together that do not fail alone');
      }
    }
  }
  sum.handlers += space.stats.handlers;
  sum.regions += regions.stats.regions;
  sum.bytes += regions.stats.bytes;
}

function about(word: number, what: string, work: () => void): void {
  try {
    work();
  } catch (e) {
    throw new Error(`0x${word.toString(16).padStart(8, '0')}: ${what}: ${e instanceof Error ? e.message : e}`, {
      cause: e,
    });
  }
}
