/** Who wrote to a console, as a real guest's run tells it. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadElf } from '../../core/boot/elf.ts';
import { bareSystem } from '../../core/machines/bare.ts';
import { worldOf } from '../../core/system/console-tag.ts';
import { createSystem } from '../../core/system/system.ts';
import { guest } from '../support/trireme.ts';

test.each([
  [1, 'normal'],
  [3, 'secure'],
] as const)('a guest at EL%d without RME is %s', async (startEl, world) => {
  const memoryBytes = 16 << 20;
  const program = loadElf(readFileSync(guest('hello')), 'hello', { base: 0x40000000, size: memoryBytes });
  const system = await createSystem(
    bareSystem({
      ...{ cores: 1, memoryBytes, cpuModel: 'max', engine: 'normal', deterministic: false, startEl },
      ...{ images: program.images, entry: program.entry, psci: 'none' },
      semihosting: { files: 'none', commandLine: '' },
    }),
  );
  const worlds: string[] = [];
  system.on('console', (_id, bytes, tags) => {
    expect(tags.length).toBe(bytes.length);
    worlds.push(...[...tags].map(worldOf));
  });
  const ended = new Promise((resolve) => system.on('exit', resolve));
  await system.start();
  await ended;
  await system.stop();
  expect(worlds.length).toBe('hello from EL1\r\n'.length);
  expect(new Set(worlds)).toEqual(new Set([world]));
});
