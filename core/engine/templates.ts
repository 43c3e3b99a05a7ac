/**
 * Records of instruction words met before, so that most records are filled without decoding anything: a direct-mapped cache.
 */
import { REC_ACTIVE, REC_BASE_HANDLER, REC_IMM, REC_OPS, REC_SHIFT } from './abi.ts';
import type { Decoded } from './decoded.ts';

const ENTRIES = 1 << 15;
// An entry, in words: the instruction; handler in [15:0], that of a branch in its page in [31:16]; operands; immediate, or distance.
const WORD = 0;
const SLOTS = 1;
const OPS = 2;
const LO = 3;
const HI = 4;
const BRANCH = 5;
const ENTRY_SHIFT = 3;

export class Templates {
  private readonly entries = new Uint32Array(ENTRIES << ENTRY_SHIFT);
  private readonly u32: Uint32Array;
  private readonly u16: Uint16Array;

  constructor(memory: SharedArrayBuffer) {
    this.u32 = new Uint32Array(memory);
    this.u16 = new Uint16Array(memory);
  }
  private entry(word: number): number {
    return (Math.imul(word, 0x9e3779b1) >>> 17) << ENTRY_SHIFT;
  }
  /** Fills the record for `word` at `offset` in its page; `far`: branches go by their distance in any case. False: not known. */
  fill(rec: number, word: number, offset: number, far: boolean): boolean {
    const { entries } = this;
    const at = this.entry(word);
    if (entries[at + WORD] !== word) return false;
    const slots = entries[at + SLOTS]!;
    const distance = entries[at + LO]! | 0;
    const near = entries[at + BRANCH] !== 0 && !far && ((offset + distance) & ~0xfff) === 0;
    const slot = near ? slots >>> 16 : slots & 0xffff;
    if (slot === 0) return false;
    this.u32[(rec + REC_OPS) >> 2] = entries[at + OPS]!;
    this.u32[(rec + REC_IMM) >> 2] = near ? distance << (REC_SHIFT - 2) : distance;
    this.u32[(rec + REC_IMM + 4) >> 2] = entries[at + HI]!;
    this.u16[(rec + REC_BASE_HANDLER) >> 1] = slot;
    this.u16[(rec + REC_ACTIVE) >> 1] = slot;
    return true;
  }
  /** Remembers what `fill` needs: the handler of this instruction, or of the same branch inside its page. */
  note(word: number, d: Decoded, near: boolean, slot: number): void {
    const { entries } = this;
    const at = this.entry(word);
    const old = entries[at + WORD] === word ? entries[at + SLOTS]! : 0;
    entries[at + WORD] = word;
    entries[at + SLOTS] = near ? (old & 0xffff) | (slot << 16) : (old & ~0xffff) | slot;
    let ops = 0;
    for (const [i, o] of d.ops.entries()) ops |= o << (8 * i);
    entries[at + OPS] = ops;
    entries[at + LO] = d.target ?? d.immLo;
    entries[at + HI] = d.immHi;
    entries[at + BRANCH] = d.target === null ? 0 : 1;
  }
}
