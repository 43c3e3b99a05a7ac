/**
 * One core on flat memory, for tests: words go in, state comes out. Routines of the architecture that are not built yet are
 * replaced by the simplest thing that lets instructions run (identity translation, exceptions that stop the core).
 */
import { Decoder } from '../../core/arch/a64/decoder.ts';
import { groups } from '../../core/arch/a64/table.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { writeArchTables } from '../../core/arch/tables.ts';
import { physicalHost } from '../../core/arch/translation/physical.ts';
import { EVERY_PAS } from '../../core/devices/device.ts';
import { EXIT, PEND, REC_ACTIVE, REC_BASE_HANDLER, TLB_BANK_BYTES } from '../../core/engine/abi.ts';
import { buildCore } from '../../core/engine/build-core.ts';
import { CodeSpace, ENGINE_IMPORTS } from '../../core/engine/codespace.ts';
import type { MadeHandlers } from '../../core/engine/handlers.ts';
import { pcOf } from '../../core/engine/interpret.ts';
import { type Layout, layoutOf } from '../../core/engine/layout.ts';
import { type MappedRegion, writeMemoryMap } from '../../core/engine/memory-map.ts';
import { Regions } from '../../core/engine/regions.ts';
import { call, load, ret, store } from '../../core/wasm/build.ts';
import { Library } from '../../core/wasm/library.ts';
import { I32, I64 } from '../../core/wasm/opcodes.ts';
import { i32 } from '../../core/wasm/value.ts';

export type Mode = 'interpreter' | 'compiled' | 'normal';

/** Stand-ins for what `libraries` lack. */
function stubs(have: readonly Library[]): Library {
  const lib = new Library();
  const missing = (name: string): boolean => !have.some((l) => l.has(name));
  const stop = (name: string): void => {
    if (!missing(name)) return;
    lib.define(name, [I32, I32, I32], I32, (_l, cpu, rec, n) => {
      store('i64', cpu!, pcOf(cpu!, rec!), state.PC);
      store('i32', cpu!, n!, state.BUDGET);
      ret(i32(EXIT.debug));
    });
  };
  if (missing('translate')) {
    lib.define('translate', [I32, I64, I32], I32, (_l, cpu, va) => {
      store('i64', cpu!, va!, state.TR_PA);
      store('i32', cpu!, i32(7), state.TR_PERM);
      store('i32', cpu!, i32(0), state.TR_DEVICE);
      ret(i32(1));
    });
  }
  if (missing('selectBanks')) lib.define('selectBanks', [I32], null, () => {});
  if (missing('takePending')) lib.define('takePending', [I32], I32, () => ret(i32(0)));
  if (missing('pmuSwitch')) lib.define('pmuSwitch', [I32], null, () => {});
  if (missing('tlbiLocal')) lib.define('tlbiLocal', [I32, I32, I64], null, () => {});
  if (missing('debugStep')) lib.define('debugStep', [I32], I32, () => ret(i32(0)));
  if (missing('noteEntry')) lib.define('noteEntry', [I32, I32, I64, I32], I32, () => ret(i32(1)));
  if (missing('outputHost')) {
    lib.define('outputHost', [I32, I64, I32], I32, (link, cpu) => {
      ret(physicalHost(link, cpu!, load('i64', cpu!, state.TR_PA), load('i32', cpu!, state.TR_PAS)));
    });
  }
  if (missing('findRegion')) {
    lib.define('findRegion', [I32, I64, I32], I32, (link, _cpu, pa, pas) =>
      ret(call(link('hostOfPhysical'), pa!, pas!, i32(0))),
    );
  }
  if (missing('checkAlignment')) lib.define('checkAlignment', [I32, I64, I32], I32, () => ret(i32(1)));
  if (missing('takeFault')) lib.define('takeFault', [I32], null, () => {});
  if (missing('pcAlignmentFault')) lib.define('pcAlignmentFault', [I32, I64], null, () => {});
  if (missing('externalAbort')) lib.define('externalAbort', [I32, I64, I32], null, () => {});
  if (missing('unsupportedAtomic')) lib.define('unsupportedAtomic', [I32, I64, I32], null, () => {});
  if (missing('branchAddress')) lib.define('branchAddress', [I32, I64], I64, (_l, _cpu, va) => ret(va!));
  if (missing('debugCheck')) lib.define('debugCheck', [I32], I32, () => ret(i32(0)));
  if (missing('breakpointDue')) lib.define('breakpointDue', [I32, I64], I32, () => ret(i32(0)));
  if (missing('noteBranch')) lib.define('noteBranch', [I32, I32], null, () => {});
  if (missing('branchFits')) lib.define('branchFits', [I32, I64, I32], I32, () => ret(i32(1)));
  if (missing('branchTarget')) lib.define('branchTarget', [I32, I64, I32, I32], I32, () => ret(i32(EXIT.debug)));
  if (missing('watchpointCheck')) lib.define('watchpointCheck', [I32, I64, I32, I32], I32, () => ret(i32(0)));
  if (missing('watchpointPage')) lib.define('watchpointPage', [I32, I64], I32, () => ret(i32(0)));
  for (const name of ['undefinedInstruction', 'fpTrap']) stop(name);
  return lib;
}

export interface BareOptions {
  readonly mode?: Mode;
  readonly features?: ReadonlySet<string>;
  readonly libraries?: readonly Library[];
  /** Implementations of host imports beyond the engine's own. */
  readonly host?: Record<string, (...args: never[]) => unknown>;
  readonly memoryBytes?: number;
  /** Physical address of the memory. */
  readonly base?: number;
  /** Bounds that make room rare: pages of records, bytes of generated code. */
  readonly recordPages?: number;
  readonly codeBytes?: number;
  /** Handlers that were made before. */
  readonly made?: MadeHandlers | null;
}

/** All features that patterns name: tests of instructions want everything. */
export function allFeatures(): Set<string> {
  const all = new Set<string>();
  for (const g of groups) {
    for (const p of g.patterns) for (const f of p.feature === undefined ? [] : [p.feature].flat()) all.add(f);
  }
  return all;
}

export class BareCore {
  readonly layout: Layout;
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  readonly view: DataView;
  readonly u8: Uint8Array;
  readonly cpu: number;
  readonly space: CodeSpace;
  readonly regions: Regions | null;
  readonly base: number;
  private readonly ram: MappedRegion;

  constructor(options: BareOptions = {}) {
    const bytes = options.memoryBytes ?? 16 << 20;
    this.base = options.base ?? 0x47000000;
    const layout = layoutOf(1, 1, bytes);
    this.layout = { ...layout, recordPages: options.recordPages ?? layout.recordPages };
    this.memory = new WebAssembly.Memory({ initial: this.layout.pages, maximum: 65536, shared: true });
    this.view = new DataView(this.memory.buffer);
    this.u8 = new Uint8Array(this.memory.buffer);
    writeArchTables(this.u8);
    this.cpu = this.layout.core(0);
    const libraries = options.libraries ?? [];
    const { library, bytes: core } = buildCore([...libraries, stubs(libraries)]);
    const decoder = new Decoder(
      groups.flatMap((g) => g.patterns),
      options.features ?? allFeatures(),
    );
    const extra: Record<string, unknown> = {};
    for (const name of library.hostNames()) extra[name] = () => 0;
    for (const name of ENGINE_IMPORTS) delete extra[name];
    Object.assign(extra, options.host);
    const host = { mmioRead: () => 0, mmioWrite: () => {} };
    const module = new WebAssembly.Module(core);
    this.space = new CodeSpace(this.memory, this.layout, 0, module, library, decoder, host, extra, options.made);
    this.space.attach(this.cpu);
    this.ram = { base: this.base, size: bytes, host: this.layout.arena, pas: EVERY_PAS, readOnly: false };
    this.mapRegions([]);
    this.flushTlb();
    if (this.space.core.resetTlb) this.mapFlat();
    else {
      this.view.setUint32(this.cpu + state.BANK, this.layout.banks(0), true);
      this.view.setUint32(this.cpu + state.BANK_UNPRIV, this.layout.banks(0) + TLB_BANK_BYTES, true);
    }
    this.regions = options.mode === 'interpreter' ? null : new Regions(this.space, options.codeBytes);
    if (this.regions) {
      const regions = this.regions;
      regions.modeOf = () => this.view.getUint32(this.cpu + state.MODE, true);
      regions.eager = options.mode === 'compiled';
      this.space.onHot = (rec) => regions.hot(rec);
      if (regions.eager) this.space.onDecoded = (rec) => regions.compileNow(rec);
    }
  }
  /** The memory map: RAM, and these. */
  mapRegions(others: readonly MappedRegion[]): void {
    writeMemoryMap(this.view, [this.ram, ...others]);
  }
  /** Puts the core at Non-secure EL1 behind a table that maps every address to itself as Normal memory, 512 GiB of it. */
  private mapFlat(): void {
    const table = 0x80_0000_0000;
    const reg = (name: string, v: bigint): void => this.view.setBigUint64(this.cpu + regOffset(name), v, true);
    this.mapRegions([{ base: table, size: 4096, host: this.layout.devices, pas: EVERY_PAS, readOnly: false }]);
    for (let i = 0; i < 512; i++) {
      this.view.setBigUint64(this.layout.devices + 8 * i, (BigInt(i) << 30n) | 0x701n, true);
    }
    reg('MAIR_EL1', 0xffn);
    reg('TCR_EL1', 0x5_0080_3519n);
    reg('TTBR0_EL1', BigInt(table));
    reg('SCTLR_EL1', 0x30d0_1805n);
    reg('SCR_EL3', 0x401n);
    this.setField32(state.EL, 1);
    this.setField32(state.SPSEL, 1);
    this.setField32(state.SECURITY, 1);
    this.space.core.resetTlb!(this.cpu, this.layout.banks(0));
    this.space.core.contextChanged?.(this.cpu);
  }
  flushTlb(): void {
    const at = this.layout.banks(0);
    this.u8.fill(0xff, at, at + 2 * TLB_BANK_BYTES);
  }
  /** Host offset of a physical address. */
  host(pa: number): number {
    return pa - this.base + this.layout.arena;
  }
  x(n: number): bigint {
    return this.view.getBigUint64(this.cpu + state.X + 8 * n, true);
  }
  setX(n: number, v: bigint): void {
    this.view.setBigUint64(this.cpu + state.X + 8 * n, BigInt.asUintN(64, v), true);
  }
  field32(offset: number): number {
    return this.view.getUint32(this.cpu + offset, true);
  }
  setField32(offset: number, v: number): void {
    this.view.setUint32(this.cpu + offset, v, true);
  }
  get nzcv(): number {
    const n = this.view.getBigInt64(this.cpu + state.NF, true) < 0n ? 8 : 0;
    const z = this.view.getBigInt64(this.cpu + state.ZF, true) === 0n ? 4 : 0;
    const c = this.field32(state.CF) ? 2 : 0;
    const v = this.view.getBigInt64(this.cpu + state.VF, true) < 0n ? 1 : 0;
    return n | z | c | v;
  }
  set nzcv(f: number) {
    this.view.setBigInt64(this.cpu + state.NF, f & 8 ? -1n : 0n, true);
    this.view.setBigInt64(this.cpu + state.ZF, f & 4 ? 0n : 1n, true);
    this.setField32(state.CF, f & 2 ? 1 : 0);
    this.view.setBigInt64(this.cpu + state.VF, f & 1 ? -1n : 0n, true);
  }
  get pc(): bigint {
    return this.view.getBigUint64(this.cpu + state.PC, true);
  }
  set pc(v: bigint) {
    this.view.setBigUint64(this.cpu + state.PC, v, true);
  }
  /** Places words, and forgets what was decoded of their page. */
  place(pa: number, words: readonly number[]): void {
    words.forEach((w, i) => {
      this.view.setUint32(this.host(pa) + 4 * i, w, true);
    });
    this.space.invalidate(this.host(pa), 4 * words.length);
  }
  /** Runs from PC until the core leaves for another reason than its slice; yields the reason. */
  run(budget = 100_000): number {
    this.view.setInt32(this.cpu + state.BUDGET, budget, true);
    return this.space.core.enter!(this.cpu);
  }
}
export { EXIT, PEND, REC_ACTIVE, REC_BASE_HANDLER };
