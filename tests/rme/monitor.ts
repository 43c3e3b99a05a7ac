/**
 * A bare monitor at EL3 on several cores, and small routines in Non-secure EL2, Realm EL2 and Realm EL1 that it sends its cores to:
 * what an access of one world does while another core changes granules or contexts.
 */
import { GPI } from '../../core/arch/granules/format.ts';
import { EVERY_PAS } from '../../core/devices/device.ts';
import { bareSystem } from '../../core/machines/bare.ts';
import type { EngineMode, System, SystemConfig } from '../../core/system/api.ts';
import { createSystem } from '../../core/system/system.ts';
import { Assembler } from '../smp/assembler.ts';
import { GranuleTables } from './tables.ts';

/** Not the beginning of QEMU's memory: it puts a device tree there. */
export const RAM = 0x40200000;
/** The gigabyte that all tables map. */
const MAPPED = 0x40000000n;
const BYTES = 32 << 20;
const ARRIVED = RAM + 0x1000;
const DONE = RAM + 0x1040;
const EXIT_BLOCK = RAM + 0x1080;
const VECTORS = RAM + 0x2000;
const CODE = RAM + 0x10000;
export const PLACES = { realm2: RAM + 0x40000, ns2: RAM + 0x41000, realm1: RAM + 0x42000 } as const;
export const TABLES = { realm: RAM + 0x43000, ns: RAM + 0x44000, stage2: RAM + 0x45000 } as const;
export const RESULTS = RAM + 0x50000;
export const RESULT_BYTES = 0x8000;
const GPT = RAM + 0x400000;
/** A virtio transport with a disk (`MonitorOptions.disk`), which Non-secure EL2 reaches. */
export const DISK = 0x0a000000;
/** Pages for tests. In the Realm worlds `ALIAS` more is the same page through the alternate MECID. */
export const PAGES = RAM + 0x100000;
export const ALIAS = 0x40000000;

export type World = keyof typeof PLACES;
/**
 * Routines: LDR X1, [X0]; STR X1, [X0]; DC ZVA over the page at X0; LDADD X1, X1, [X0]; SMC alone; LDR W1, [X0]; STR W1, [X0]; waits
 * until [X0], 32 bits, is W1.
 */
const ROUTINES = ['load', 'store', 'wipe', 'add', 'call', 'load32', 'store32', 'await'] as const;
export type Routine = (typeof ROUTINES)[number];
const SLOT = 64;

type Code = readonly [op0: number, op1: number, crn: number, crm: number, op2: number];
export const REG = {
  SCR_EL3: [3, 6, 1, 1, 0],
  ELR_EL3: [3, 6, 4, 0, 1],
  SPSR_EL3: [3, 6, 4, 0, 0],
  VBAR_EL3: [3, 6, 12, 0, 0],
  ESR_EL3: [3, 6, 5, 2, 0],
  TTBR0_EL2: [3, 4, 2, 0, 0],
  TCR_EL2: [3, 4, 2, 0, 2],
  MAIR_EL2: [3, 4, 10, 2, 0],
  SCTLR_EL2: [3, 4, 1, 0, 0],
  HCR_EL2: [3, 4, 1, 1, 0],
  VTTBR_EL2: [3, 4, 2, 1, 0],
  VTCR_EL2: [3, 4, 2, 1, 2],
  SCTLR2_EL2: [3, 4, 1, 0, 3],
  TCR2_EL2: [3, 4, 2, 0, 3],
  MECID_A0_EL2: [3, 4, 10, 8, 1],
  VMECID_A_EL2: [3, 4, 10, 9, 1],
  FAR_EL3: [3, 6, 6, 0, 0],
  MFAR_EL3: [3, 6, 6, 0, 5],
  GPTBR_EL3: [3, 6, 2, 1, 4],
  GPCCR_EL3: [3, 6, 2, 1, 6],
} as const satisfies Record<string, Code>;

const [T0, ONE, MEETING, TARGET] = [24, 25, 26, 27];
const RESULT = 21;
const RETURN = 20;
const ERET = 0xd69f03e0;
const SMC = 0xd4000003;
/** NS, RW, MECEn, SCTLR2En, TCR2En, HXEn, GPF. */
const SCR = 1n | (1n << 10n) | (1n << 49n) | (1n << 44n) | (1n << 43n) | (1n << 38n) | (1n << 48n);

/** Emits the program of one core. */
export class Monitor extends Assembler {
  private readonly cores: number;
  /** What `granule` writes to: the entry of level 1 and the shift of the code. */
  private readonly gpt: GranuleTables;
  constructor(cores: number, gpt: GranuleTables) {
    super();
    this.cores = cores;
    this.gpt = gpt;
  }
  set(name: keyof typeof REG, value: number | bigint): this {
    const [op0, op1, crn, crm, op2] = REG[name];
    return this.movImm(10, value).msr(10, op0, op1, crn, crm, op2);
  }
  /** Both cores are here. */
  meet(): this {
    const again = this.fresh();
    this.atomic('add', ONE, T0, MEETING, 8, 'al').addImm(TARGET, TARGET, this.cores);
    return this.label(again).ldar(T0, MEETING).subs(T0, T0, TARGET).bIf('lt', again);
  }
  /** Runs a routine in a world: `x0` its address, `x1` its value; X1 has the result. */
  in(world: World, routine: Routine, x0: number | bigint, x1: number | bigint = 0): this {
    const realm = world !== 'ns2';
    const el1 = world === 'realm1';
    this.set('SCR_EL3', SCR | (realm ? 1n << 62n : 0n));
    this.set('ELR_EL3', PLACES[world] + SLOT * ROUTINES.indexOf(routine));
    this.set('SPSR_EL3', el1 ? 0x3c5 : 0x3c9);
    this.set('TTBR0_EL2', realm ? TABLES.realm : TABLES.ns);
    // EL1: stage 2, and Normal memory though stage 1 is off.
    this.set('HCR_EL2', el1 ? (1n << 31n) | (1n << 12n) | 1n : 1n << 31n);
    this.set('ESR_EL3', 0);
    this.movImm(0, x0).movImm(1, x1);
    // ADR X20, .+8
    return this.word(0x10000040 | RETURN).word(ERET);
  }
  /** Notes one word: a system register, X1. */
  noteRegister(name: keyof typeof REG): this {
    const [op0, op1, crn, crm, op2] = REG[name];
    this.mrs(2, op0, op1, crn, crm, op2).str(2, RESULT);
    return this.addImm(RESULT, RESULT, 8);
  }
  noteX1(): this {
    return this.str(1, RESULT).addImm(RESULT, RESULT, 8);
  }
  /** Notes X1, and the exception class that brought the core back (0x17: it was the SMC). */
  note(): this {
    this.str(1, RESULT);
    this.mrs(2, ...REG.ESR_EL3).word(0xd35afc42); // LSR X2, X2, #26
    this.addImm(RESULT, RESULT, 8).str(2, RESULT);
    return this.addImm(RESULT, RESULT, 8);
  }
  /** The same for a register of the monitor's own. */
  noteOwn(register: number): this {
    return this.mov(1, register)
      .set('ESR_EL3', BigInt(OK) << 26n)
      .note();
  }
  /** A granule gets another code: the table is written, then TLBI RPALOS, DSB. `wait` false: without those. */
  granule(pa: number, gpi: number, wait = true): this {
    const at = this.gpt.entry1(BigInt(pa));
    const shift = ((BigInt(pa) >> 12n) & 15n) * 4n;
    this.movImm(10, at).ldr(11, 10);
    this.movImm(12, ~(15n << shift)).and(11, 11, 12);
    this.movImm(12, BigInt(gpi) << shift)
      .add(11, 11, 12)
      .str(11, 10);
    this.barrier('dsb sy');
    if (!wait) return this;
    this.movImm(10, BigInt(pa) >> 12n).word(0xd50e84e0 | 10); // TLBI RPALOS, X10
    return this.barrier('dsb sy').barrier('isb');
  }
  /** GPCCR_EL3 with more bits set than it begins with, and the TLB without what it had. */
  controls(more: bigint): this {
    this.set('GPCCR_EL3', this.gpt.gpccr | more).barrier('isb');
    return this.word(0xd50e879f).barrier('dsb sy').barrier('isb'); // TLBI PAALL
  }
  begin(core: number): this {
    this.set('VBAR_EL3', VECTORS);
    this.set('MAIR_EL2', 0xff)
      .set('TCR_EL2', (0x8080_3519 | (2 << 16)) >>> 0)
      .set('SCTLR_EL2', 0x30c51835);
    this.set('VTTBR_EL2', TABLES.stage2).set('VTCR_EL2', (0x8000_0000 | 25 | (1 << 6) | (0x35 << 8) | (2 << 16)) >>> 0);
    this.set('SCTLR2_EL2', 2).set('TCR2_EL2', 1 << 12);
    this.set('GPTBR_EL3', this.gpt.root >> 12n).set('GPCCR_EL3', this.gpt.gpccr);
    this.barrier('isb');
    this.movImm(ONE, 1).movImm(MEETING, ARRIVED).movImm(TARGET, 0);
    return this.movImm(RESULT, RESULTS + core * RESULT_BYTES);
  }
  end(core: number): this {
    this.movImm(0, DONE).atomic('add', ONE, 1, 0, 8, 'al');
    if (core) return this.label(`rest ${core}`).yield().b(`rest ${core}`);
    this.label('wait').ldar(1, 0).addImm(1, 1, -this.cores).cbnz(1, 'wait');
    return this.movImm(0, 0x18).movImm(1, EXIT_BLOCK).semihost();
  }
}
const routines = (): number[] => {
  const words = new Array<number>((SLOT * ROUTINES.length) / 4).fill(SMC);
  const put = (name: Routine, code: number[]): void =>
    code.forEach((w, i) => {
      words[(SLOT / 4) * ROUTINES.indexOf(name) + i] = w >>> 0;
    });
  put('load', [0xf9400001, SMC]);
  put('store', [0xf9000001, SMC]);
  // ADD X2, X0, #1, LSL #12; DC ZVA, X0; ADD X0, X0, #64; CMP X0, X2; B.NE -3.
  put('wipe', [0x91400402, 0xd50b7420, 0x91010000, 0xeb02001f, 0x54ffffa1, SMC]);
  put('add', [0xf8210001, SMC]);
  put('load32', [0xb9400001, SMC]);
  put('store32', [0xb9000001, SMC]);
  // LDAR W2, [X0]; CMP W2, W1; B.NE -2.
  put('await', [0x88dffc02, 0x6b01005f, 0x54ffffc1, SMC]);
  return words;
};

export interface Noted {
  readonly value: bigint;
  readonly ec: number;
}
export const OK = 0x17;
export const GPC = 0x1e;

export interface MonitorOptions {
  /** Default 2. */
  readonly cores?: number;
  readonly engine?: EngineMode;
  readonly deterministic?: boolean;
  readonly mec?: SystemConfig['mec'];
  /** Codes of granules at the start; others are `any`. */
  readonly granules?: [number, number][];
  /** What is in memory at the start, besides; looked at when the programs have been written. */
  readonly memory?: readonly (readonly [address: number, bytes: Uint8Array])[];
  /** A file that is the disk behind `DISK`. */
  readonly disk?: string;
  /** Called before the machine runs, and after it has ended. */
  readonly watch?: (system: System) => () => void;
}
export type Program = (a: Monitor, core: number) => void;
/** Where the image begins to run. */
export const ENTRY = CODE;

/** Memory from RAM on, with the program of each core. */
export function monitorImage(program: Program, o: MonitorOptions): Uint8Array {
  const cores = o.cores ?? 2;
  const image = new Uint8Array(BYTES / 4);
  const view = new DataView(image.buffer);
  const memory = {
    write64: (pa: bigint, v: bigint): void => view.setBigUint64(Number(pa) - RAM, v, true),
    read64: (pa: bigint): bigint => view.getBigUint64(Number(pa) - RAM, true),
    reg: (): void => {},
  };
  const gpt = new GranuleTables(memory, BigInt(GPT));
  for (const [pa, gpi] of o.granules ?? []) gpt.granule(BigInt(pa), gpi);
  gpt.entry1(BigInt(PAGES));
  const put = (at: number, words: readonly number[]): void =>
    words.forEach((w, i) => {
      view.setUint32(at - RAM + 4 * i, w, true);
    });
  const a = new Monitor(cores, gpt);
  a.mrs(0, 3, 0, 0, 0, 5).andImmLow(0, 0, 8);
  for (let core = 0; core < cores; core++) {
    const next = `core ${core + 1}`;
    if (core + 1 < cores) a.cbnz(0, next);
    a.begin(core);
    program(a, core);
    a.end(core);
    if (core + 1 < cores) a.label(next).addImm(0, 0, -1);
  }
  if (4 * a.words.length > PLACES.realm2 - CODE) throw new Error('the program is too long');
  put(CODE, a.finish());
  for (const place of Object.values(PLACES)) put(place, routines());
  // Whatever comes from a lower level returns to where the monitor wants to go on: BR X20.
  for (const at of [0x400, 0x480, 0x500, 0x580]) put(VECTORS + at, [0xd61f0000 | (RETURN << 5)]);
  const AF = 1n << 10n;
  const block = (table: number, index: number, v: bigint): void =>
    view.setBigUint64(table - RAM + 8 * index, MAPPED | v | 1n, true);
  const INNER = 3n << 8n;
  const AMEC = 1n << 63n;
  block(TABLES.realm, 1, AF | INNER);
  block(TABLES.realm, 2, AF | INNER | AMEC);
  block(TABLES.ns, 1, AF | INNER);
  // Devices: attributes 1 of MAIR_EL2.
  view.setBigUint64(TABLES.ns - RAM, AF | (1n << 2n) | 1n, true);
  const S2 = (15n << 2n) | (3n << 6n) | AF | INNER;
  block(TABLES.stage2, 1, S2);
  block(TABLES.stage2, 2, S2 | AMEC);
  view.setBigUint64(EXIT_BLOCK - RAM, 0x20026n, true);
  for (const [at, bytes] of o.memory ?? []) image.set(bytes, at - RAM);
  return image;
}
function withDisk(config: SystemConfig, file: string): SystemConfig {
  const transport = {
    kind: 'virtio-mmio',
    name: 'disk',
    slot: 0,
    base: DISK,
    size: 0x200,
    pas: EVERY_PAS,
    spis: [16],
  } as const;
  const devices = [...config.machine.devices, transport];
  return { ...config, machine: { ...config.machine, devices }, virtio: [{ type: 'blk', file, overlay: false }] };
}
/** Runs `program` on each core to its end; yields memory behind RESULTS. */
export async function runImage(program: Program, o: MonitorOptions): Promise<{ how: string; results: Uint8Array }> {
  const cores = o.cores ?? 2;
  const image = monitorImage(program, o);
  const bare = bareSystem({
    cores,
    memoryBytes: BYTES,
    ramBase: RAM,
    cpuModel: 'max',
    features: { 'x-rme': true },
    mec: o.mec ?? { enabled: true },
    engine: o.engine ?? 'normal',
    deterministic: o.deterministic ?? false,
    startEl: 3,
    images: [{ address: RAM, bytes: image }],
    entry: BigInt(CODE),
    semihosting: { files: 'none', commandLine: '' },
    psci: 'none',
  });
  const system = await createSystem(o.disk === undefined ? bare : withDisk(bare, o.disk));
  const exited = new Promise<string>((resolve) => {
    system.on('exit', (e) => resolve(`${e.reason} ${e.status} ${e.message ?? ''}`.trim()));
  });
  const after = o.watch?.(system);
  await system.start();
  const timer = setTimeout(() => void system.stop(), 60_000);
  const how = await exited;
  clearTimeout(timer);
  after?.();
  return { how, results: system.readMemory(BigInt(RESULTS), cores * RESULT_BYTES) };
}
/** The same; yields what each noted. */
export async function runMonitor(program: Program, o: MonitorOptions = {}): Promise<Noted[][]> {
  const { how, results } = await runImage(program, o);
  const noted = Array.from({ length: o.cores ?? 2 }, (_, core) => {
    const v = new DataView(results.buffer, results.byteOffset + core * RESULT_BYTES);
    const list: Noted[] = [];
    for (let i = 0; i < RESULT_BYTES; i += 16) {
      const ec = Number(v.getBigUint64(i + 8, true));
      if (ec === 0) break;
      list.push({ value: v.getBigUint64(i, true), ec });
    }
    return list;
  });
  if (how !== 'exit 0')
    throw new Error(
      `the machine ended with ${how}; noted ${JSON.stringify(noted, (_k, x) => (typeof x === 'bigint' ? x.toString(16) : x))}`,
    );
  return noted;
}
export { GPI };
