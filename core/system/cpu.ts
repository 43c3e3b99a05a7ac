/** The CPU of a system, from the configuration. */
import { cpuModels, featureNames } from '../arch/features.ts';
import { type Cpu, cpuOf as modelOf } from '../arch/registers/reset.ts';
import type { SystemConfig } from './api.ts';
import { UserError } from './errors.ts';
import { protectionCpu } from './protection.ts';

export function cpuOf(config: SystemConfig): Cpu {
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
  return modelOf(config.cpuModel, { ...options, ...levels }, sizes);
}
