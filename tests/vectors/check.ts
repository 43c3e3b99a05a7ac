/** Compares what an executor gives with what is expected, bit for bit, and says readably how they differ. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CODE } from './environment.ts';
import type { Case, Executor } from './executor.ts';
import type { Vector } from './format.ts';
import { SLOTS, type State, slotName } from './state.ts';

const hex = (value: bigint) => value.toString(16).padStart(16, '0');

export interface Mismatch {
  index: number;
  case: Case;
  expected: State;
  actual: State;
}

export function sameState(left: State, right: State): boolean {
  for (let slot = 0; slot < SLOTS; slot++) if (left.slots[slot] !== right.slots[slot]) return false;
  return true;
}

export function compare(cases: readonly Case[], expected: readonly State[], actual: readonly State[]): Mismatch[] {
  if (actual.length !== cases.length) throw new Error(`${actual.length} results for ${cases.length} cases`);
  return cases.flatMap((each, index) =>
    sameState(expected[index], actual[index])
      ? []
      : [{ index, case: each, expected: expected[index], actual: actual[index] }],
  );
}

/** The words with their addresses, disassembled if binutils for AArch64 is here. */
export function listing(words: readonly number[]): string[] {
  const plain = words.map((word, index) => `${(CODE + 4 * index).toString(16)}: ${word.toString(16).padStart(8, '0')}`);
  const folder = mkdtempSync(join(tmpdir(), 'trireme-words-'));
  try {
    const file = join(folder, 'words.bin');
    writeFileSync(file, new Uint8Array(Uint32Array.from(words).buffer));
    const raw = ['-D', '-b', 'binary', '-m', 'aarch64', `--adjust-vma=0x${CODE.toString(16)}`, '-M', 'no-aliases'];
    const made = spawnSync('aarch64-linux-gnu-objdump', [...raw, file], { encoding: 'utf8' });
    if (made.status !== 0) return plain;
    const lines = made.stdout
      .split('\n')
      .flatMap((line) => /^\s*[0-9a-f]+:\s+[0-9a-f]{8}\s+(.*)$/.exec(line)?.[1] ?? []);
    return lines.length === words.length
      ? plain.map((line, index) => `${line}  ${lines[index].replace('\t', ' ')}`)
      : plain;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What there is to say about a mismatch: the words, the registers they name, and every slot that differs. */
export function describe(mismatch: Mismatch, expectedName = 'expected', actualName = 'actual'): string {
  const { expected, actual, case: each } = mismatch;
  const lines = [`case ${mismatch.index}:`, ...listing(each.words).map((line) => `  ${line}`)];
  const width = Math.max(expectedName.length, actualName.length, 16);
  const row = (...columns: string[]) =>
    `  ${columns[0].padEnd(13)}${columns
      .slice(1)
      .map((c) => c.padEnd(width + 2))
      .join('')}`.trimEnd();
  lines.push(row('', 'before', expectedName, actualName));
  for (let slot = 0; slot < SLOTS; slot++) {
    const [wanted, given] = [expected.slots[slot], actual.slots[slot]];
    const before = each.input.slots[slot];
    if (wanted !== given) lines.push(row(slotName(slot), hex(before), hex(wanted), hex(given)));
    else if (wanted !== before) lines.push(row(slotName(slot), hex(before), hex(wanted), 'the same'));
  }
  const named = new Set(
    each.words.flatMap((word) => [word & 31, (word >>> 5) & 31, (word >>> 10) & 31, (word >>> 16) & 31]),
  );
  const inputs = [...named].filter((register) => register < 31).sort((left, right) => left - right);
  lines.push(`  with ${inputs.map((register) => `X${register}=${each.input.x(register).toString(16)}`).join(' ')}`);
  const { sp, pstate, fpcr, fpsr } = each.input;
  lines.push(
    `  SP=${sp.toString(16)} PSTATE=${pstate.toString(16)} FPCR=${fpcr.toString(16)} FPSR=${fpsr.toString(16)}`,
  );
  return lines.join('\n');
}

/** Runs recorded vectors and throws if any state differs, with the first few differences spelt out. */
export function checkVectors(executor: Executor, vectors: readonly Vector[], shown = 5): void {
  const actual = executor.run(vectors);
  const mismatches = compare(
    vectors,
    vectors.map(({ expected }) => expected),
    actual,
  );
  if (mismatches.length === 0) return;
  const texts = mismatches.slice(0, shown).map((mismatch) => describe(mismatch, 'expected', executor.name));
  throw new Error([`${mismatches.length} of ${vectors.length} cases differ`, ...texts].join('\n'));
}
