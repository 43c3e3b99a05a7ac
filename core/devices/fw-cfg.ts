/**
 * QEMU's firmware configuration device over MMIO (docs/specs/fw_cfg): a selector, a data register that reads the selected item on
 * and on, and DMA. Items are constant.
 */
import { FW_CFG_KEY, type FwCfgItem } from '../boot/fw-cfg-items.ts';
import type { Device, GuestMemory } from './device.ts';

const DATA = 0x00;
const DATA_BYTES = 8;
const SELECTOR = 0x08;
const DMA = 0x10;
/** What the DMA register reads as: "QEMU CFG". */
const DMA_SIGNATURE = [...'QEMU CFG'].map((c) => c.charCodeAt(0));

/** Bits of a DMA request's control word. */
const CONTROL = { error: 1, read: 2, skip: 4, select: 8, write: 16 } as const;
const REQUEST_BYTES = 16;
/** Most bytes that one step of a DMA copies. */
const CHUNK = 1 << 16;
const NOTHING = -1;

// Words of the state.
const W_KEY = 0;
const W_OFFSET = 1;
const W_DMA_HIGH = 2;

const FILE_NAME_BYTES = 56;
const FILE_ENTRY_BYTES = 8 + FILE_NAME_BYTES;

/** The files in the order of their keys, which is that of their names. */
const filesOf = (items: readonly FwCfgItem[]): FwCfgItem[] =>
  items.filter((i) => i.file !== undefined).sort((a, b) => (a.file! < b.file! ? -1 : 1));

/** The directory of files: a count, then size, key, reserved, name of each; big-endian. */
function directoryOf(files: readonly FwCfgItem[]): Uint8Array {
  const bytes = new Uint8Array(4 + files.length * FILE_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, files.length, false);
  files.forEach(({ file, bytes: contents }, n) => {
    const at = 4 + n * FILE_ENTRY_BYTES;
    const name = new TextEncoder().encode(file);
    if (name.length >= FILE_NAME_BYTES) throw new RangeError(`fw_cfg file name too long: ${file}`);
    view.setUint32(at, contents.length, false);
    view.setUint16(at + 4, FW_CFG_KEY.firstFile + n, false);
    bytes.set(name, at + 8);
  });
  return bytes;
}

export class FwCfg implements Device {
  /** Words of shared state. */
  static readonly WORDS = 3;

  private readonly state: Int32Array;
  private readonly memory: GuestMemory;
  private readonly items = new Map<number, Uint8Array>();

  /** `state`: `FwCfg.WORDS` shared words; then `reset` by one thread. Each key or file name may appear once. */
  constructor(state: Int32Array, items: readonly FwCfgItem[], memory: GuestMemory) {
    this.state = state;
    this.memory = memory;
    const files = filesOf(items);
    for (const item of items) if (item.key !== undefined) this.items.set(item.key, item.bytes);
    files.forEach((item, n) => {
      this.items.set(FW_CFG_KEY.firstFile + n, item.bytes);
    });
    this.items.set(FW_CFG_KEY.directory, directoryOf(files));
  }

  reset(): void {
    this.select(FW_CFG_KEY.signature);
    this.state[W_DMA_HIGH] = 0;
  }

  private select(key: number): boolean {
    this.state[W_OFFSET] = 0;
    this.state[W_KEY] = this.items.has(key) ? key : NOTHING;
    return this.state[W_KEY] !== NOTHING;
  }
  private get item(): Uint8Array | undefined {
    return this.items.get(this.state[W_KEY]!);
  }
  /** The next byte of the selected item; 0 behind its end. */
  private next(): number {
    const { item } = this;
    const at = this.state[W_OFFSET]!;
    if (!item || at >= item.length) return 0;
    this.state[W_OFFSET] = at + 1;
    return item[at]!;
  }

  read(offset: number, size: number): number {
    if (offset >= DATA && offset < DATA + DATA_BYTES) return this.data(size);
    if (offset >= DMA && offset + size <= DMA + DMA_SIGNATURE.length) {
      return assemble(DMA_SIGNATURE.slice(offset - DMA, offset - DMA + size));
    }
    return 0;
  }
  readWide(offset: number): readonly [number, number] {
    return [this.read(offset, 4), this.read(offset + (offset < DATA_BYTES ? 0 : 4), 4)];
  }
  /** The register holds the bytes in the order of the item, whatever the width. */
  private data(size: number): number {
    return assemble(Array.from({ length: size }, () => this.next()));
  }

  write(offset: number, value: number, size: number): void {
    if (offset === SELECTOR && size === 2) this.select(swap16(value));
    else if (offset === DMA && size === 4) this.state[W_DMA_HIGH] = swap32(value);
    else if (offset === DMA + 4 && size === 4) this.start(swap32(value));
  }
  writeWide(offset: number, low: number, high: number): void {
    if (offset !== DMA) return;
    this.state[W_DMA_HIGH] = swap32(low);
    this.start(swap32(high));
  }

  /** Carries out the request at a physical address: control, length, address; big-endian. */
  private start(low: number): void {
    const at = (this.state[W_DMA_HIGH]! >>> 0) * 2 ** 32 + (low >>> 0);
    this.state[W_DMA_HIGH] = 0;
    const request = this.memory.read(at, REQUEST_BYTES);
    if (!request) return;
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    const [control, length] = [view.getUint32(0, false), view.getUint32(4, false)];
    const address = view.getUint32(8, false) * 2 ** 32 + view.getUint32(12, false);
    if (control & CONTROL.select) this.select(control >>> 16);
    // Nothing is writable; the rest of a request that asks for it is not done.
    const done =
      control & CONTROL.read
        ? this.copy(address, length)
        : control & CONTROL.write
          ? false
          : this.skip(control, length);
    const status = new Uint8Array(4);
    status[3] = done ? 0 : CONTROL.error;
    this.memory.write(at, status);
  }
  private skip(control: number, length: number): boolean {
    if (control & CONTROL.skip) this.advance(length);
    return true;
  }
  private advance(length: number): void {
    this.state[W_OFFSET] = Math.min(this.item?.length ?? 0, this.state[W_OFFSET]! + length);
  }
  /** Copies from the item into memory, zeros where the item has ended. */
  private copy(address: number, length: number): boolean {
    for (let done = 0; done < length; ) {
      const count = Math.min(CHUNK, length - done);
      const chunk = new Uint8Array(count);
      const { item } = this;
      const at = this.state[W_OFFSET]!;
      if (item) chunk.set(item.subarray(at, at + count));
      if (!this.memory.write(address + done, chunk)) return false;
      this.advance(count);
      done += count;
    }
    return true;
  }
}

const assemble = (bytes: readonly number[]): number => bytes.reduce((value, byte, n) => value | (byte << (8 * n)), 0);
const swap16 = (v: number): number => ((v & 0xff) << 8) | ((v >>> 8) & 0xff);
const swap32 = (v: number): number => (swap16(v) << 16) | swap16(v >>> 16);
