/** Guests on the machine `virt` that say what timers, PSCI and PMU do, against what QEMU 11.1 showed (`tests/guests/record.sh`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { virtMachine } from '../../core/machines/virt.ts';
import type { SystemConfig } from '../../core/system/api.ts';
import { createSystem } from '../../core/system/system.ts';
import { elfOf } from '../support/system-run.ts';

const GUESTS = join(import.meta.dirname, '..', 'guests');
const MEMORY = 64 << 20;

type Level = 1 | 2 | 3;
const CONDUIT = { 1: 'hvc', 2: 'smc', 3: 'none' } as const;

async function run(
  name: string,
  level: Level,
  engine: SystemConfig['engine'],
  deterministic: boolean,
): Promise<{ output: string; exit: unknown }> {
  const system = await createSystem({
    machine: virtMachine({ cores: 2, memoryBytes: MEMORY, secure: level === 3, virtualization: level > 1 }),
    ...{ cpuModel: 'max', engine, deterministic, startEl: level, psci: CONDUIT[level] },
    ...elfOf(join(GUESTS, 'elf', `${name}.elf`), MEMORY),
    semihosting: { files: 'none', commandLine: '' },
  });
  const output: Uint8Array[] = [];
  system.on('console', (_id, bytes) => void output.push(bytes.slice()));
  const exit = new Promise((resolve) => system.on('exit', resolve));
  const timer = setTimeout(() => void system.stop(), 100_000);
  await system.start();
  const how = await exit;
  clearTimeout(timer);
  return { output: Buffer.concat(output).toString('latin1').replaceAll('\r', ''), exit: how };
}

describe.each<[string, Level]>([
  ['clocks', 1],
  ['clocks', 2],
  ['clocks', 3],
  ['power', 1],
  ['power', 2],
  ['counters', 1],
  ['counters', 2],
])('%s at EL%i', (name, level) => {
  test.each([
    ['normal', false],
    ['normal', true],
    ['interpreter', false],
    ['compiled', false],
  ] as const)('%s, deterministic: %s', async (engine, deterministic) => {
    const { output, exit } = await run(name, level, engine, deterministic);
    expect(output).toBe(readFileSync(join(GUESTS, 'recorded', `${name}-EL${level}.txt`), 'utf8'));
    expect(exit).toEqual(name === 'power' ? { reason: 'poweroff', status: 0 } : { reason: 'exit', status: 0 });
  });
});
