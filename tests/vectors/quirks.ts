/**
 * Where QEMU's answer is not the architecture's. The manual decides: the answer is corrected before it is recorded or
 * compared, and each correction has its reason here.
 */

import { CODE, VIEWS, WINDOW_BYTES } from './environment.ts';
import { SLOT, type State } from './state.ts';
import { extract } from './template.ts';

interface Quirk {
  name: string;
  reason: string;
  /** `input`: the state before this word, where that is known. */
  correct: (word: number, state: State, input: State | undefined) => void;
}

const DATA_ABORTS = [0x24, 0x25];
const ALIGNMENT = 0x21;
const WNR = 1n << 6n;
const DEVICE = VIEWS.find(({ name }) => name === 'device')!;

/** Load-exclusives, compare-and-swap and the other atomics: what reads memory, even if it writes too. */
function readsExclusively(word: number): boolean {
  if (extract(word, 24, 6) === 0b001000) {
    const [o2, load, o1] = [extract(word, 23, 1), extract(word, 22, 1), extract(word, 21, 1)];
    return load === 1 || (o1 === 1 && (o2 === 1 || extract(word, 31, 1) === 0));
  }
  return (word & 0x3b20_0c00) === 0x3820_0000;
}

/** Pairs of vector registers, and loads and stores of structures. */
function accessesManyElements(word: number): boolean {
  return (word & 0x3e00_0000) === 0x2c00_0000 || (word & 0xbe00_0000) >>> 0 === 0x0c00_0000;
}

const QUIRKS: readonly Quirk[] = [
  {
    name: 'fpsr-flags',
    reason:
      'QEMU keeps what MSR FPSR writes to bits [31:28] and 27, which are the flags of AArch32 (and QC). Where no exception ' +
      'level has AArch32, N, Z, C and V are RES0 (FPSR, field descriptions).',
    correct: (word, state) => {
      if ((word & 0xffff_ffe0) >>> 0 === 0xd51b_4420) state.slots[SLOT.fpsr] &= 0x0fff_ffffn;
    },
  },
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
  {
    name: 'partial-vectors',
    reason:
      'Where a later element of a SIMD access faults, QEMU has loaded or stored the earlier ones. The architecture allows ' +
      'that, as it allows to leave them alone; we do the latter, always.',
    correct: (word, state, input) => {
      if (!input || !DATA_ABORTS.includes(state.esr >>> 26) || !accessesManyElements(word)) return;
      state.v.set(input.v);
      state.memory.set(input.memory);
    },
  },
  {
    name: 'device-structures',
    reason:
      'QEMU 11.1 lets LD1–LD4 and ST1–ST4 of multiple structures access Device memory with misaligned elements; of single ' +
      'structures it does not. Any unaligned access to Device memory is an alignment fault.',
    correct: (word, state, input) => {
      if (!input || state.esr !== 0 || (word & 0xbf00_0000) >>> 0 !== 0x0c00_0000) return;
      const base = extract(word, 5, 5);
      const address = base === 31 ? input.sp : input.x(base);
      const offset = Number((address & 0xff_ffff_ffff_ffffn) - BigInt(DEVICE.address));
      if (offset < 0 || offset >= WINDOW_BYTES || offset % (1 << extract(word, 10, 2)) === 0) return;
      state.slots.set(input.slots);
      state.slots[SLOT.esr] = 0x9600_0000n | BigInt(ALIGNMENT) | (extract(word, 22, 1) ? 0n : WNR);
      state.slots[SLOT.far] = address;
      state.slots[SLOT.pc] = BigInt(CODE);
    },
  },
];

/** Makes QEMU's answer to this case the architecture's. */
export function correctQuirks(words: readonly number[], state: State, input: State): void {
  if (state.esr === 0 && words.length !== 1) return;
  const at = state.esr === 0 ? 0 : Number(state.pc - BigInt(CODE)) / 4;
  const word = words[at];
  if (word === undefined) return;
  for (const quirk of QUIRKS) quirk.correct(word, state, at === 0 ? input : undefined);
}
