/** Registers, memory and instructions of a run, as views show them. */
import { registers } from '../arch/registers/table.ts';
import type { Disassemble } from '../cli/report.ts';
import type { Core, System } from '../system/api.ts';
import type { Instruction, Region, RegisterDescription, RegisterValues } from './api.ts';
import { HostError } from './errors.ts';
import { toHex } from './values.ts';

/** The one register table, for faces. `_EL12` and `_EL02` names are other ways to reach registers that are in it. */
export function describeRegisters(): RegisterDescription[] {
  return registers
    .filter((r) => !r.alias)
    .map(({ name, title, area, fields }) => ({
      name,
      title,
      area,
      fields: (fields ?? []).map((f) => ({ name: f.name, msb: f.lsb + f.width - 1, lsb: f.lsb, meaning: f.meaning })),
    }));
}

export function coreOf(system: System, index: number): Core {
  const core = system.cores[index];
  if (!core) throw new HostError('missing', `there is no core ${index}`);
  return core;
}

/** Sixteen bytes, least significant first, as one number. */
function vectorText(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).reverse().toString('hex')}`;
}

export function readRegisters(core: Core): RegisterValues {
  const general: Record<string, string> = {};
  for (let n = 0; n < 31; n++) general[`x${n}`] = toHex(core.x(n));
  for (const name of ['sp', 'pc', 'pstate', 'fpcr', 'fpsr'] as const) general[name] = toHex(core[name]);
  const system: Record<string, string> = {};
  for (const { name, alias } of registers) {
    const value = alias ? null : core.sysreg(name);
    if (value !== null) system[name] = toHex(value);
  }
  return { core: core.index, general, simd: Array.from({ length: 32 }, (_, n) => vectorText(core.v(n))), system };
}

/** False when the core has no register of that name, or it cannot be set. */
export function writeRegister(core: Core, name: string, value: bigint): boolean {
  const lower = name.toLowerCase();
  const x = /^x([0-9]|[12][0-9]|30)$/.exec(lower);
  if (x) core.setX(Number(x[1]), value);
  else if (lower === 'sp' || lower === 'pc' || lower === 'pstate') core[lower] = value;
  else if (lower === 'fpcr' || lower === 'fpsr') core[lower] = Number(BigInt.asUintN(32, value));
  else return core.setSysreg(name.toUpperCase(), value);
  return true;
}

/** What lies where in physical memory, by address. */
export function regionsOf(system: System): Region[] {
  const { memory, devices } = system.config.machine;
  const banks = memory.map(({ name, kind, base, size }) => ({ name, kind, base, size }));
  const flashes = new Set(memory.map((m) => m.name));
  const others = devices
    .filter((d) => !flashes.has(d.name))
    .map(({ name, base, size }) => ({ name, kind: 'device' as const, base, size }));
  return [...banks, ...others].sort((a, b) => a.base - b.base).map((r) => ({ ...r, base: toHex(r.base) }));
}

/** Instructions around an address, as the core sees them now. */
export function instructionsAround(
  system: System,
  core: Core,
  centre: bigint,
  before: number,
  after: number,
  disassemble: Disassemble,
): Instruction[] {
  const list: Instruction[] = [];
  for (let n = -before; n <= after; n++) {
    const address = BigInt.asUintN(64, (centre & ~3n) + BigInt(4 * n));
    const bytes = system.readMemory(address, 4, core.index);
    if (bytes.length < 4) {
      list.push({ address: toHex(address), word: null, text: 'not readable' });
      continue;
    }
    const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    list.push({ address: toHex(address), word: toHex(word), text: disassemble(word, address) });
  }
  return list;
}
