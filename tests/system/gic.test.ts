/**
 * The guest `gic` on the machine `virt`, at each exception level. The expectation is what QEMU 11.1 shows with
 * `-M virt,gic-version=3[,secure=on][,virtualization=on] -cpu max -smp 2 -semihosting -kernel gic.elf`.
 */
import { describe, expect, test } from 'vitest';
import { virtMachine } from '../../core/machines/virt.ts';
import type { SystemConfig } from '../../core/system/api.ts';
import { createSystem } from '../../core/system/system.ts';
import { elfOf } from '../support/system-run.ts';

const ELF = new URL('../guests/elf/gic.elf', import.meta.url).pathname;
const MEMORY = 64 << 20;

const both = (level: number): string => `exception level ${level}
GICD_TYPER lines 8
architecture 3
an SGI to this core
  IRQ 5
  running priority 128
group 0 is an FIQ
  FIQ 6
one interrupts another
  IRQ 40
  running priority 128
  IRQ 41
  running priority 64
  back in 40
physical timer
  IRQ 30
  running priority 144
virtual timer
  IRQ 27
  running priority 152
${
  level === 2
    ? `hypervisor's timer
  IRQ 26
  running priority 160
`
    : ''
}a timer that is late already
  IRQ 30
  running priority 144
taken 1
a timer that is polled
  IRQ 30
  running priority 144
taken 1
overflow of an event counter
  IRQ 23
  running priority 168
`;
const EXPECTED = {
  1: `${both(1)}SGIs between cores
CPU_ON 0
answers 1000
done
`,
  2: `${both(2)}a guest's interrupt
  IRQ 50
  running priority 128
list register's state 0
maintenance interrupt
  IRQ 25
  running priority 32
  MISR 1
  EISR 1
done
`,
  3: `exception level 3
GICD_TYPER lines 8
architecture 3
groups at EL3
  FIQ 3
  FIQ 1020
  group 1 50
  FIQ 1021
  group 1 51
`,
} as const;

async function run(
  level: 1 | 2 | 3,
  engine: SystemConfig['engine'],
  deterministic: boolean,
): Promise<{ output: string; exit: unknown }> {
  const machine = virtMachine({ cores: 2, memoryBytes: MEMORY, secure: level === 3, virtualization: level > 1 });
  const system = await createSystem({
    machine,
    cpuModel: 'max',
    engine,
    deterministic,
    startEl: level,
    ...elfOf(ELF, MEMORY),
    semihosting: { files: 'none', commandLine: '' },
    psci: level === 1 ? 'hvc' : 'none',
  });
  const output: Uint8Array[] = [];
  system.on('console', (_id, bytes) => void output.push(bytes.slice()));
  const exit = new Promise((resolve) => system.on('exit', resolve));
  const timer = setTimeout(() => void system.stop(), 30_000);
  await system.start();
  const how = await exit;
  clearTimeout(timer);
  return { output: Buffer.concat(output).toString('latin1').replaceAll('\r', ''), exit: how };
}

describe.each([1, 2, 3] as const)('at EL%i', (level) => {
  test.each([
    ['normal', false],
    ['normal', true],
    ['interpreter', false],
    ['compiled', true],
  ] as const)(
    '%s, deterministic: %s',
    async (engine, deterministic) => {
      const { output, exit } = await run(level, engine, deterministic);
      expect(output).toBe(EXPECTED[level]);
      expect(exit).toEqual({ reason: 'exit', status: 0 });
    },
    60_000,
  );
});
