/**
 * Parallel NOR flash with the Common Flash Interface and Intel's command set (CFI publications 100 and 137; JEDEC JESD68.01), as
 * the machine `virt` has it: a bank 32 bits wide made of two 16-bit chips side by side, blocks of 256 KiB (two of 128 KiB). A
 * command is taken from the low byte of a write; answers come from both chips at once.
 *
 * Commands take no time: the status says "ready" in the access after. Programming stores what is written, as in QEMU; a real chip
 * can only clear bits. Blocks are never locked: locking commands are taken and have no effect. A bank that is read-only answers
 * commands as ever, but programming and erasing end with their error in the status, as in QEMU.
 */
import type { Device } from './device.ts';

/** Bytes of an erase block of the bank. */
export const FLASH_BLOCK = 256 << 10;
const CHIPS = 2;
const CHIP_WIDTH = 2;
const BANK_WIDTH = CHIPS * CHIP_WIDTH;
/** Write buffer of a chip: 2^11 bytes. */
const BUFFER_LOG2 = 11;
const BUFFER_BYTES = CHIPS << BUFFER_LOG2;

const COMMAND = {
  readArray: 0xff,
  readArrayToo: 0x00,
  /** AMD's reset: drivers probe with it. */
  amdReset: 0xf0,
  program: 0x40,
  programToo: 0x10,
  erase: 0x20,
  clearStatus: 0x50,
  lock: 0x60,
  readStatus: 0x70,
  readIdentifier: 0x90,
  query: 0x98,
  bufferedProgram: 0xe8,
  confirm: 0xd0,
  setLock: 0x01,
} as const;
const STATUS_READY = 0x80;
const STATUS_ERASE_ERROR = 0x20;
const STATUS_PROGRAM_ERROR = 0x10;
/** Manufacturer (Intel) and device, as QEMU has them. */
const IDENTIFIERS = [0x89, 0x18];

// Words of the state.
const W_MODE = 0;
const W_STATUS = 1;
/** Bus cycle of the command: 0 none is under way, 1 its operand is awaited, 2 data for the buffer, 3 its confirmation. */
const W_CYCLE = 2;
/** Words still to come for the buffer. */
const W_COUNT = 3;
/** Offset of the buffer in the flash, or −1. */
const W_BUFFER_AT = 4;
const W_BUFFER = 5;

export class Flash implements Device {
  /** Words of shared state. */
  static readonly WORDS = W_BUFFER + BUFFER_BYTES / 4;

  private readonly state: Int32Array;
  private readonly buffer: Uint8Array;
  private readonly bytes: Uint8Array;
  private readonly modeChanged: (arrayMode: boolean) => void;
  private readonly table: Uint8Array;
  private readonly readOnly: boolean;

  /**
   * `state`: `Flash.WORDS` shared words, zero or as another instance left them; then `reset` by one thread. `bytes`: the contents,
   * shared; a whole number of blocks. `modeChanged` tells when reads begin to come from the contents (true) or have to come here.
   */
  constructor(state: Int32Array, bytes: Uint8Array, modeChanged: (arrayMode: boolean) => void, readOnly = false) {
    if (bytes.length === 0 || bytes.length % FLASH_BLOCK !== 0) throw new RangeError('a flash has whole blocks');
    this.state = state;
    this.buffer = new Uint8Array(state.buffer, state.byteOffset + 4 * W_BUFFER, BUFFER_BYTES);
    this.bytes = bytes;
    this.modeChanged = modeChanged;
    this.table = queryTable(bytes.length);
    this.readOnly = readOnly;
  }

  /** Reads come from the contents at present. */
  get arrayMode(): boolean {
    return this.state[W_MODE] === COMMAND.readArrayToo;
  }

  reset(): void {
    this.state[W_STATUS] = STATUS_READY;
    this.toArray();
  }

  read(offset: number, size: number): number {
    const value = this.answer(offset, size);
    return size >= 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  private answer(offset: number, size: number): number {
    switch (this.state[W_MODE]) {
      case COMMAND.readArrayToo:
        return this.contents(offset, size);
      case COMMAND.readIdentifier:
        return bothChips(IDENTIFIERS[this.column(offset) & 0xff] ?? 0);
      case COMMAND.query:
        return bothChips(this.table[this.column(offset)] ?? 0);
      default:
        // All the rest show the status; a narrow access sees one chip's.
        return size > CHIP_WIDTH ? bothChips(this.state[W_STATUS]!) : this.state[W_STATUS]!;
    }
  }
  /** Number of the bank's word at an offset: what the chips' address lines get. */
  private column(offset: number): number {
    return Math.floor(offset / BANK_WIDTH);
  }
  private contents(offset: number, size: number): number {
    let value = 0;
    for (let n = 0; n < size; n++) value |= (this.bytes[offset + n] ?? 0) << (8 * n);
    return value;
  }

  write(offset: number, value: number, size: number): void {
    const command = value & 0xff;
    switch (this.state[W_CYCLE]) {
      case 0:
        this.begin(command);
        break;
      case 1:
        this.operand(offset, value, size, command);
        break;
      case 2:
        this.fill(offset, value, size);
        break;
      default:
        if (command === COMMAND.confirm && (this.state[W_STATUS]! & STATUS_PROGRAM_ERROR) === 0) this.flush();
        else this.toArray();
    }
  }

  /** First cycle: the command itself. */
  private begin(command: number): void {
    const s = this.state;
    switch (command) {
      case COMMAND.clearStatus:
        s[W_STATUS] = STATUS_READY;
        this.toArray();
        return;
      case COMMAND.readStatus:
      case COMMAND.readIdentifier:
      case COMMAND.query:
        this.enter(command, 0);
        return;
      case COMMAND.program:
      case COMMAND.programToo:
      case COMMAND.erase:
      case COMMAND.lock:
      case COMMAND.bufferedProgram:
        s[W_STATUS]! |= STATUS_READY;
        this.enter(command, 1);
        return;
      default:
        // The commands that return to the array, and what is none.
        this.toArray();
    }
  }

  /** Second cycle: a confirmation, data, or a count of words less one. */
  private operand(offset: number, value: number, size: number, command: number): void {
    const s = this.state;
    switch (s[W_MODE]) {
      case COMMAND.program:
      case COMMAND.programToo:
        if (!this.store(this.bytes, offset, value, size)) s[W_STATUS]! |= STATUS_PROGRAM_ERROR;
        s[W_CYCLE] = 0;
        return;
      case COMMAND.erase:
        if (command !== COMMAND.confirm) break;
        this.erase(offset);
        s[W_CYCLE] = 0;
        return;
      case COMMAND.lock:
        if (command !== COMMAND.confirm && command !== COMMAND.setLock) break;
        s[W_CYCLE] = 0;
        return;
      case COMMAND.bufferedProgram: {
        const at = offset - (offset % BUFFER_BYTES);
        s[W_COUNT] = value & 0xffff;
        s[W_BUFFER_AT] = at;
        this.buffer.set(this.bytes.subarray(at, at + BUFFER_BYTES));
        s[W_CYCLE] = 2;
        return;
      }
      default:
        break;
    }
    this.toArray();
  }

  private erase(offset: number): void {
    const at = offset - (offset % FLASH_BLOCK);
    if (this.readOnly || at + FLASH_BLOCK > this.bytes.length) this.state[W_STATUS]! |= STATUS_ERASE_ERROR;
    else this.bytes.fill(0xff, at, at + FLASH_BLOCK);
  }
  /** A word for the buffer; all have to lie in the same aligned piece of the flash. */
  private fill(offset: number, value: number, size: number): void {
    const s = this.state;
    if (!this.store(this.buffer, offset - s[W_BUFFER_AT]!, value, size)) s[W_STATUS]! |= STATUS_PROGRAM_ERROR;
    if (s[W_COUNT] === 0) s[W_CYCLE] = 3;
    else s[W_COUNT]!--;
  }
  private flush(): void {
    this.bytes.set(this.buffer, this.state[W_BUFFER_AT]!);
    this.state[W_BUFFER_AT] = -1;
    this.state[W_CYCLE] = 0;
  }
  private store(into: Uint8Array, offset: number, value: number, size: number): boolean {
    if (this.readOnly || offset < 0 || offset + size > into.length) return false;
    for (let n = 0; n < size; n++) into[offset + n] = value >>> (8 * n);
    return true;
  }

  private enter(mode: number, cycle: number): void {
    const was = this.arrayMode;
    this.state[W_MODE] = mode;
    this.state[W_CYCLE] = cycle;
    if (was) this.modeChanged(false);
  }
  private toArray(): void {
    const was = this.arrayMode;
    this.state[W_MODE] = COMMAND.readArrayToo;
    this.state[W_CYCLE] = 0;
    this.state[W_BUFFER_AT] = -1;
    if (!was) this.modeChanged(true);
  }
}

const bothChips = (value: number): number => value | (value << (8 * CHIP_WIDTH));

/** What a chip of a bank of `bytes` answers to the query command, a byte a word. */
function queryTable(bytes: number): Uint8Array {
  const table = new Uint8Array(0x40);
  const put = (at: number, values: readonly number[]): void => table.set(values, at);
  const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));
  const low = (n: number): [number, number] => [n & 0xff, (n >>> 8) & 0xff];
  const primary = 0x31;
  // "QRY"; Intel's extended command set, 1; where its own table is.
  put(0x10, [...ascii('QRY'), ...low(1), ...low(primary)]);
  // Supply 4.5 to 5.5 V. Times, as powers of two: program 2^7 µs, buffer 2^7 µs, block erase 2^10 ms; at most 2^4 times that.
  put(0x1b, [0x45, 0x55, 0, 0, 7, 7, 10, 0, 4, 4, 4, 0]);
  // Size as a power of two; 16-bit interface; buffer size as a power of two.
  put(0x27, [Math.log2(bytes / CHIPS), ...low(2), ...low(BUFFER_LOG2)]);
  // One region of blocks: their number less one, their size in units of 256 bytes.
  put(0x2c, [1, ...low(bytes / FLASH_BLOCK - 1), ...low(FLASH_BLOCK / CHIPS / 256)]);
  // The command set's own table, version 1.0: no optional features; one field of protection registers.
  put(primary, ascii('PRI10'));
  put(0x3f, [1]);
  return table;
}
