/** What binutils makes of instruction words, and a form of text in which two disassemblers can be compared. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OBJDUMP = 'aarch64-linux-gnu-objdump';

export const hasObjdump = (): boolean => spawnSync(OBJDUMP, ['--version']).status === 0;

/** The texts of words that lie one after the other from `pc`. */
export function objdump(words: readonly number[], pc: bigint, aliases = true): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-objdump-'));
  try {
    const file = join(folder, 'words.bin');
    writeFileSync(file, new Uint8Array(Uint32Array.from(words).buffer));
    const options = ['-D', '-z', '-b', 'binary', '-m', 'aarch64', `--adjust-vma=0x${pc.toString(16)}`];
    if (!aliases) options.push('-M', 'no-aliases');
    const { stdout } = spawnSync(OBJDUMP, [...options, file], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const texts = stdout.split('\n').flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$/.exec(line)?.[1] ?? []);
    if (texts.length !== words.length) throw new Error(`objdump gave ${texts.length} lines for ${words.length} words`);
    return texts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without comments and symbols, numbers decimal, register ranges as lists. */
export function normalised(text: string): string {
  return text
    .toLowerCase()
    .replace(/\/\/.*$/, '')
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ')
    .replace(/\{v(\d+)\.(\w+) ?- ?v(\d+)\.\w+\}/g, (_all, a: string, shape: string, b: string) => {
      const count = ((Number(b) - Number(a)) & 31) + 1;
      return `{${Array.from({ length: count }, (_, n) => `v${(Number(a) + n) & 31}.${shape}`).join(', ')}}`;
    })
    .replace(/-?0x[0-9a-f]+/g, (n) => (n.startsWith('-') ? -BigInt(n.slice(1)) : BigInt(n)).toString())
    .replace(/-?\d+\.\d+(e[+-]\d+)?/g, (n) => `${Number(n)}`)
    .replace(/ ?([,[\]{}]) ?/g, '$1')
    .trim();
}
/** binutils 2.40 does not know the word, or knows no name for what it does. */
export const isUnknown = (text: string): boolean => /undefined|\.inst|^sysl?\b|\bs[0-3]_[0-7]_c/.test(text);
