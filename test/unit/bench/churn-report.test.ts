// What a run of steady changes says of itself on the page.

import { expect, test } from 'vitest';
import { churnLines, withChurn, type ChurnRun } from '../../bench/churn/report-churn.ts';
import { readOptions } from '../../bench/options.ts';

const memory = { live: 1, rss: 1 };
const run: ChurnRun = {
  at: '2026-01-01T00:00:00Z',
  node: 'v24',
  cores: 2,
  load: 0,
  registry: 'kube',
  allocator: 'jemalloc',
  services: 40,
  endpoints: 2,
  namespaces: 4,
  proxies: 20,
  tls: false,
  regions: false,
  workers: 0,
  asked: 100,
  connectMs: 1,
  before: memory,
  after: memory,
  seconds: 1,
  warmUpSeconds: 0,
  rate: 100,
  messages: 1,
  folded: 0,
  minutes: [],
  longest: [],
  changes: 1,
  written: { p50: 1, p99: 1, max: 1 },
  stored: { p50: 1, p99: 1, max: 1 },
  late: 0,
};

test('the page says how the proxies were connected', () => {
  expect(churnLines(run)[0]).toContain('20 proxies in plaintext');
  expect(churnLines({ ...run, tls: true })[0]).toContain('20 proxies over TLS with client certificates');
});

test('the page says whether there was a second cluster, in a part of its own', () => {
  const page = (command: string): string =>
    `<!-- begin: written by ${command} -->\n<!-- end: written by ${command} -->\n`;
  const one = page('npm run bench -- --churn');
  const two = page('npm run bench -- --churn --regions');
  expect(withChurn(one + two, run)).toBe(withChurn(one, run) + two);
  expect(withChurn(one + two, { ...run, regions: true })).toBe(one + withChurn(two, { ...run, regions: true }));
  expect(withChurn(two, { ...run, regions: true })).toContain('a second cluster on another network');
});

test('proxies are connected in plaintext unless TLS is asked for', () => {
  expect(readOptions(['--churn', '5']).tls).toBe(false);
  expect(readOptions(['--churn', '5', '--tls']).tls).toBe(true);
});
