/** The state of a core as text: what a guest that ran wild leaves behind. */
import type { Core, System } from '../system/api.ts';

const hex = (v: bigint, digits = 16): string => v.toString(16).padStart(digits, '0');
/** Instructions shown before and behind PC. */
const WINDOW = 6;

/** Text of an instruction word at an address. */
export type Disassemble = (word: number, pc: bigint) => string;

function flags(pstate: bigint): string {
  const bit = (n: number, letter: string): string => ((pstate >> BigInt(n)) & 1n ? letter : '-');
  const masks = `${bit(9, 'D')}${bit(8, 'A')}${bit(7, 'I')}${bit(6, 'F')}`;
  const el = `EL${(pstate >> 2n) & 3n}${pstate & 1n ? 'h' : 't'}`;
  return `${bit(31, 'N')}${bit(30, 'Z')}${bit(29, 'C')}${bit(28, 'V')} ${masks} ${el}`;
}

export function registersOf(core: Core): string[] {
  const cells = Array.from({ length: 31 }, (_, n) => `${`x${n}`.padStart(3)} ${hex(core.x(n))}`);
  cells.push(` sp ${hex(core.sp)}`);
  const lines = [` pc ${hex(core.pc)}  pstate ${hex(core.pstate, 8)} ${flags(core.pstate)}`];
  for (let i = 0; i < cells.length; i += 4) lines.push(cells.slice(i, i + 4).join('  '));
  const el = Number((core.pstate >> 2n) & 3n) || 1;
  const system = ['ESR', 'ELR', 'FAR', 'SPSR', 'VBAR', 'SCTLR'].map((name) => {
    const value = core.sysreg(`${name}_EL${el}`);
    return value === null ? null : `${name}_EL${el} ${hex(value)}`;
  });
  const shown = system.filter((text) => text !== null);
  for (let i = 0; i < shown.length; i += 3) lines.push(shown.slice(i, i + 3).join('  '));
  return lines;
}

/** The instructions around an address, as the core sees them now. */
export function windowOf(system: System, core: Core, centre: bigint, disassemble: Disassemble | null): string[] {
  const lines: string[] = [];
  for (let n = -WINDOW; n <= WINDOW; n++) {
    const address = BigInt.asUintN(64, (centre & ~3n) + BigInt(4 * n));
    const bytes = system.readMemory(address, 4, core.index);
    if (bytes.length < 4 && n !== 0) continue;
    const mark = n === 0 ? '->' : '  ';
    if (bytes.length < 4) {
      lines.push(`${mark} ${hex(address)}: no memory that can be read`);
      continue;
    }
    const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    lines.push(`${mark} ${hex(address)}: ${hex(BigInt(word), 8)}  ${disassemble?.(word, address) ?? ''}`.trimEnd());
  }
  return lines;
}

/** All that is known of core `index`, as lines; `origin`: another address of interest. */
export function describeCore(
  system: System,
  index: number,
  disassemble: Disassemble | null,
  origin?: bigint,
): string[] {
  const core = system.cores[index];
  if (!core) return [];
  const lines = [`core ${index}:`, ...registersOf(core), ...windowOf(system, core, core.pc, disassemble)];
  if (origin === undefined || origin === core.pc) return lines;
  return [...lines, 'where it began:', ...windowOf(system, core, origin, disassemble)];
}
