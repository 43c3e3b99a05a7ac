/**
 * From what the user gives (firmware, kernel, initial RAM disk, device tree, files to load) to what is in memory at reset, where
 * cores start and at which exception level: the rules of QEMU 11.1's `virt` (`docs/boot.md`).
 */
import { cpuFeatures } from '../arch/features.ts';
import { dramOf, type MachineDescription } from '../machines/machine.ts';
import { type CpuTopology, virtTree } from '../machines/virt/tree.ts';
import type { CoreEntry, Image, PsciConduit, StartEl } from '../system/api.ts';
import { UserError } from '../system/errors.ts';
import { applyBoot, type Range, randomizeSeeds } from './chosen.ts';
import { gunzipped, unwrapped } from './compressed.ts';
import { isElf, type LoadedElf, loadElf } from './elf.ts';
import type { FdtNode } from './fdt.ts';
import { readFdt } from './fdt-read.ts';
import { writeFdt } from './fdt-write.ts';
import { type FirmwareBoot, type FwCfgItem, fwCfgItems } from './fw-cfg-items.ts';
import { isGzip } from './gzip.ts';
import { placeKernel, startStub } from './image.ts';
import { checkPlacement, type Placed } from './placement.ts';

/** A file's contents, with the name that messages call it by. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file for memory: `-device loader`. */
export interface LoaderFile extends NamedBytes {
  /** Physical address; an ELF file has its own. */
  readonly address?: number;
  /** The bytes as they are, even if they are an ELF file. */
  readonly raw: boolean;
  /** The core that starts at the ELF file's entry or the address (`cpu-num`). */
  readonly core?: number;
}

export interface BootOptions {
  readonly machine: MachineDescription;
  readonly cpuModel: string;
  /** Changes to the model, as in the system's configuration. */
  readonly features?: Readonly<Record<string, boolean>>;
  /** How the device tree groups the cores. */
  readonly topology?: CpuTopology;
  /** `-bios`: the start of the first flash. */
  readonly firmware?: NamedBytes;
  /** `-drive if=pflash`, first and second: each as large as the flash. */
  readonly flash?: readonly (NamedBytes | undefined)[];
  readonly kernel?: NamedBytes;
  readonly initrd?: NamedBytes;
  /** `-append`. */
  readonly commandLine?: string;
  /** `-dtb`: instead of the machine's own tree. */
  readonly dtb?: NamedBytes;
  readonly loaders?: readonly LoaderFile[];
  /** `-device loader,addr=…,cpu-num=…` without a file. */
  readonly entries?: readonly CoreEntry[];
  /** `-fw_cfg name=…`: more files. */
  readonly fwCfg?: readonly FwCfgItem[];
  /** `bootindex=`, `-boot`. */
  readonly boot?: FirmwareBoot;
  /** `-uuid`, 16 bytes. */
  readonly uuid?: Uint8Array;
  /** Random bytes for the device tree's seeds; without, the tree has none (`dtb-randomness=off`). */
  readonly random?: (length: number) => Uint8Array;
}

export interface BootPlan {
  /** In memories of any kind; physical addresses. */
  readonly images: readonly Image[];
  /** Where cores start that are on at reset: core 0; without PSCI every one. */
  readonly entry: bigint;
  /** Cores that start elsewhere; they take effect for cores that are on at reset. */
  readonly entries: readonly CoreEntry[];
  readonly startEl: StartEl;
  /** A kernel starts below an EL3 without firmware there: EL3's registers have to be as firmware leaves them, and NS set. */
  readonly skipsEl3: boolean;
  readonly psci: PsciConduit;
  /** The device tree as it is in memory; `address` is null where there was no room for it (ELF files near the start of memory). */
  readonly dtb: { readonly address: number | null; readonly bytes: Uint8Array };
  readonly fwCfg: readonly FwCfgItem[];
}

const MIB = 1 << 20;
/** Size of the tree in memory, with room for firmware to add to it. Linux takes no tree above 2 MiB. */
const DTB_BYTES = MIB;
const DTB_ALIGNMENT = 2 * MIB;
const INITRD_OFFSET = 128 * MIB;
const PAGE = 4096;
const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** What starts first. */
type Start =
  | { readonly kind: 'firmware' }
  | { readonly kind: 'linux'; readonly kernel: Placed; readonly base: number; readonly size: number }
  | { readonly kind: 'elf'; readonly name: string; readonly elf: LoadedElf }
  | { readonly kind: 'reset' };

/** Throws UserError, one line, for whatever cannot be loaded. */
export function planBoot(options: BootOptions): BootPlan {
  const { machine } = options;
  const dram = dramOf(machine);
  const loaded = (options.loaders ?? []).map((l) => loadFile(machine, l));
  const images: Placed[] = [...flashImages(options), ...loaded.flatMap((l) => l.images)];
  const entries = [...loaded.flatMap((l) => l.entries), ...(options.entries ?? [])];
  const start = startOf(options, images, entries);
  const startEl: StartEl = machine.el3 && start.kind !== 'linux' ? 3 : machine.el2 ? 2 : 1;
  const psci = conduitOf(machine, start, startEl);
  const initrd = start.kind === 'linux' && options.initrd ? placeInitrd(dram, start, options.initrd) : null;

  const dtbBytes = deviceTree(options, psci, initrd);
  const dtbAt = placeDtb(dram, start, initrd, dtbBytes.length);
  const dtbName = options.dtb?.name ?? 'the device tree';
  if (dtbAt !== null) images.push({ name: dtbName, address: dtbAt, bytes: dtbBytes });
  if (initrd && options.initrd)
    images.push({ name: options.initrd.name, address: initrd.base, bytes: options.initrd.bytes });

  let entry = 0n;
  if (start.kind === 'elf') {
    entry = start.elf.entry;
    images.push(...start.elf.images.map((i) => ({ ...i, name: start.name })));
  } else if (start.kind === 'linux') {
    entry = BigInt(dram.base);
    images.push(start.kernel, { name: 'the start stub', address: dram.base, bytes: startStub(start.base, dtbAt!) });
  }
  checkPlacement(machine, images);
  return {
    images: images.map(({ name: _, ...image }) => image),
    entry,
    entries,
    startEl,
    skipsEl3: machine.el3 && startEl < 3,
    psci,
    dtb: { address: dtbAt, bytes: dtbBytes },
    fwCfg: fwCfg(options, start),
  };
}

function flashImages(options: BootOptions): Placed[] {
  const { machine, firmware, flash = [] } = options;
  const banks = machine.memory.filter((m) => m.kind === 'flash');
  const images: Placed[] = [];
  if (firmware) {
    if (flash[0])
      throw new UserError(
        `${firmware.name} and ${flash[0].name}: the first flash has one content, -bios or -drive if=pflash`,
      );
    const bank = banks[0];
    if (!bank) throw new UserError(`${firmware.name}: the machine ${machine.name} has no flash`);
    if (firmware.bytes.length > bank.size) {
      throw new UserError(`${firmware.name}: too large: the flash has ${bank.size / MIB} MiB`);
    }
    images.push({ ...firmware, address: bank.base });
  }
  flash.forEach((file, n) => {
    if (!file) return;
    const bank = banks[n];
    if (!bank) throw new UserError(`${file.name}: the machine ${machine.name} has ${banks.length} flash memories`);
    if (file.bytes.length !== bank.size) {
      throw new UserError(
        `${file.name}: a flash image must have ${bank.size} bytes; this one has ${file.bytes.length}`,
      );
    }
    images.push({ ...file, address: bank.base });
  });
  return images;
}

function loadFile(machine: MachineDescription, file: LoaderFile): { images: Placed[]; entries: CoreEntry[] } {
  const { name, bytes, address, raw, core } = file;
  const entries = (entry: bigint): CoreEntry[] => (core === undefined ? [] : [{ core, entry }]);
  if (isElf(bytes) && !raw) {
    const elf = loadElfInto(machine, file);
    return { images: elf.images.map((image) => ({ ...image, name })), entries: entries(elf.entry) };
  }
  if (address === undefined) throw new UserError(`${name}: where it is to be loaded is not said (addr=…)`);
  return { images: [{ name, address, bytes }], entries: entries(BigInt(address)) };
}

/** Loads an ELF file into the memory that takes all of it; a message is about the DRAM. */
function loadElfInto(machine: MachineDescription, file: NamedBytes): LoadedElf {
  const dram = dramOf(machine);
  let failure: unknown;
  for (const memory of [dram, ...machine.memory.filter((m) => m !== dram)]) {
    try {
      return loadElf(file.bytes, file.name, memory);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function startOf(options: BootOptions, loaded: readonly Placed[], entries: readonly CoreEntry[]): Start {
  const { kernel, machine, firmware, flash } = options;
  if (firmware || flash?.[0]) return { kind: 'firmware' };
  if (!kernel) {
    if (entries.some((e) => e.core === 0) || loaded.some((i) => i.address === 0)) return { kind: 'reset' };
    throw new UserError('nothing to start: give a kernel (-kernel), firmware (-bios), or a file loaded at address 0');
  }
  if (isElf(kernel.bytes)) return { kind: 'elf', name: kernel.name, elf: loadElfInto(machine, kernel) };
  const bytes = unwrapped(kernel.bytes, kernel.name);
  if (bytes.length === 0) throw new UserError(`${kernel.name}: an empty file is no kernel`);
  if (isElf(bytes)) return { kind: 'elf', name: kernel.name, elf: loadElfInto(machine, { name: kernel.name, bytes }) };
  const { offset, size } = placeKernel(bytes, kernel.name);
  const base = dramOf(machine).base + offset;
  return { kind: 'linux', kernel: { name: kernel.name, address: base, bytes, memoryBytes: size }, base, size };
}

/** PSCI is built in unless firmware at EL3 is to provide it, or what starts does so at the level that calls would go to. */
function conduitOf(machine: MachineDescription, start: Start, startEl: StartEl): PsciConduit {
  if (machine.el3 && start.kind === 'firmware') return 'none';
  const conduit = machine.el2 ? 'smc' : 'hvc';
  return startEl === 3 || (conduit === 'hvc' && startEl === 2) ? 'none' : conduit;
}

function placeInitrd(dram: Range, kernel: { readonly base: number; readonly size: number }, file: NamedBytes): Range {
  const middle = dram.base + Math.min(dram.size / 2, INITRD_OFFSET);
  const base = alignUp(Math.max(middle, kernel.base + kernel.size), PAGE);
  if (base + file.bytes.length > dram.base + dram.size) {
    const room = Math.max(0, dram.base + dram.size - base);
    throw new UserError(
      `${file.name}: too large for memory: it has ${file.bytes.length} bytes, and ${room} are left for it`,
    );
  }
  return { base, size: file.bytes.length };
}

function placeDtb(dram: Range, start: Start, initrd: Range | null, size: number): number | null {
  if (start.kind === 'linux') {
    const middle = dram.base + Math.min(dram.size / 2, INITRD_OFFSET);
    const after = initrd ? initrd.base + initrd.size : alignUp(Math.max(middle, start.base + start.size), PAGE);
    const base = alignUp(after, DTB_ALIGNMENT);
    if (base + size > dram.base + dram.size) {
      throw new UserError(`${start.kernel.name}: too large for memory: there is no room for the device tree behind it`);
    }
    return base;
  }
  if (start.kind === 'elf') {
    const low = Math.min(...start.elf.images.map((i) => i.address));
    // A program at the start of memory: QEMU puts the tree into the flash then.
    if (low <= dram.base && start.elf.end > dram.base) return 0;
    if (low > dram.base && size > low - dram.base) return null;
  }
  return dram.base;
}

function deviceTree(options: BootOptions, psci: PsciConduit, initrd: Range | null): Uint8Array {
  const { machine, dtb, cpuModel, topology, commandLine = '', random } = options;
  const name = dtb?.name ?? 'the device tree';
  const features = cpuFeatures(cpuModel, options.features);
  const tree: FdtNode = dtb
    ? readFdt(dtb.bytes, dtb.name)
    : virtTree(machine, {
        cpuModel,
        features,
        psci: psci !== 'none',
        seeds: random !== undefined,
        ...(topology ? { topology } : {}),
      });
  const { base, size } = dramOf(machine);
  applyBoot(tree, { memory: { base, size }, commandLine, initrd, psci }, name);
  if (random) randomizeSeeds(tree, random);
  return writeFdt(tree, DTB_BYTES);
}

function fwCfg(options: BootOptions, start: Start): FwCfgItem[] {
  const items = [...fwCfgItems(fwCfgFacts(options, start)), ...(options.fwCfg ?? [])];
  const names = items.flatMap((i) => (i.file === undefined ? [] : [i.file]));
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) throw new UserError(`fw_cfg has a file ${twice} already`);
  return items;
}

/** Firmware starts the kernel, if at all: it finds it in fw_cfg, unpacked where it was a gzip file. */
function fwCfgFacts(options: BootOptions, start: Start): Parameters<typeof fwCfgItems>[0] {
  const { kernel, initrd, commandLine, boot } = options;
  const own = { cores: options.machine.cores, uuid: options.uuid ?? null, boot };
  if (start.kind !== 'firmware' || !kernel) return { ...own, kernel: null, initrd: null, commandLine: null };
  return {
    ...own,
    kernel: isGzip(kernel.bytes) ? gunzipped(kernel.bytes, kernel.name) : kernel.bytes,
    initrd: initrd?.bytes ?? null,
    commandLine: commandLine ?? null,
  };
}
