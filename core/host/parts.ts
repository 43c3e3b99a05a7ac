/** The real parts of a host, loaded when they are first needed. */
import { withFiles } from './configure.ts';
import type { HostParts } from './host.ts';
import { observe } from './observe.ts';

const disassembler = async () => (await import('../debug/disassemble.ts')).disassemble;

export const hostParts: HostParts = {
  createSystem: async () => (await import('../system/system.ts')).createSystem,
  disassembler,
  observe,
  warm: () => Promise.all([import('../system/system.ts'), import('../machines/configure.ts')]),
  configureVirt: async (launch, files) => {
    const { configureLaunch } = await import('../machines/configure.ts');
    return configureLaunch(withFiles(launch, (path) => files.check(path)) as typeof launch);
  },
  qemu: async () => (await import('./qemu/program.ts')).findQemu(),
  describe: async (system, exit) => {
    const { describeCore } = await import('../cli/report.ts');
    return describeCore(system, exit.core ?? 0, await disassembler(), exit.origin);
  },
};
