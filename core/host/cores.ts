/** What a core does at the moment, sampled from its state. */
import type { MachineDescription } from '../machines/machine.ts';
import type { Core } from '../system/api.ts';
import type { World } from './observation.ts';

const NS = 1n;
const NSE = 1n << 62n;

/** Security state (D1.3.1): EL3 is Root with RME and Secure without; below, SCR_EL3.{NSE, NS} decide. */
export function worldOf(core: Core, machine: MachineDescription): World {
  if (!machine.el3) return 'normal';
  const scr = core.sysreg('SCR_EL3') ?? 0n;
  // ID_AA64PFR0_EL1.RME, bits [55:52].
  const rme = (((core.sysreg('ID_AA64PFR0_EL1') ?? 0n) >> 52n) & 15n) !== 0n;
  if (levelOf(core) === 3) return rme ? 'root' : 'secure';
  if (rme && (scr & NSE) !== 0n) return 'realm';
  return (scr & NS) !== 0n ? 'normal' : 'secure';
}

export const levelOf = (core: Core): number => Number((core.pstate >> 2n) & 3n);
