/** The real parts of a host, loaded when they are first needed. */
import type { HostParts } from './host.ts';

const disassembler = async () => (await import('../debug/disassemble.ts')).disassemble;

export const hostParts: HostParts = {
  createSystem: async () => (await import('../system/system.ts')).createSystem,
  disassembler,
  describe: async (system, exit) => {
    const { describeCore } = await import('../cli/report.ts');
    return describeCore(system, exit.core ?? 0, await disassembler(), exit.origin);
  },
};
