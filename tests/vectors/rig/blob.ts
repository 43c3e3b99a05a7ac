/** What the rig reads: a blob of header, host-made code, translation tables and cases (see rig.S). */

import {
  BLOB,
  END_WORDS,
  type Environment,
  MAX_WORDS,
  registerMove,
  TABLES,
  translationTables,
} from '../environment.ts';
import type { Case } from '../executor.ts';
import { RECORD_BYTES, WORDS_OFFSET } from '../state.ts';

const MAGIC = 'TRIREME1';
const COUNT = 8;
const SETUP = 0x1000;
const RESET = 0x1400;
const CAPTURE = 0x1800;
const CASES = 0x10000;
const WORDS_BYTES = 80;

/** More would run into the results' place. */
export const MAX_CASES = 65_536;

const ISB = 0xd5033fdf;
const RET = 0xd65f03c0;
/** LDR X0, to be given a literal's distance; STR X2, [X0], #8. */
const LDR_X0 = 0x58000000;
const STR_X2 = 0xf8008402;

/** A routine that writes these registers, through X0. */
function writer(registers: Environment['setup'], synchronise: boolean): Uint32Array {
  const code: number[] = [];
  const literals: bigint[] = [];
  const length = registers.length * (synchronise ? 3 : 2) + 1;
  const pool = length + (length & 1);
  for (const { encoding, value } of registers) {
    code.push((LDR_X0 | ((pool + 2 * literals.length - code.length) << 5)) >>> 0, registerMove(encoding, 0));
    if (synchronise) code.push(ISB);
    literals.push(value);
  }
  code.push(RET);
  if (length & 1) code.push(RET);
  return Uint32Array.from([
    ...code,
    ...literals.flatMap((value) => [Number(value & 0xffff_ffffn), Number(value >> 32n)]),
  ]);
}

function capturer(registers: Environment['capture']): Uint32Array {
  return Uint32Array.from([...registers.flatMap(({ encoding }) => [registerMove(encoding, 2, true), STR_X2]), RET]);
}

export function encodeBlob(cases: readonly Case[], environment: Environment): Uint8Array {
  if (cases.length > MAX_CASES) throw new Error(`at most ${MAX_CASES} cases at a time`);
  const buffer = new ArrayBuffer(CASES + cases.length * RECORD_BYTES);
  const bytes = new Uint8Array(buffer);
  const place = (words: Uint32Array, at: number, end: number) => {
    if (at + words.byteLength > end) throw new Error('too many registers in the environment');
    new Uint32Array(buffer, at, words.length).set(words);
  };
  bytes.set(new TextEncoder().encode(MAGIC));
  new DataView(buffer).setBigUint64(COUNT, BigInt(cases.length), true);
  place(writer(environment.setup, true), SETUP, RESET);
  place(writer(environment.reset, false), RESET, CAPTURE);
  place(capturer(environment.capture), CAPTURE, TABLES - BLOB);
  new BigUint64Array(buffer, TABLES - BLOB).set(translationTables());
  cases.forEach(({ words, input }, index) => {
    const at = CASES + index * RECORD_BYTES;
    if (words.length < 1 || words.length > MAX_WORDS) throw new Error(`a case has 1 to ${MAX_WORDS} words`);
    new BigUint64Array(buffer, at, input.slots.length).set(input.slots);
    const code = new Uint32Array(buffer, at + WORDS_OFFSET, WORDS_BYTES / 4);
    code.fill(0);
    code.set(words);
    code.set(END_WORDS, words.length);
  });
  return bytes;
}
