import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Guests that load several cores of the host for a minute or more: one after the other, when all other tests are over. */
const HEAVY = ['tests/boot/linux.test.ts', 'tests/full/rootfs.test.ts', 'tests/soak/*.test.ts'];

/**
 * `npm run test:full` (vitest's mode "full"), or TRIREME_FULL=1, adds the long tests under tests/full; `npm run test:firmware` (mode
 * "firmware") runs those under tests/real-firmware, and only those.
 */
export default defineConfig(({ mode }) => {
  const full = mode === 'full' || process.env.TRIREME_FULL === '1';
  const firmware = mode === 'firmware';
  const common = {
    env: full ? { TRIREME_FULL: '1' } : {},
    // A process for each test file: what its workers and shared memories held is gone when it ends.
    pool: 'forks' as const,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  };
  return {
    test: {
      // Machines of real firmware have up to four cores of their own.
      maxWorkers: firmware ? 1 : 2,
      projects: [
        {
          test: {
            ...common,
            name: 'node',
            include: [firmware ? 'tests/real-firmware/*.test.ts' : 'tests/**/*.test.ts'],
            exclude: firmware
              ? []
              : ['tests/ui/components/**', 'tests/real-firmware/**', ...HEAVY, ...(full ? [] : ['tests/full/**'])],
          },
        },
        {
          test: {
            ...common,
            name: 'heavy',
            include: firmware ? [] : HEAVY,
            exclude: full ? [] : ['tests/full/**'],
            maxWorkers: 1,
            sequence: { groupOrder: 1 },
          },
        },
        {
          // Stores and components of the renderer, compiled, with a document.
          plugins: [svelte({ configFile: join(import.meta.dirname, 'renderer', 'svelte.config.js') })],
          resolve: { conditions: ['browser'] },
          test: {
            ...common,
            name: 'renderer',
            include: firmware ? [] : ['tests/ui/components/**/*.test.ts'],
            environment: 'happy-dom',
          },
        },
      ],
    },
  };
});
