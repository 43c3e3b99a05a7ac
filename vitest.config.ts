import { defineConfig } from 'vitest/config';

/** `npm run test:full` (vitest's mode "full"), or TRIREME_FULL=1, adds the long tests under tests/full. */
export default defineConfig(({ mode }) => {
  const full = mode === 'full' || process.env.TRIREME_FULL === '1';
  return {
    test: {
      include: ['tests/**/*.test.ts'],
      exclude: full ? [] : ['tests/full/**'],
      env: full ? { TRIREME_FULL: '1' } : {},
      // A process for each test file: what its workers and shared memories held is gone when it ends.
      pool: 'forks',
      maxWorkers: 2,
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  };
});
