/** Extensions of the base set: RCpc accesses, flag manipulation, CSSC, memory copy and set. */

import { VIEWS, type View, WINDOW_BYTES } from '../environment.ts';
import type { Random } from '../random.ts';
import type { Change } from '../recipe.ts';
import { type Arranged, extract, extractSigned, fromPattern, type Template } from '../template.ts';

const acquire = 'acquire';
const short = 'short-sequences';
const mops = 'memory-copy-set';

const size = (word: number) => 1 << extract(word, 30, 2);
const imm9 = (word: number) => BigInt(extractSigned(word, 12, 9));

const acquireTemplates: Template[] = [
  fromPattern('LDAPR', acquire, 'zz11100010111111110000 NNNNN ttttt', { memory: { base: 'Rn', bytes: size } }),
  fromPattern('LDAPUR/STLUR', acquire, 'zz011001oo0 iiiiiiiii 00 NNNNN ttttt', {
    memory: { base: 'Rn', bytes: size, displacement: imm9 },
    reserved: (word) => extract(word, 23, 1) === 1 && extract(word, 30, 2) + extract(word, 22, 1) > 2,
  }),
];

const shortTemplates: Template[] = [
  fromPattern('CFINV', short, '11010101000000000100 0000 000 11111'),
  fromPattern('XAFLAG', short, '11010101000000000100 0000 001 11111'),
  fromPattern('AXFLAG', short, '11010101000000000100 0000 010 11111'),
  fromPattern('RMIF', short, '10111010000 iiiiii 00001 nnnnn 0 kkkk'),
  fromPattern('SETF8/SETF16', short, '00111010000000000 z 0010 nnnnn 01101'),
  fromPattern('CTZ/CNT', short, 's10110101100000000011k nnnnn ddddd'),
  fromPattern('ABS', short, 's101101011000000001000 nnnnn ddddd'),
  fromPattern('SMAX and the like (register)', short, 's0011010110 mmmmm 0110oo nnnnn ddddd'),
  fromPattern('SMAX and the like (immediate)', short, 's00100011100oo iiiiiiii nnnnn ddddd'),
];

const dest = (word: number) => extract(word, 0, 5);
const length = (word: number) => extract(word, 5, 5);
const source = (word: number) => extract(word, 16, 5);
const stageOf = (word: number, low: number) => extract(word, low, 2);
const clash = (word: number, sourceMayBeZero: boolean) =>
  dest(word) === length(word) ||
  dest(word) === source(word) ||
  length(word) === source(word) ||
  dest(word) === 31 ||
  length(word) === 31 ||
  (!sourceMayBeZero && source(word) === 31);

/** The prologue, then the stages up to this one; or just this one. */
function stages(word: number, low: number, all: boolean): number[] {
  const last = stageOf(word, low);
  const at = (stage: number) => ((word & ~(3 << low)) | (stage << low)) >>> 0;
  return all ? [0, 1, 2].slice(0, last + 1).map(at) : [word];
}

/** A place for so many bytes: in the window, across the middle of a view where it is cut in two. */
function placeIn(random: Random, view: View, bytes: number): number {
  const near = view.mapped !== 'both' || random.oneIn(3);
  const offset = near ? WINDOW_BYTES / 2 - random.below(bytes + 1) : random.below(WINDOW_BYTES - bytes + 1);
  return view.address + Math.max(0, Math.min(WINDOW_BYTES - bytes, offset));
}
function lengthFor(random: Random): number {
  return random.oneIn(8) ? 0 : random.oneIn(2) ? random.below(20) : random.below(240);
}
const chooseView = (random: Random, userRights: boolean) =>
  random.oneIn(userRights ? 3 : 4) ? random.pick(VIEWS) : userRights ? VIEWS[5] : VIEWS[0];
const value = (slot: number, v: number | bigint): Change => ({ slot, value: BigInt.asUintN(64, BigInt(v)) });

function arrangeSet(word: number, random: Random): Arranged {
  if (clash(word, true) || stageOf(word, 14) === 3) return { words: [word], overrides: [] };
  const bytes = lengthFor(random);
  const to = placeIn(random, chooseView(random, extract(word, 12, 1) === 1), bytes);
  const stage = stageOf(word, 14);
  if (stage === 0 || !random.oneIn(3)) {
    const huge = stage === 0 && random.oneIn(8);
    const count = huge ? 0x7fff_ffff_ffff_fff0n + BigInt(random.below(32)) : bytes;
    return { words: stages(word, 14, true), overrides: [value(dest(word), to), value(length(word), count)] };
  }
  return { words: [word], overrides: [value(dest(word), to + bytes), value(length(word), -bytes)] };
}

function arrangeCopy(word: number, random: Random): Arranged | undefined {
  if (clash(word, false)) return { words: [word], overrides: [] };
  const forwardOnly = extract(word, 26, 1) === 0;
  const bytes = lengthFor(random);
  const [fromView, toView] = [
    chooseView(random, extract(word, 13, 1) === 1),
    chooseView(random, extract(word, 12, 1) === 1),
  ];
  const from = placeIn(random, fromView, bytes);
  const to = placeIn(random, toView, bytes);
  const [start, end] = [from - fromView.address, to - toView.address];
  const overlap = start < end + bytes && end < start + bytes;
  // Two views of the same bytes, or a forward copy that overtakes itself: what comes out is the implementation's choice.
  if (overlap && (fromView !== toView || (forwardOnly && start < end))) return undefined;
  const stage = stageOf(word, 22);
  if (stage === 0 || !random.oneIn(3)) {
    const overrides = [value(source(word), from), value(dest(word), to), value(length(word), bytes)];
    return { words: stages(word, 22, true), overrides };
  }
  if (!forwardOnly && (random.oneIn(2) || (overlap && start < end))) {
    if (overlap && start > end) return undefined;
    const overrides = [value(source(word), from), value(dest(word), to), value(length(word), bytes)];
    return { words: [word], overrides };
  }
  const overrides = [value(source(word), from + bytes), value(dest(word), to + bytes), value(length(word), -bytes)];
  return { words: [word], overrides };
}

const notSet = (word: number) => stageOf(word, 22) === 3;
const mopsTemplates: Template[] = [
  ...(['CPYF', 'CPY'] as const).map((name, o0) =>
    fromPattern(name, mops, `00011${o0}01pp0 wwwww oooo 01 nnnnn ddddd`, {
      alone: true,
      excluded: notSet,
      reserved: (word) => clash(word, false),
      arrange: arrangeCopy,
    }),
  ),
  fromPattern('SET', mops, '00011001110 wwwww pp oo 01 nnnnn ddddd', {
    alone: true,
    reserved: (word) => clash(word, true) || stageOf(word, 14) === 3,
    arrange: arrangeSet,
  }),
];

export const baseExtensionTemplates: Template[] = [...acquireTemplates, ...shortTemplates, ...mopsTemplates];
