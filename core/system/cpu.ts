/** The CPU of a system: features, routines, decoder, all from the configuration. */
import { Decoder } from '../arch/a64/decoder.ts';
import { groups } from '../arch/a64/table.ts';
import { cpuModels, featureNames } from '../arch/features.ts';
import { archLibraries } from '../arch/library.ts';
import { type Cpu, cpuOf as modelOf } from '../arch/registers/reset.ts';
import type { Library } from '../wasm/library.ts';
import type { SystemConfig } from './api.ts';
import { UserError } from './errors.ts';
import { protectionCpu } from './protection.ts';

export interface SystemCpu {
  readonly cpu: Cpu;
  readonly libraries: readonly Library[];
  readonly decoder: Decoder;
}

export function cpuOf(config: SystemConfig): SystemCpu {
  if (!cpuModels.some((m) => m.name === config.cpuModel)) {
    throw new UserError(`no CPU is called ${config.cpuModel} (there are ${cpuModels.map((m) => m.name).join(', ')})`);
  }
  for (const name of Object.keys(config.features ?? {})) {
    if (!featureNames.has(name)) throw new UserError(`no CPU feature is called ${name}`);
  }
  const { el2, el3, devices } = config.machine;
  const gic = devices.some((d) => d.kind === 'gicv3');
  // Without an interrupt controller there is no interface to one.
  const { options, sizes } = protectionCpu(config);
  const levels = { ...(gic ? {} : { GIC: false }), has_el2: el2, has_el3: el3 };
  const cpu = modelOf(config.cpuModel, { ...options, ...levels }, sizes);
  const decoder = new Decoder(
    groups.flatMap((g) => g.patterns),
    cpu.features,
  );
  return { cpu, libraries: archLibraries(cpu), decoder };
}
