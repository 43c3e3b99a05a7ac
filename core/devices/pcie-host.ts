/**
 * A generic PCIe host bridge without devices: its configuration space (ECAM; PCI Express Base Specification, 7.2.2) with the bridge
 * itself at 00:00.0 as QEMU shows it, and windows in which nothing answers.
 */
import type { Device } from './device.ts';

/** Bytes of a function's configuration space. */
const FUNCTION_BYTES = 4096;
const COMMAND = 0x04;
const CACHE_LINE = 0x0c;
const INTERRUPT_LINE = 0x3c;
/** The header of type 0 (7.5.1.2), words that are not zero: the identification 1b36:0008, class "host bridge", subsystem 1af4:1100. */
const HEADER: Readonly<Record<number, number>> = { 0: 0x0008_1b36, 8: 0x0600_0000, 44: 0x1100_1af4 };
/** Bits that can be written: I/O, memory, bus master, SERR, INTx disable; cache line size; interrupt line. */
const WRITABLE: Readonly<Record<number, number>> = { [COMMAND]: 0x0507, [CACHE_LINE]: 0xff, [INTERRUPT_LINE]: 0xff };
const WORD_OF: Readonly<Record<number, number>> = { [COMMAND]: 0, [CACHE_LINE]: 1, [INTERRUPT_LINE]: 2 };

/** What reads give where nothing answers: all ones. */
const nothing = (size: number): number => (size >= 4 ? -1 : 2 ** (8 * size) - 1);

/** The configuration space of all buses. */
export class PcieConfiguration implements Device {
  /** Words of shared state. */
  static readonly WORDS = 3;
  private readonly state: Int32Array;

  /** `state`: `PcieConfiguration.WORDS` shared words; then `reset` by one thread. */
  constructor(state: Int32Array) {
    this.state = state;
  }
  reset(): void {
    this.state.fill(0);
  }
  private word(at: number): number {
    const word = WORD_OF[at];
    return word === undefined ? (HEADER[at] ?? 0) : this.state[word]!;
  }
  read(offset: number, size: number): number {
    if (offset >= FUNCTION_BYTES) return nothing(size);
    const value = this.word(offset & ~3) >>> (8 * (offset & 3));
    return size >= 4 ? value : value & nothing(size);
  }
  write(offset: number, value: number, size: number): void {
    const at = offset & ~3;
    const word = WORD_OF[at];
    if (offset >= FUNCTION_BYTES || word === undefined) return;
    const shift = 8 * (offset & 3);
    const lanes = (nothing(size) << shift) & WRITABLE[at]!;
    this.state[word] = (this.state[word]! & ~lanes) | ((value << shift) & lanes);
  }
}

/** The windows of memory and port space. */
export class PcieWindow implements Device {
  read(_offset: number, size: number): number {
    return nothing(size);
  }
  write(): void {}
}
