// Which sizes of load have a part of docs/performance.md, and what is written into it.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { ChangeFigures, ExactCounts, LoadFigures } from '../../bench/figures.ts';
import { readOptions } from '../../bench/options.ts';
import { commandOf, isLargeSize, isOtherSize, isPageSize } from '../../bench/sizes/page-sizes.ts';
import { withSize } from '../../bench/sizes/report-size.ts';

const page = await readFile(resolve(import.meta.dirname, '../../../docs/performance.md'), 'utf8');

const counts: ExactCounts = { messages: 1, bytes: 2048, resources: 3, removed: 0, encodings: 1 };
const change = (p50: number): ChangeFigures => ({
  trials: 20,
  first: { p50, p99: p50 },
  each: { p50, p99: p50 },
  last: { p50, p99: 2 * p50 },
  cpuMs: 10,
  workersCpuMs: 0,
  counts,
});
const figures: LoadFigures = {
  at: '2026-01-01T00:00:00Z',
  node: 'v24',
  registry: 'kube',
  services: 500,
  endpoints: 10,
  proxies: 500,
  load: 0.5,
  cores: 2,
  allocator: 'jemalloc',
  connect: {
    allMs: 4999,
    againMs: 3000,
    each: { p50: 1, p99: 2 },
    cpuMs: 2500,
    workersCpuMs: 0,
    counts,
    live: 16 * 1024,
    rss: 0,
    workersRss: 0,
  },
  endpointChange: change(24.9),
  routeChange: change(41),
  reconnect: { tookMs: 0, cpuMs: 500, workersCpuMs: 0, counts: { ...counts, messages: 0, resources: 0, bytes: 0 } },
};

function part(text: string, command: string): string {
  const [, rest = ''] = text.split(`<!-- begin: written by ${command} -->`);
  return rest.split('<!-- end')[0] ?? '';
}

test.each([
  'npm run bench -- --services 500 --endpoints 10 --proxies 500',
  'npm run bench -- --services 1000 --proxies 1000',
])('%s has a part of the page', (command) => {
  const size = readOptions(command.split(' ').slice(4));
  expect(isOtherSize(size)).toBe(true);
  expect(commandOf(size)).toBe(command);
  expect(page).toContain(`<!-- begin: written by ${command} -->`);
});

test.each([[[]], [['--quick']], [['--services', '500']]])('%j measures everything', (argv) => {
  expect(isOtherSize(readOptions(argv))).toBe(false);
});

test('a run of 500 proxies is written into its part and held against its aims, and the rest of the page stays', () => {
  const command = commandOf(figures);
  const written = withSize(page, figures);
  const table = part(written, command);
  expect(table).toContain('500 services with 10 endpoints each, 500 sidecars, a real API server');
  expect(table).toContain('| endpoint change | 24.9 ms (49.8 ms) | 10.0 ms | 1 | 2.00 | 3 | 1 |');
  expect(table).toContain('| all reconnect with what they hold | nothing is sent | 500 ms | 0 | 0.00 | 0 | 1 |');
  expect(table).toContain('Live memory a connected proxy: 16 KiB.');
  const aims = part(written, `${command}: aims`);
  expect(aims).toContain('| 174 ms | under 25 ms | 24.9 ms | reached |');
  expect(aims).toContain('| 1.4 s | under 40 ms | 41.0 ms | **missed** |');
  expect(aims).toContain('| 34 s | under 5 s | 4999 ms | reached |');
  expect(aims).toContain('| 505,000 | 0 | 0 | reached |');
  for (const untouched of ['npm run bench', 'npm run bench: aims', 'npm run bench -- --services 1000 --proxies 1000'])
    expect(part(written, untouched)).toBe(part(page, untouched));
});

test('one resource that is sent to those who come back misses the aim', () => {
  const sent = { ...figures, reconnect: { ...figures.reconnect, counts: { ...counts, resources: 0.01 } } };
  const aims = part(withSize(page, sent), `${commandOf(figures)}: aims`);
  expect(aims).toContain('| 505,000 | 0 | 0.01 | **missed** |');
});

test('a run of 1,000 proxies is written into its own part and into no aims', () => {
  const larger = { ...figures, services: 1000, endpoints: 5, proxies: 1000 };
  expect(isLargeSize(larger)).toBe(false);
  expect(isPageSize(larger)).toBe(false);
  const written = withSize(page, larger);
  expect(part(written, 'npm run bench -- --services 1000 --proxies 1000')).toContain('1000 sidecars');
  const aims = `${commandOf(figures)}: aims`;
  expect(part(written, aims)).toBe(part(page, aims));
});
