/**
 * PL011 UART (Arm DDI 0183, r1p5; the identification is r1p3's or older, which have FIFOs of 16).
 *
 * Transmission takes no time: a byte written goes out at once, so the transmit FIFO is always empty, and the transmit interrupt is
 * raised by each write, as by the last byte leaving. The receive timeout comes as soon as no further byte is on the line.
 * UARTEN, TXE and baud rates do not matter to data: bare programs write to the UART without setting it up.
 */
import type { Device, InterruptLine } from './device.ts';
import { lock, unlock } from './lock.ts';

/** The other end of the wire. */
export interface SerialLine {
  send(byte: number): void;
  /** The next byte that arrived, or −1. */
  receive(): number;
  /** Bytes that have arrived and were not received. */
  readonly waiting: number;
}

const FIFO_DEPTH = 16;

// Register offsets.
const DR = 0x00;
const RSR = 0x04;
const FR = 0x18;
const ILPR = 0x20;
const IBRD = 0x24;
const FBRD = 0x28;
const LCR_H = 0x2c;
const CR = 0x30;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;
const DMACR = 0x48;
const PERIPH_ID0 = 0xfe0;

/** UARTPeriphID0–3, UARTPCellID0–3. */
const IDENTIFICATION = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

// Bits.
const FR_CTS = 1 << 0;
const FR_DSR = 1 << 1;
const FR_DCD = 1 << 2;
const FR_RXFE = 1 << 4;
const FR_RXFF = 1 << 6;
const FR_TXFE = 1 << 7;
const FR_RI = 1 << 8;
const LCR_FEN = 1 << 4;
const CR_UARTEN = 1 << 0;
const CR_LBE = 1 << 7;
const CR_RXE = 1 << 9;
const CR_DTR = 1 << 10;
const CR_RTS = 1 << 11;
const CR_OUT1 = 1 << 12;
const CR_OUT2 = 1 << 13;
const INT_RX = 1 << 4;
const INT_TX = 1 << 5;
const INT_RT = 1 << 6;
const INT_ALL = 0x7ff;

/** Receive trigger levels by IFLS.RXIFLSEL: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO; reserved values as 1/2. */
const TRIGGERS = [2, 4, 8, 12, 14, 8, 8, 8];

// Words of the state.
const W_LOCK = 0;
const W_LEVEL = 1;
const W_ILPR = 2;
const W_IBRD = 3;
const W_FBRD = 4;
const W_LCR = 5;
const W_CR = 6;
const W_IFLS = 7;
const W_IMSC = 8;
const W_RIS = 9;
const W_DMACR = 10;
const W_RSR = 11;
const W_HEAD = 12;
const W_COUNT = 13;
const W_FIFO = 14;

export class Pl011 implements Device {
  /** Words of shared state. */
  static readonly WORDS = W_FIFO + FIFO_DEPTH;
  readonly ownLock = true;

  private readonly state: Int32Array;
  private readonly line: SerialLine;
  private readonly irq: InterruptLine;

  /** `state`: `Pl011.WORDS` shared words, common to all threads' instances of this device; zero, then `reset` by one of them. */
  constructor(state: Int32Array, line: SerialLine, irq: InterruptLine = () => {}) {
    this.state = state;
    this.line = line;
    this.irq = irq;
  }

  reset(): void {
    this.locked(() => {
      this.state.fill(0, W_ILPR, Pl011.WORDS);
      this.state[W_CR] = 0x300;
      this.state[W_IFLS] = 0x12;
    });
  }

  /** To be called when bytes have arrived on the line. */
  arrived(): void {
    this.locked(() => {
      if (this.receiving) this.refill();
    });
  }

  read(offset: number, size: number): number {
    const value = this.locked(() => this.readRegister(offset & 0xffc));
    const shifted = value >>> (8 * (offset & 3));
    return size >= 4 ? shifted : shifted & ((1 << (8 * size)) - 1);
  }

  write(offset: number, value: number, size: number): void {
    const narrow = size >= 4 ? value : value & ((1 << (8 * size)) - 1);
    // Registers have no byte lanes: a narrow write gives the whole register, and one beside its first byte is ignored.
    if ((offset & 3) !== 0) return;
    this.locked(() => this.writeRegister(offset & 0xffc, narrow));
    // Not under the lock: the line may make this thread wait for the host, and the host may be about to call `arrived`.
    if ((offset & 0xffc) === DR && (this.state[W_CR]! & CR_LBE) === 0) this.line.send(narrow & 0xff);
  }

  private locked<T>(work: () => T): T {
    lock(this.state, W_LOCK);
    try {
      const result = work();
      const level = (this.state[W_RIS]! & this.state[W_IMSC]!) !== 0;
      if (level !== (this.state[W_LEVEL] !== 0)) {
        this.state[W_LEVEL] = level ? 1 : 0;
        this.irq(level);
      }
      return result;
    } finally {
      unlock(this.state, W_LOCK);
    }
  }

  private get receiving(): boolean {
    return (this.state[W_CR]! & (CR_UARTEN | CR_RXE)) === (CR_UARTEN | CR_RXE);
  }
  private get depth(): number {
    return this.state[W_LCR]! & LCR_FEN ? FIFO_DEPTH : 1;
  }
  private get trigger(): number {
    return this.state[W_LCR]! & LCR_FEN ? TRIGGERS[(this.state[W_IFLS]! >>> 3) & 7]! : 1;
  }

  /** Takes what the line has, as far as there is room. */
  private refill(): void {
    if (this.state[W_CR]! & CR_LBE) return;
    while (this.state[W_COUNT]! < this.depth) {
      const byte = this.line.receive();
      if (byte < 0) break;
      this.push(byte);
    }
    if (this.state[W_COUNT]! > 0 && this.line.waiting === 0) this.state[W_RIS]! |= INT_RT;
  }

  private push(byte: number): void {
    const s = this.state;
    const count = s[W_COUNT]!;
    if (count >= this.depth) {
      // Overrun: only loopback gets here. The FIFO keeps what it has.
      s[W_RSR]! |= 8;
      s[W_RIS]! |= 1 << 10;
      return;
    }
    s[W_FIFO + ((s[W_HEAD]! + count) % FIFO_DEPTH)] = byte;
    s[W_COUNT] = count + 1;
    if (count + 1 >= this.trigger) s[W_RIS]! |= INT_RX;
  }

  private pop(): number {
    const s = this.state;
    const count = s[W_COUNT]!;
    const head = s[W_HEAD]!;
    const entry = s[W_FIFO + head]!;
    // An empty FIFO gives the last byte once more.
    if (count === 0) return s[W_FIFO + ((head + FIFO_DEPTH - 1) % FIFO_DEPTH)]! & 0xff;
    s[W_HEAD] = (head + 1) % FIFO_DEPTH;
    s[W_COUNT] = count - 1;
    if (count - 1 < this.trigger) s[W_RIS]! &= ~INT_RX;
    if (count === 1) s[W_RIS]! &= ~INT_RT;
    this.refill();
    return entry;
  }

  private flags(): number {
    const s = this.state;
    const count = s[W_COUNT]!;
    let fr = FR_TXFE;
    if (count === 0) fr |= FR_RXFE;
    if (count >= this.depth) fr |= FR_RXFF;
    const cr = s[W_CR]!;
    if (cr & CR_LBE) {
      if (cr & CR_RTS) fr |= FR_CTS;
      if (cr & CR_DTR) fr |= FR_DSR;
      if (cr & CR_OUT1) fr |= FR_DCD;
      if (cr & CR_OUT2) fr |= FR_RI;
    }
    return fr;
  }

  private readRegister(offset: number): number {
    const s = this.state;
    if (offset >= PERIPH_ID0) return IDENTIFICATION[(offset - PERIPH_ID0) >> 2]!;
    switch (offset) {
      case DR:
        if (s[W_COUNT] === 0) this.refill();
        return this.pop();
      case RSR:
        return s[W_RSR]!;
      case FR:
        if (s[W_COUNT] === 0) this.refill();
        return this.flags();
      case ILPR:
        return s[W_ILPR]!;
      case IBRD:
        return s[W_IBRD]!;
      case FBRD:
        return s[W_FBRD]!;
      case LCR_H:
        return s[W_LCR]!;
      case CR:
        return s[W_CR]!;
      case IFLS:
        return s[W_IFLS]!;
      case IMSC:
        return s[W_IMSC]!;
      case RIS:
        return s[W_RIS]!;
      case MIS:
        return s[W_RIS]! & s[W_IMSC]!;
      case DMACR:
        return s[W_DMACR]!;
      default:
        return 0;
    }
  }

  private writeRegister(offset: number, value: number): void {
    const s = this.state;
    switch (offset) {
      case DR:
        if (s[W_CR]! & CR_LBE) this.push(value & 0xff);
        s[W_RIS]! |= INT_TX;
        break;
      case RSR:
        s[W_RSR] = 0;
        break;
      case ILPR:
        s[W_ILPR] = value & 0xff;
        break;
      case IBRD:
        s[W_IBRD] = value & 0xffff;
        break;
      case FBRD:
        s[W_FBRD] = value & 0x3f;
        break;
      case LCR_H:
        // Turning the FIFOs on or off empties them.
        if ((s[W_LCR]! ^ value) & LCR_FEN) {
          s[W_HEAD] = 0;
          s[W_COUNT] = 0;
          s[W_RIS]! &= ~(INT_RX | INT_RT);
        }
        s[W_LCR] = value & 0xff;
        if (this.receiving) this.refill();
        break;
      case CR:
        s[W_CR] = value & 0xff87;
        if (this.receiving) this.refill();
        break;
      case IFLS:
        s[W_IFLS] = value & 0x3f;
        break;
      case IMSC:
        s[W_IMSC] = value & INT_ALL;
        break;
      case ICR:
        s[W_RIS]! &= ~value;
        break;
      case DMACR:
        s[W_DMACR] = value & 7;
        break;
      default:
        break;
    }
  }
}
