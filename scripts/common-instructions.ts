// Writes core/engine/common-instructions.ts: one instruction of each shape that is common in the programs given (raw images: each
// aligned word counts, so what is seldom may be data).
//
//   node --no-warnings scripts/common-instructions.ts IMAGE...
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Decoder } from '../core/arch/a64/decoder.ts';
import { groups } from '../core/arch/a64/table.ts';
import { featureNames } from '../core/arch/features.ts';
import { analyse } from '../core/engine/decoded.ts';
import { shapeOf } from '../core/engine/handlers.ts';

/** Places at which a shape must stand in all images together, and shapes that are listed at most. */
const LEAST = 2;
const MOST = 3000;

const patterns = groups.flatMap((g) => g.patterns);
const decoder = new Decoder(patterns, featureNames);
const seen = new Map<string, { word: number; count: number }>();
for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = bytes.readUInt32LE(at);
    const d = analyse(decoder, word);
    if (!d) continue;
    const key = `${d.pattern.id} ${shapeOf({ word, d, near: false })}`;
    const entry = seen.get(key);
    if (entry) entry.count++;
    else seen.set(key, { word, count: 1 });
  }
}
const words = [...seen.values()]
  .filter(({ count }) => count >= LEAST)
  .sort((a, b) => b.count - a.count)
  .slice(0, MOST)
  .map(({ word }) => word.toString(16).padStart(8, '0'));
const lines: string[] = [];
for (let i = 0; i < words.length; i += 14) lines.push(words.slice(i, i + 14).join(' '));
const target = join(import.meta.dirname, '..', 'core', 'engine', 'common-instructions.ts');
writeFileSync(
  target,
  `/**
 * One instruction of each shape that is common in kernels, firmware and C programs, most common first (words in hexadecimal): their
 * handlers are built with the command, once for all threads. Written by scripts/common-instructions.ts.
 */
export const COMMON_INSTRUCTIONS = \`
${lines.join('\n')}
\`;
`,
);
console.log(`${words.length} of ${seen.size} shapes`);
