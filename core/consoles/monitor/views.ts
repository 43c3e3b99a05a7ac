/** What `info` shows of a system, as text. */

import type { MachineDescription } from '../../machines/machine.ts';
import type { Core, InterruptState, System } from '../../system/api.ts';
import { WORLDS } from '../../system/console-tag.ts';

const hex = (n: number | bigint, digits = 16): string => n.toString(16).padStart(digits, '0');

/** World and exception level: `normal EL1`. */
const stateOf = (core: Core): string => `${core.world} EL${(core.pstate >> 2n) & 3n}`;

export function cpus({ cores }: System, selected: number): string {
  const lines = cores.map((core) => {
    const what = !core.on ? 'off' : core.waiting ? 'waits' : 'runs';
    return `${core.index === selected ? '*' : ' '} CPU #${core.index}: ${what}, ${stateOf(core)}, pc 0x${hex(core.pc)}`;
  });
  return lines.join('\n');
}

/** Memory and devices by address; behind each, the address spaces in which it answers where that is not all. */
export function memoryTree({ memory, devices }: MachineDescription): string {
  const ranges = [
    ...memory.map((m) => ({ ...m, what: m.kind === 'ram' ? 'ram' : 'rom' })),
    ...devices.map((d) => ({ ...d, what: 'i/o' })),
    ...devices.flatMap((d) =>
      d.kind === 'gicv3'
        ? [
            {
              name: `${d.name} redistributors`,
              base: d.redistributors[0],
              size: d.redistributors[1],
              pas: d.pas,
              what: 'i/o',
            },
          ]
        : [],
    ),
  ].sort((a, b) => a.base - b.base);
  const spaces = (pas: number): string => {
    const names = WORLDS.filter((_, n) => pas & (1 << n));
    return names.length === WORLDS.length ? '' : ` [${names.join(', ')}]`;
  };
  const lines = ranges.map(
    (r) => `  ${hex(r.base)}-${hex(r.base + r.size - 1)} (${r.what}): ${r.name}${spaces(r.pas)}`,
  );
  return ['address space: physical', ...lines].join('\n');
}

export function interrupts(list: readonly InterruptState[]): string {
  if (list.length === 0) return 'no interrupt is enabled, pending or active';
  const kind = (n: number): string => (n < 16 ? `SGI ${n}` : n < 32 ? `PPI ${n - 16}` : `SPI ${n - 32}`);
  const lines = list.map((i) => {
    const flags = [i.enabled && 'enabled', i.pending && 'pending', i.active && 'active'].filter(Boolean).join(' ');
    const where = i.core ?? i.target;
    const core = where === null ? 'any' : String(where);
    return `${String(i.intid).padStart(5)} ${kind(i.intid).padEnd(8)} core ${core.padEnd(4)} ${i.group.padEnd(17)} priority ${hex(i.priority, 2)} ${i.trigger.padEnd(6)} ${flags}`;
  });
  return lines.join('\n');
}
