/** Registers of a core, read and written in shared memory while the core stands still. */
import { regOffset } from '../arch/registers/storage.ts';
import { registers } from '../arch/registers/table.ts';
import * as state from '../arch/state.ts';
import type { Layout } from '../engine/layout.ts';
import type { Core } from './api.ts';
import { WORLDS, type World } from './console-tag.ts';
import { CTL, controlIndex } from './control.ts';

export class CoreAccess implements Core {
  readonly index: number;
  private readonly view: DataView;
  private readonly i32: Int32Array;
  private readonly layout: Layout;
  private readonly cpu: number;
  /** Called after PSTATE or a system register changed, so that what derives from them is computed anew. */
  private readonly changed: () => void;

  constructor(buffer: SharedArrayBuffer, layout: Layout, index: number, changed: () => void) {
    this.index = index;
    this.view = new DataView(buffer);
    this.i32 = new Int32Array(buffer);
    this.layout = layout;
    this.cpu = layout.core(index);
    this.changed = changed;
  }
  private get(offset: number): number {
    return this.view.getUint32(this.cpu + offset, true);
  }
  private put(offset: number, value: number): void {
    this.view.setUint32(this.cpu + offset, value, true);
  }
  private wide(offset: number): bigint {
    return this.view.getBigUint64(this.cpu + offset, true);
  }
  private putWide(offset: number, value: bigint): void {
    this.view.setBigUint64(this.cpu + offset, BigInt.asUintN(64, value), true);
  }
  get on(): boolean {
    return Atomics.load(this.i32, controlIndex(this.layout, this.index, CTL.run)) !== 0;
  }
  get waiting(): boolean {
    return Atomics.load(this.i32, controlIndex(this.layout, this.index, CTL.waits)) !== 0;
  }
  get world(): World {
    return WORLDS[this.get(state.SECURITY)]!;
  }
  x(n: number): bigint {
    return this.wide(state.X + 8 * n);
  }
  setX(n: number, value: bigint): void {
    this.putWide(state.X + 8 * n, value);
  }
  get sp(): bigint {
    return this.x(state.SLOT_SP);
  }
  set sp(value: bigint) {
    this.setX(state.SLOT_SP, value);
  }
  get pc(): bigint {
    return this.wide(state.PC);
  }
  set pc(value: bigint) {
    this.putWide(state.PC, value);
  }
  get nzcv(): number {
    const n = this.view.getBigInt64(this.cpu + state.NF, true) < 0n ? 8 : 0;
    const z = this.wide(state.ZF) === 0n ? 4 : 0;
    const c = this.get(state.CF) ? 2 : 0;
    const v = this.view.getBigInt64(this.cpu + state.VF, true) < 0n ? 1 : 0;
    return n | z | c | v;
  }
  set nzcv(f: number) {
    this.putWide(state.NF, f & 8 ? -1n : 0n);
    this.putWide(state.ZF, f & 4 ? 0n : 1n);
    this.put(state.CF, f & 2 ? 1 : 0);
    this.putWide(state.VF, f & 1 ? -1n : 0n);
  }
  get pstate(): bigint {
    const el = this.get(state.EL);
    const mode = el === 0 ? 0 : (el << 2) | this.get(state.SPSEL);
    let v = (this.nzcv << 28) | (this.get(state.DAIF) << 6) | mode;
    for (const [field, at] of PSTATE_BITS) v |= this.get(field) << at;
    return BigInt(v >>> 0);
  }
  set pstate(value: bigint) {
    const v = Number(BigInt.asUintN(32, value));
    this.nzcv = v >>> 28;
    this.put(state.DAIF, (v >>> 6) & 15);
    for (const [field, at] of PSTATE_BITS) this.put(field, (v >>> at) & (field === state.BTYPE ? 3 : 1));
    this.select((v >>> 2) & 3, ((v >>> 2) & 3) === 0 ? 0 : v & 1);
    this.changed();
  }
  /** Changes exception level and stack pointer; the register that leaves is kept under its name. */
  private select(el: number, spsel: number): void {
    const name = (e: number, s: number): string => `SP_EL${s ? e : 0}`;
    this.putWide(regOffset(name(this.get(state.EL), this.get(state.SPSEL))), this.sp);
    this.put(state.EL, el);
    this.put(state.SPSEL, spsel);
    this.sp = this.wide(regOffset(name(el, spsel)));
  }
  v(n: number): Uint8Array {
    return new Uint8Array(this.view.buffer, this.cpu + state.V + 16 * n, 16).slice();
  }
  setV(n: number, bytes: Uint8Array): void {
    new Uint8Array(this.view.buffer, this.cpu + state.V + 16 * n, 16).set(bytes);
  }
  get fpcr(): number {
    return this.get(state.FPCR);
  }
  set fpcr(value: number) {
    this.put(state.FPCR, value);
    this.changed();
  }
  get fpsr(): number {
    return this.get(state.FPSR);
  }
  set fpsr(value: number) {
    this.put(state.FPSR, value);
    this.changed();
  }
  sysreg(name: string): bigint | null {
    return NAMES.has(name) ? this.wide(regOffset(name)) : null;
  }
  setSysreg(name: string, value: bigint): boolean {
    if (!NAMES.has(name)) return false;
    this.putWide(regOffset(name), value);
    this.changed();
    return true;
  }
  sysregNames(): readonly string[] {
    return [...NAMES];
  }
}

const NAMES: ReadonlySet<string> = new Set(registers.map((r) => r.name));

/** Fields of PSTATE by their place in SPSR_ELx. */
const PSTATE_BITS: readonly (readonly [number, number])[] = [
  [state.BTYPE, 10],
  [state.SSBS, 12],
  [state.IL, 20],
  [state.SS, 21],
  [state.PAN, 22],
  [state.UAO, 23],
  [state.DIT, 24],
];
