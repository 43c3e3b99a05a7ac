/**
 * Where QEMU's answer is not the architecture's. The manual decides: the answer is corrected before it is recorded or
 * compared, and each correction has its reason here.
 */

import { CODE } from './environment.ts';
import { SLOT, type State } from './state.ts';
import { extract } from './template.ts';

interface Quirk {
  name: string;
  reason: string;
  correct: (word: number, state: State) => void;
}

const DATA_ABORTS = [0x24, 0x25];
const ALIGNMENT = 0x21;
const WNR = 1n << 6n;

/** Load-exclusives, compare-and-swap and the other atomics: what reads memory, even if it writes too. */
function readsExclusively(word: number): boolean {
  if (extract(word, 24, 6) === 0b001000) {
    const [o2, load, o1] = [extract(word, 23, 1), extract(word, 22, 1), extract(word, 21, 1)];
    return load === 1 || (o1 === 1 && (o2 === 1 || extract(word, 31, 1) === 0));
  }
  return (word & 0x3b20_0c00) === 0x3820_0000;
}

const QUIRKS: readonly Quirk[] = [
  {
    name: 'alignment-wnr',
    reason:
      'QEMU 11.1 sets ESR.WnR for an alignment fault (crossing 16 bytes) of load-exclusives and atomics. ' +
      'The pseudocode has WnR = write and not read there; QEMU 7.2, and 11.1 itself on Device memory, say 0.',
    correct: (word, state) => {
      const { esr } = state;
      if (!DATA_ABORTS.includes(esr >>> 26) || (esr & 63) !== ALIGNMENT || !readsExclusively(word)) return;
      state.slots[SLOT.esr] &= ~WNR;
    },
  },
];

/** Makes QEMU's answer to this case the architecture's. */
export function correctQuirks(words: readonly number[], state: State): void {
  if (state.esr === 0) return;
  const word = words[Number(state.pc - BigInt(CODE)) / 4];
  if (word === undefined) return;
  for (const quirk of QUIRKS) quirk.correct(word, state);
}
