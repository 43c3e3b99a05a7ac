/**
 * `npm run sweep`: decodes every instruction word, and generates the code of every shape of every pattern.
 *
 *   --from N --to N   only words in this range (multiples of 2^21; hexadecimal with 0x)
 *   --sample N        N random words, one by one, instead of all by classes
 *   --decode          no code generation
 */
import { parseArgs } from 'node:util';
import type { Pattern } from '../../core/arch/a64/pattern.ts';
import { decoderOf, evaluate, groupOf, maxFeatures, sweep } from './encodings.ts';
import { generate } from './generate.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '0' },
    to: { type: 'string', default: '0x100000000' },
    sample: { type: 'string' },
    decode: { type: 'boolean', default: false },
  },
});
const BLOCK = 2 ** 21;
const from = Math.floor(Number(values.from) / BLOCK);
const to = Math.ceil(Number(values.to) / BLOCK);
const features = maxFeatures();
const counts = new Map<string, number>();
/** A word for each shape. */
const shapes = new Map<string, number>();
let unallocated = 0;
let classes = 0;

function note(pattern: Pattern | null, word: number, count: number): void {
  classes++;
  if (!pattern) {
    unallocated += count;
    return;
  }
  const group = groupOf.get(pattern)!;
  counts.set(group, (counts.get(group) ?? 0) + count);
  const shape = `${pattern.id}.${(word & pattern.shapeMask) >>> 0}`;
  if (!shapes.has(shape)) shapes.set(shape, word);
}

const started = performance.now();
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);
if (values.sample !== undefined) {
  const decoder = decoderOf(features);
  for (let n = Number(values.sample); n > 0; n--) {
    const word = Math.floor(from * BLOCK + Math.random() * (to - from) * BLOCK) >>> 0;
    note(evaluate(decoder, word), word, 1);
  }
} else {
  for (const { pattern, word, count } of sweep(features, from, to)) note(pattern, word, count);
}
const allocated = [...counts.values()].reduce((a, b) => a + b, 0);
console.log(`${allocated + unallocated} words in ${classes} classes: ${allocated} allocated, ${seconds()} s`);
for (const [name, n] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${String(n).padStart(12)}  ${name}`);
console.log(`${shapes.size} shapes of ${new Set([...shapes.keys()].map((k) => k.split('.')[0])).size} patterns`);
if (!values.decode) {
  const { handlers, regions, bytes } = generate([...shapes.values()], features);
  console.log(
    `${handlers} handlers, ${regions} regions, ${(bytes / 2 ** 20).toFixed(1)} MB of WebAssembly: valid, ${seconds()} s`,
  );
}
