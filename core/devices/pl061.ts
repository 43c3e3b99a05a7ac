/**
 * PL061 general purpose input/output (Arm DDI 0190, chapter 3): eight lines, each an input or an output, and interrupts of inputs.
 * A line that nobody drives is low, as on the machine `virt`.
 */
import type { Device, InterruptLine } from './device.ts';
import { identification } from './identification.ts';

const DIR = 0x400;
const IS = 0x404;
const IBE = 0x408;
const IEV = 0x40c;
const IE = 0x410;
const RIS = 0x414;
const MIS = 0x418;
const IC = 0x41c;
const AFSEL = 0x420;
const PERIPH_ID = [0x61, 0x10, 0x04, 0x00];

// Words of the state, each with a bit a line.
/** What was last written to outputs. */
const W_OUT = 0;
/** Levels from outside. */
const W_IN = 1;
const W_DIR = 2;
/** Interrupts by level; by both edges; by rising edge or high level; enabled. */
const W_IS = 3;
const W_IBE = 4;
const W_IEV = 5;
const W_IE = 6;
/** Edges seen and not cleared. */
const W_EDGES = 7;
const W_AFSEL = 8;
const W_LEVEL = 9;
/** Output levels that were told. */
const W_TOLD = 10;

/** Registers that are plain words. */
const PLAIN: Readonly<Record<number, number>> = {
  [DIR]: W_DIR,
  [IS]: W_IS,
  [IBE]: W_IBE,
  [IEV]: W_IEV,
  [IE]: W_IE,
  [AFSEL]: W_AFSEL,
};

export class Pl061 implements Device {
  /** Words of shared state. */
  static readonly WORDS = 11;

  private readonly state: Int32Array;
  private readonly irq: InterruptLine;
  private readonly output: (line: number, level: boolean) => void;

  /** `state`: `Pl061.WORDS` shared words; then `reset` by one thread. `output` is told of changes of lines that are outputs. */
  constructor(
    state: Int32Array,
    irq: InterruptLine = () => {},
    output: (line: number, level: boolean) => void = () => {},
  ) {
    this.state = state;
    this.irq = irq;
    this.output = output;
  }

  /** Levels from outside stay. */
  reset(): void {
    const { [W_IN]: input, [W_LEVEL]: level } = this.state;
    this.state.fill(0);
    this.state[W_IN] = input!;
    this.state[W_LEVEL] = level!;
    this.update();
  }

  /** Drives line 0–7 from outside; to be called under the same lock as accesses. It matters while the line is an input. */
  input(line: number, level: boolean): void {
    this.change(() => {
      if (level) this.state[W_IN]! |= 1 << line;
      else this.state[W_IN]! &= ~(1 << line);
    });
  }

  /** Levels of all lines: outputs as written, inputs as driven. */
  private get lines(): number {
    const s = this.state;
    return (s[W_OUT]! & s[W_DIR]!) | (s[W_IN]! & ~s[W_DIR]!);
  }
  private get raw(): number {
    const s = this.state;
    return (s[W_EDGES]! & ~s[W_IS]!) | (~(this.lines ^ s[W_IEV]!) & s[W_IS]! & 0xff);
  }

  /** Does what may change levels or what they mean; takes note of edges of inputs. */
  private change(work: () => void): void {
    const s = this.state;
    const before = this.lines;
    work();
    const now = this.lines;
    const wanted = s[W_IBE]! | ~(now ^ s[W_IEV]!);
    s[W_EDGES]! |= (before ^ now) & wanted & ~s[W_DIR]! & ~s[W_IS]! & 0xff;
    this.update();
  }
  private update(): void {
    const s = this.state;
    const out = s[W_OUT]! & s[W_DIR]!;
    const changed = out ^ s[W_TOLD]!;
    s[W_TOLD] = out;
    for (let line = 0; line < 8; line++) if (changed & (1 << line)) this.output(line, (out & (1 << line)) !== 0);
    const level = (this.raw & s[W_IE]!) === 0 ? 0 : 1;
    if (level === s[W_LEVEL]) return;
    s[W_LEVEL] = level;
    this.irq(level !== 0);
  }

  read(offset: number): number {
    const at = offset & 0xffc;
    // Address bits 9:2 say which lines a data access is about.
    if (at < DIR) return this.lines & (at >> 2);
    const word = PLAIN[at];
    if (word !== undefined) return this.state[word]!;
    if (at === RIS) return this.raw;
    if (at === MIS) return this.raw & this.state[W_IE]!;
    return identification(PERIPH_ID, at) ?? 0;
  }

  write(offset: number, value: number): void {
    const at = offset & 0xffc;
    const s = this.state;
    if (at < DIR) {
      const lines = (at >> 2) & s[W_DIR]!;
      this.change(() => {
        s[W_OUT] = (s[W_OUT]! & ~lines) | (value & lines);
      });
      return;
    }
    const word = PLAIN[at];
    if (word !== undefined) {
      this.change(() => {
        s[word] = value & 0xff;
      });
    } else if (at === IC) {
      s[W_EDGES]! &= ~value;
      this.update();
    }
  }
}
