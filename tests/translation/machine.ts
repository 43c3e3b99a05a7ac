/** A core whose translation routines are called directly: registers and memory go in, results and faults come out. */
import { exceptionLibraries } from '../../core/arch/exceptions/library.ts';
import { pauthLibraries } from '../../core/arch/pauth/library.ts';
import { registerRoutines } from '../../core/arch/registers/library.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { translationFeatures } from '../../core/arch/translation/features.ts';
import { FAULT_ISS2 } from '../../core/arch/translation/fields.ts';
import { translationLibrary } from '../../core/arch/translation/library.ts';
import { EVERY_PAS } from '../../core/devices/device.ts';
import { TLB_EXEC, TLB_READ, TLB_WRITE } from '../../core/engine/abi.ts';
import { INFO } from '../../core/engine/access.ts';
import { BareCore, type Mode } from '../support/bare-core.ts';

export interface Outcome {
  readonly pa: bigint;
  readonly perm: number;
  readonly device: boolean;
  readonly attr: number;
  readonly pas: number;
  readonly guarded: boolean;
  readonly size: number;
  readonly global: boolean;
}
export interface FaultOutcome {
  readonly kind: number;
  readonly iss: number;
  readonly iss2: number;
  readonly far: bigint;
  readonly ipa: bigint;
}

/** Physical addresses of the memory; the second region lies where only 52-bit addresses reach. */
export const RAM = 0x4000_0000n;
export const RAM_BYTES = 32 << 20;
export const HIGH = 0xf_0000_0000_0000n;
export const HIGH_BYTES = 1 << 20;

export class TranslationMachine {
  readonly core: BareCore;
  readonly features: ReadonlySet<string>;
  readonly paBits: number;
  constructor(o: {
    features: ReadonlySet<string>;
    paRange: number;
    mode?: Mode;
    host?: Record<string, (...args: never[]) => unknown>;
  }) {
    this.features = o.features;
    this.paBits = [32, 36, 40, 42, 44, 48, 52][o.paRange]!;
    this.core = new BareCore({
      libraries: [
        translationLibrary(translationFeatures(o)),
        ...exceptionLibraries,
        ...pauthLibraries,
        registerRoutines,
      ],
      features: o.features,
      mode: o.mode ?? 'interpreter',
      ...(o.host ? { host: o.host } : {}),
      base: Number(RAM),
      memoryBytes: RAM_BYTES,
    });
    const { layout } = this.core;
    // Not the flat table of the bare core.
    const host = layout.devices + (1 << 20);
    this.core.mapRegions([{ base: Number(HIGH), size: HIGH_BYTES, host, pas: EVERY_PAS, readOnly: false }]);
    for (const name of ['SCTLR_EL1', 'TCR_EL1', 'TTBR0_EL1', 'MAIR_EL1']) this.reg(name, 0n);
  }
  reg(name: string, v: bigint): void {
    this.core.view.setBigUint64(this.core.cpu + regOffset(name), BigInt.asUintN(64, v), true);
  }
  get(name: string): bigint {
    return this.core.view.getBigUint64(this.core.cpu + regOffset(name), true);
  }
  word(offset: number): number {
    return this.core.view.getInt32(this.core.cpu + offset, true);
  }
  setWord(offset: number, v: number): void {
    this.core.view.setInt32(this.core.cpu + offset, v, true);
  }
  long(offset: number): bigint {
    return this.core.view.getBigUint64(this.core.cpu + offset, true);
  }
  call(name: string, ...args: (number | bigint)[]): number {
    return (this.core.space.core[name] as unknown as (...a: (number | bigint)[]) => number)(this.core.cpu, ...args);
  }
  /** Enters a level; everything derived is computed. */
  enter(el: number, o: { pan?: boolean; uao?: boolean } = {}): void {
    this.setWord(state.EL, el);
    this.setWord(state.SPSEL, el === 0 ? 0 : 1);
    this.setWord(state.PAN, o.pan ? 1 : 0);
    this.setWord(state.UAO, o.uao ? 1 : 0);
    this.call('contextChanged');
  }

  /** Host offset of physical memory, or null. */
  host(pa: bigint): number | null {
    if (pa >= RAM && pa < RAM + BigInt(RAM_BYTES)) return this.core.layout.arena + Number(pa - RAM);
    if (pa >= HIGH && pa < HIGH + BigInt(HIGH_BYTES)) return this.core.layout.devices + (1 << 20) + Number(pa - HIGH);
    return null;
  }
  read64(pa: bigint): bigint | null {
    const at = this.host(pa);
    return at === null ? null : this.core.view.getBigUint64(at, true);
  }
  write64(pa: bigint, v: bigint): void {
    const at = this.host(pa);
    if (at === null) throw new Error(`no memory at ${pa.toString(16)}`);
    this.core.view.setBigUint64(at, v, true);
  }

  /** Translates by a walk: what is remembered of tables is forgotten first, unless they are meant to be stale. */
  translate(va: bigint, info: number, o: { stale?: boolean } = {}): Outcome | FaultOutcome {
    if (!o.stale) this.call('forgetTables');
    this.setWord(state.FAULT, 0);
    this.setWord(FAULT_ISS2, 0);
    return this.outcome(this.call('translate', BigInt.asIntN(64, va), info));
  }
  outcome(ok: number): Outcome | FaultOutcome {
    if (!ok) return this.fault();
    return {
      pa: this.long(state.TR_PA),
      perm: this.word(state.TR_PERM),
      device: this.word(state.TR_DEVICE) !== 0,
      attr: this.word(state.TR_ATTR),
      pas: this.word(state.TR_PAS),
      guarded: this.word(state.TR_GUARDED) !== 0,
      size: this.word(state.TR_LEAF_SIZE),
      global: (this.word(state.TR_NOTE) & 1) !== 0,
    };
  }
  fault(): FaultOutcome {
    return {
      kind: this.word(state.FAULT),
      iss: this.word(state.FAULT_ISS),
      iss2: this.word(FAULT_ISS2),
      far: this.long(state.FAULT_ADDR),
      ipa: this.long(state.FAULT_IPA),
    };
  }

  /** An access as the engine makes it when the TLB misses: fills the TLB; the host address, or 0. */
  fill(va: bigint, info: number): number {
    this.setWord(state.FAULT, 0);
    return this.call('fillData', BigInt.asIntN(64, va), info);
  }
  /** Does the TLB bank in use serve an access? */
  cached(va: bigint, kind: 'read' | 'write' | 'exec' = 'read', unprivileged = false): boolean {
    const bank = this.word(unprivileged ? state.BANK_UNPRIV : state.BANK);
    const entry = bank + Number((va >> 12n) & 1023n) * 32;
    const tag = { read: TLB_READ, write: TLB_WRITE, exec: TLB_EXEC }[kind];
    return this.core.view.getBigUint64(entry + tag, true) === BigInt.asUintN(64, va & ~0xfffn);
  }
}
export { INFO };
