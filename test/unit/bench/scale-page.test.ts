// The tables of docs/scale.md are what the simulation prints.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { simulateBalance } from '../../bench/scale/simulate-balance.ts';

const root = resolve(import.meta.dirname, '../../..');

test('docs/scale.md has the tables that simulate-scale.ts prints', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['test/bench/simulate-scale.ts'], { cwd: root });
  const page = await readFile(resolve(root, 'docs/scale.md'), 'utf8');
  const tables = stdout.trim().split('\n\n');
  expect(tables).toHaveLength(2);
  for (const table of tables) expect(page).toContain(table);
});

test('a surge that streams of an age spread over new replicas stays on the old ones without ages', () => {
  const region = { proxies: 1000, surge: 1000, targetProxies: 400, maxProxies: 600 };
  const fullestAt50 = (maxAgeSeconds: number): number =>
    simulateBalance({ ...region, maxAgeSeconds }).find(({ minute }) => minute === 50)?.fullest ?? 0;
  expect(fullestAt50(0)).toBe(region.maxProxies);
  expect(fullestAt50(1800)).toBeLessThan(500);
});
