/** What a core thread notes for observers: see `watch-record.ts`. Called from generated code, and only while somebody watches. */
import { OWNER, WHO } from '../arch/encryption/layout.ts';
import { ISS } from '../arch/exceptions/fault-kinds.ts';
import { regOffset } from '../arch/registers/storage.ts';
import * as state from '../arch/state.ts';
import { type Layout, WATCH } from '../engine/layout.ts';
import { CallWatch } from './watch-calls.ts';
import { ACCESS, NO_PC, WATCH_KIND } from './watch-record.ts';
import type { WatchWriter } from './watch-ring.ts';

/** Of FAULT_PA: the page's address; {NS, NSE} of its address space, in bits [63:62]. */
const PAGE = 0x00fffffffffff000n;

export interface WatchedThread {
  readonly memory: SharedArrayBuffer;
  readonly layout: Layout;
  readonly writer: WatchWriter;
  /** Nanoseconds of guest time. */
  now(cpu: number): number;
  /** Physical memory as it lies there; fewer bytes where there are fewer. */
  read(address: number, length: number): Uint8Array;
  /** Owner of a page of physical memory, 0 where there is none. */
  ownerWord(address: number): number;
}

export class Watching {
  private readonly t: WatchedThread;
  private readonly view: DataView;
  private readonly calls: CallWatch;

  constructor(t: WatchedThread) {
    this.t = t;
    this.view = new DataView(t.memory);
    this.calls = new CallWatch(t);
  }
  get on(): boolean {
    return this.view.getUint32(WATCH, true) !== 0;
  }
  private word(cpu: number, offset: number): number {
    return this.view.getUint32(cpu + offset, true);
  }
  private wide(cpu: number, offset: number): bigint {
    return this.view.getBigUint64(cpu + offset, true);
  }
  private present(cpu: number): number {
    return (this.word(cpu, state.SECURITY) << 2) | this.word(cpu, state.EL);
  }
  private register(cpu: number, name: string): bigint {
    return this.wide(cpu, regOffset(`${name}_EL${this.word(cpu, state.EL)}`));
  }

  levelEntered(cpu: number, from: number, vector: number): void {
    const esr = vector === 0 || vector === 0x180 ? this.register(cpu, 'ESR') : 0n;
    this.t.writer.append({
      kind: WATCH_KIND.entry,
      core: this.word(cpu, state.INDEX),
      from,
      to: this.present(cpu),
      detail: (vector >>> 7) | (Number((esr >> 26n) & 63n) << 8),
      time: this.t.now(cpu),
      pc: this.register(cpu, 'ELR'),
      address: this.wide(cpu, state.X),
      a: Number(esr & 0x1ffffffn),
      b: 0,
    });
    if (vector === 0) this.calls.entered(cpu, from, this.word(cpu, state.EL), Number((esr >> 26n) & 63n));
  }
  levelLeft(cpu: number, from: number, pc: bigint): void {
    this.t.writer.append({
      kind: WATCH_KIND.return,
      core: this.word(cpu, state.INDEX),
      from,
      to: this.present(cpu),
      detail: 0,
      time: this.t.now(cpu),
      pc: BigInt.asUintN(64, pc),
      address: this.wide(cpu, state.X),
      a: 0,
      b: 0,
    });
    this.calls.left(cpu, this.present(cpu));
  }
  granuleFault(cpu: number, iss: number, fetch: boolean): void {
    if (!this.on) return;
    const fault = this.wide(cpu, state.FAULT_PA);
    const address = fault & PAGE;
    const space = Number(fault >> 62n);
    const pas = ((space & 1) << 1) | (space >> 1);
    const status = iss & 63;
    const access = status < 0x28 ? ACCESS.walk : fetch ? ACCESS.fetch : iss & ISS.wnr ? ACCESS.write : ACCESS.read;
    const at = this.present(cpu);
    this.t.writer.append({
      kind: WATCH_KIND.granule,
      core: this.word(cpu, state.INDEX),
      from: at,
      to: at,
      detail: pas | (access << 8),
      time: this.t.now(cpu),
      pc: this.wide(cpu, state.PC),
      address,
      a: iss >>> 0,
      b: this.t.ownerWord(Number(address)),
    });
  }
  /** A context met a page of another; `who`: `WHO` of the access. */
  mismatch(core: number, address: number, from: number, to: number, who: number): void {
    if (!this.on || from === OWNER.none) return;
    const cpu = this.t.layout.core(core);
    const at = this.present(cpu);
    const slow = this.word(cpu, state.SLOW_REC);
    const access =
      who & WHO.walk ? ACCESS.walk : slow === 1 ? ACCESS.fetch : who & WHO.write ? ACCESS.write : ACCESS.read;
    this.t.writer.append({
      ...{ kind: WATCH_KIND.mismatch, core, address: BigInt(address), a: from, b: to },
      from: at,
      to: at,
      detail: access << 8,
      time: this.t.now(cpu),
      pc: this.pcOf(cpu, slow),
    });
  }
  /** The instruction whose access goes the slow way. */
  private pcOf(cpu: number, slow: number): bigint {
    if (slow === 0 || slow === 2) return NO_PC;
    if (slow === 1) return this.wide(cpu, state.TR_VA);
    return this.wide(cpu, state.PC_PAGE) + BigInt((slow - this.word(cpu, state.REC_BASE)) >> 2);
  }
}
