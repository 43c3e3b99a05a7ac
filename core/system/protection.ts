/** FEAT_RME and FEAT_MEC of a system: what the configuration asks for, and granule protection and encryption as threads have them. */
import { MemoryProtection, type PageNeighbours, type ProtectedRegion } from '../arch/encryption/engine.ts';
import { type CpuOptions, cpuFeatures, cpuModels } from '../arch/features.ts';
import { GranuleModel } from '../arch/granules/model.ts';
import type { CpuSizes } from '../arch/registers/reset.ts';
import { regOffset } from '../arch/registers/storage.ts';
import { TLBI } from '../arch/translation/tlbi.ts';
import type { Layout } from '../engine/layout.ts';
import type { SystemConfig } from './api.ts';
import { UserError } from './errors.ts';
import { Mailbox, MESSAGE } from './mailbox.ts';
import type { MachinePlan } from './plan.ts';

/** FEAT_RME beyond the CPU feature `x-rme`, which switches it on. */
export interface RmeConfig {
  /** log2 of what an entry of a level 0 granule protection table covers: 30 (default), 34, 36 or 39. */
  readonly l0gptsz?: number;
}
/** FEAT_MEC and the memory protection engine. */
export interface MecConfig {
  /** Default: as the CPU's features say (`mec`). */
  readonly enabled?: boolean;
  /** Bits of a MECID, 1–16; default 16. */
  readonly width?: number;
  /** Default `exact` with FEAT_MEC, `off` without. */
  readonly model?: 'exact' | 'deadbeef' | 'off';
}

const L0GPTSZ = [30, 34, 36, 39];

/** Options and sizes of the CPU that follow from `rme` and `mec`; UserError where they do not fit. */
export function protectionCpu(config: SystemConfig): { readonly options: CpuOptions; readonly sizes: CpuSizes } {
  const { rme, mec, features } = config;
  const width = mec?.width ?? 16;
  if (!Number.isInteger(width) || width < 1 || width > 16) {
    throw new UserError(`a MECID has 1 to 16 bits, not ${width}`);
  }
  const l0gptsz = rme?.l0gptsz ?? 30;
  if (!L0GPTSZ.includes(l0gptsz)) throw new UserError(`L0GPTSZ is 30, 34, 36 or 39, not ${l0gptsz}`);
  const options: Record<string, boolean> = { ...features };
  if (mec?.enabled !== undefined) {
    const known = cpuModels.some((m) => m.name === config.cpuModel);
    if (mec.enabled && known && !cpuFeatures(config.cpuModel, options).has('RME')) {
      throw new UserError('memory encryption contexts need a CPU with FEAT_RME (-cpu max,x-rme=on)');
    }
    options.mec = mec.enabled;
  }
  return { options, sizes: { mecidWidth: width, l0gptsz } };
}

/** The model that the memory protection engine follows; `off` without FEAT_RME. */
export function protectionModel(config: SystemConfig, features: ReadonlySet<string>): 'exact' | 'deadbeef' | 'off' {
  if (!features.has('RME')) return 'off';
  return config.mec?.model ?? (features.has('MEC') ? 'exact' : 'off');
}
/** The regions that lie behind the engine: DRAM. */
export function protectedRegions(plan: MachinePlan, layout: Layout): readonly ProtectedRegion[] {
  return plan.regions
    .filter((r) => r.name === 'dram')
    .map(({ base, size, host }) => ({ base, size, host: layout.arena + host }));
}

/** The engine for a thread that runs no cores; null when it is not at work. */
export function hostProtection(
  memory: WebAssembly.Memory<SharedArrayBuffer>,
  layout: Layout,
  plan: MachinePlan,
): MemoryProtection | null {
  if (!MemoryProtection.works(memory.buffer)) return null;
  const nobody = new Mailbox(
    new Int32Array(memory.buffer),
    layout,
    () => {},
    () => {},
  );
  return new MemoryProtection(memory.buffer, layout, protectedRegions(plan, layout), hostNeighbours(layout, nobody));
}

/** The core module's routines that a thread's side of the engine uses. */
type Routine = (...args: (number | bigint)[]) => number;

/** What the engine needs of a thread that runs cores. */
export function coreNeighbours(t: {
  readonly layout: Layout;
  readonly own: readonly number[];
  readonly mailbox: Mailbox;
  readonly routines: () => Readonly<Record<string, unknown>>;
  forgetCode(host: number): void;
}): PageNeighbours {
  const { layout, own, mailbox } = t;
  const alone = own.length === layout.cores;
  const call = (name: string, ...args: (number | bigint)[]): void => {
    (t.routines()[name] as Routine)(...args);
  };
  return {
    own,
    spaceOf: (core) => (alone ? 0 : core),
    drop: (core, host) => call('dropHostPage', layout.core(core), host),
    forgetCode: (host) => t.forgetCode(host),
    ask: (cores, host) => {
      mailbox.serve(own);
      return mailbox.ask(cores, own, MESSAGE.page, host, 0, 0);
    },
    dropAll: () => {
      for (const core of own) call('tlbiLocal', layout.core(core), TLBI.granules, 0n);
      if (!alone) mailbox.broadcast(own, MESSAGE.tlbi, TLBI.granules, 0, 0);
    },
  };
}
/** The same for a thread that runs none. `mailbox`: one that has no cores to receive for. */
export function hostNeighbours(layout: Layout, mailbox: Mailbox): PageNeighbours {
  return {
    own: [],
    spaceOf: (core) => (layout.spaces === 1 ? 0 : core),
    drop: () => {},
    forgetCode: () => {},
    ask: (cores, host) => mailbox.ask(cores, [], MESSAGE.page, host, 0, 0),
    dropAll: () => mailbox.broadcast([], MESSAGE.tlbi, TLBI.granules, 0, 0),
  };
}

/**
 * Granule protection for requesters and observers. The controls are core 0's: software gives all cores the same. Tables in encrypted
 * memory are read as Root state sees them.
 */
export function granuleModel(
  buffer: SharedArrayBuffer,
  layout: Layout,
  plan: MachinePlan,
  engine: () => MemoryProtection | null,
): GranuleModel {
  const view = new DataView(buffer);
  const at = layout.core(0);
  const read = (name: string): bigint => view.getBigUint64(at + regOffset(name), true);
  const controls = (): { gpccr: bigint; gptbr: bigint; gpcbw: bigint } => ({
    gpccr: read('GPCCR_EL3'),
    gptbr: read('GPTBR_EL3'),
    gpcbw: read('GPCBW_EL3'),
  });
  const ROOT = 2;
  const fetch = (address: number): bigint | null => {
    const region = plan.regions.find((r) => (r.pas >> ROOT) & 1 && address >= r.base && address + 8 <= r.base + r.size);
    if (!region) return null;
    const protection = engine();
    const owner = protection?.ownerAt(address) ?? null;
    if (protection && owner && owner.pas !== ROOT) {
      const page = protection.pageAs(address, ROOT, 0)!;
      return new DataView(page.buffer, page.byteOffset).getBigUint64(address % 4096, true);
    }
    return view.getBigUint64(layout.arena + region.host + (address - region.base), true);
  };
  return new GranuleModel(controls, fetch, plan.granules);
}
