// Two projects: `fast` runs in parallel; `lab` holds the tests that start Envoys, namespaces and whole instances, one file at a time.

import { defineConfig } from 'vitest/config';

/** As long as every other wait of the tests: what is polled for comes from other processes, too. */
const expect = { poll: { timeout: 15_000 } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/{unit,contract,golden,feature}/**/*.test.ts'],
          exclude: ['test/**/*.lab.test.ts', 'test/feature/lab/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          expect,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/**/*.lab.test.ts', 'test/feature/lab/**/*.test.ts', 'test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect,
        },
      },
    ],
    maxWorkers: 2,
    pool: 'forks',
    passWithNoTests: false,
    sequence: { groupOrder: 0 },
  },
});
