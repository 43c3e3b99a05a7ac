/** The real parts of a host, loaded when they are first needed. */
import { withFiles } from './configure.ts';
import type { HostParts } from './host.ts';
import { observe } from './observe.ts';
import { Reserve } from './reserve.ts';

const disassembler = async () => (await import('../debug/disassemble.ts')).disassemble;

const reserve = new Reserve();

export const hostParts: HostParts = {
  createSystem: async () => {
    const { createSystem } = await import('../system/system.ts');
    return (config) => createSystem(config, reserve.take());
  },
  disassembler,
  observe,
  prepare: async (threads) => {
    await Promise.all([import('../system/system.ts'), import('../machines/configure.ts'), reserve.prepare(threads)]);
  },
  close: () => reserve.close(),
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
