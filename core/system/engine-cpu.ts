/** The CPU of a system as threads need it that run or compile its code: with routines and decoder. They take a while to load. */
import { Decoder } from '../arch/a64/decoder.ts';
import { groups } from '../arch/a64/table.ts';
import { archLibraries } from '../arch/library.ts';
import type { Cpu } from '../arch/registers/reset.ts';
import type { Library } from '../wasm/library.ts';
import type { SystemConfig } from './api.ts';
import { cpuOf } from './cpu.ts';

export interface EngineCpu {
  readonly cpu: Cpu;
  readonly libraries: readonly Library[];
  readonly decoder: Decoder;
}

export function engineCpuOf(config: SystemConfig): EngineCpu {
  const cpu = cpuOf(config);
  const decoder = new Decoder(
    groups.flatMap((g) => g.patterns),
    cpu.features,
  );
  return { cpu, libraries: archLibraries(cpu), decoder };
}
