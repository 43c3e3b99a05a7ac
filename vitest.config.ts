import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** `npm run test:full` (vitest's mode "full"), or TRIREME_FULL=1, adds the long tests under tests/full. */
export default defineConfig(({ mode }) => {
  const full = mode === 'full' || process.env.TRIREME_FULL === '1';
  const common = {
    env: full ? { TRIREME_FULL: '1' } : {},
    // A process for each test file: what its workers and shared memories held is gone when it ends.
    pool: 'forks' as const,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  };
  return {
    test: {
      maxWorkers: 2,
      projects: [
        {
          test: {
            ...common,
            name: 'node',
            include: ['tests/**/*.test.ts'],
            exclude: ['tests/ui/components/**', ...(full ? [] : ['tests/full/**'])],
          },
        },
        {
          // Stores and components of the renderer, compiled, with a document.
          plugins: [svelte({ configFile: join(import.meta.dirname, 'renderer', 'svelte.config.js') })],
          resolve: { conditions: ['browser'] },
          test: {
            ...common,
            name: 'renderer',
            include: ['tests/ui/components/**/*.test.ts'],
            environment: 'happy-dom',
          },
        },
      ],
    },
  };
});
