/** Runs systems to their end inside tests, and looks at what is left of them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadElf } from '../../core/boot/elf.ts';
import { type BareSystemOptions, bareSystem } from '../../core/machines/bare.ts';
import { dramOf } from '../../core/machines/machine.ts';
import type { System, SystemConfig, SystemExit } from '../../core/system/api.ts';
import type { Crew } from '../../core/system/crew.ts';
import { createSystem } from '../../core/system/system.ts';

export const RAM = 0x40000000;

/** A machine of 32 MB without anything in it. */
export const PLAIN: BareSystemOptions = {
  cores: 1,
  memoryBytes: 32 << 20,
  cpuModel: 'max',
  engine: 'normal',
  deterministic: false,
  startEl: 1,
  images: [],
  entry: BigInt(RAM),
  semihosting: { files: 'none', commandLine: '' },
  psci: 'hvc',
};

/** What starts these instruction words at an address. */
export function wordsAt(address: number, words: readonly number[]): Pick<SystemConfig, 'images' | 'entry'> {
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  return { images: [{ address, bytes }], entry: BigInt(address) };
}
/** What starts an ELF file. */
export function elfOf(path: string, memoryBytes: number): Pick<SystemConfig, 'images' | 'entry'> {
  const { images, entry } = loadElf(readFileSync(path), path, { base: RAM, size: memoryBytes });
  return { images, entry };
}

export interface Watched {
  readonly system: System;
  readonly exit: Promise<SystemExit>;
  output(): string;
  trace(): string;
}

/** Creates a system and listens to it; what has not ended after a minute is stopped. */
export async function watched(config: Partial<BareSystemOptions>, crew?: Crew): Promise<Watched> {
  const system = await createSystem(bareSystem({ ...PLAIN, ...config }), crew);
  const output: Uint8Array[] = [];
  const trace: string[] = [];
  system.on('console', (_id, bytes) => void output.push(bytes.slice()));
  system.on('trace', (text) => void trace.push(text));
  const exit = new Promise<SystemExit>((resolve) => system.on('exit', resolve));
  const timer = setTimeout(() => void system.stop(), 60_000);
  void exit.then(() => clearTimeout(timer));
  return { system, exit, output: () => Buffer.concat(output).toString('latin1'), trace: () => trace.join('') };
}

export interface Ran extends Watched {
  readonly how: SystemExit;
}

/** Runs to the end. */
export async function runSystem(config: Partial<BareSystemOptions>): Promise<Ran> {
  const w = await watched(config);
  await w.system.start();
  return { ...w, how: await w.exit };
}

/** Everything that a program can tell apart: registers of all cores, memory, counts. */
export function endState(system: System): Record<string, unknown> {
  const memoryBytes = dramOf(system.config.machine).size;
  const cores = system.cores.map((c) => ({
    x: Array.from({ length: 31 }, (_, n) => c.x(n).toString(16)).join(' '),
    v: createHash('sha1')
      .update(Buffer.concat(Array.from({ length: 32 }, (_, n) => c.v(n))))
      .digest('hex'),
    pc: c.pc.toString(16),
    sp: c.sp.toString(16),
    pstate: c.pstate.toString(16),
    fpsr: c.fpsr,
    system: ['ESR_EL1', 'FAR_EL1', 'ELR_EL1', 'SPSR_EL1'].map((r) => c.sysreg(r)?.toString(16)).join(' '),
  }));
  const { instructions, guestSeconds, perCore } = system.stats();
  const memory = createHash('sha1')
    .update(system.readMemory(BigInt(RAM), memoryBytes))
    .digest('hex');
  return { cores, instructions, guestSeconds, perCore, memory };
}
