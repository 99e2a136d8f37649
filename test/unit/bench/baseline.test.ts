// What `npm run bench` holds against the baseline: a count that rises by anything is a failure, a time only a remark.

import { expect, test } from 'vitest';
import { compareWithBaseline, risenCounts, type Baseline } from '../../bench/baseline.ts';
import type { ConnectFigures, ChangeFigures, ExactCounts, Figures } from '../../bench/figures.ts';

const counts: ExactCounts = { messages: 1, bytes: 725.3, resources: 1, removed: 0, encodings: 1 };
const quantiles = { p50: 10, p99: 20 };
const loop = { p50: 1, p99: 1, longest: 1, arrivalP99: 0 };
const connect: ConnectFigures = {
  allMs: 100,
  againMs: 100,
  each: quantiles,
  cpuMs: 100,
  workersCpuMs: 0,
  counts,
  live: 1000,
  rss: 1000,
  workersRss: 0,
};
const change: ChangeFigures = {
  trials: 1,
  first: quantiles,
  each: quantiles,
  last: quantiles,
  cpuMs: 10,
  workersCpuMs: 0,
  counts,
};
const figures: Figures = {
  at: '2026-01-01T00:00:00Z',
  node: 'v24',
  registry: 'directory',
  services: 3,
  endpoints: 2,
  proxies: 1,
  load: 0,
  cores: 2,
  allocator: 'of the C library',
  connect,
  connectTls: connect,
  endpointChange: change,
  routeChange: change,
  reconnect: { tookMs: 1, cpuMs: 10, workersCpuMs: 0, counts },
  start: { services: 3, endpoints: 2, readyMs: 100, eachReadyMs: [100], rss: 1000 },
  certificates: {
    alone: { perSecond: 1000, loop },
    pushesAlone: { changes: 1, proxies: 1, last: quantiles, loop },
    whilePushing: { perSecond: 1000, changes: 1, proxies: 1, last: quantiles, loop },
  },
};

const size = '3 x 2, 1 proxies, 1 changes, directory';
const baseline: Baseline = {
  runs: {
    [size]: {
      counts: {
        connect: counts,
        'endpoint change': counts,
        'route change': counts,
        reconnect: counts,
        'connect over TLS': counts,
      },
      times: { 'connect all, ms': 100, 'endpoint change, last proxy, ms': 10 },
    },
  },
  counts: {},
};

const raised = (name: keyof ExactCounts, by: number): ExactCounts => ({ ...counts, [name]: counts[name] + by });
const steps = ['connect', 'connectTls', 'endpointChange', 'routeChange', 'reconnect'] as const;
const countNames = ['messages', 'bytes', 'resources', 'removed', 'encodings'] as const;

test('a run that is as before has neither', () => {
  expect(compareWithBaseline(baseline, figures)).toEqual({ risen: [], slower: [] });
});

test.each(steps.flatMap((step) => countNames.map((name) => [step, name] as const)))(
  'in %s, %s that rise by the least there is are a failure',
  (step, name) => {
    const worse = { ...figures, [step]: { ...figures[step], counts: raised(name, 0.01) } };
    const { risen, slower } = compareWithBaseline(baseline, worse);
    expect(risen).toHaveLength(1);
    expect(risen[0]).toContain(`${name}: ${counts[name]} before`);
    expect(slower).toEqual([]);
  },
);

test('a run that measured only the load is held against the baseline as well', () => {
  const { connectTls: _tls, start: _start, certificates: _certificates, ...load } = figures;
  const worse = { ...load, reconnect: { ...load.reconnect, counts: raised('resources', 1) } };
  expect(compareWithBaseline(baseline, load)).toEqual({ risen: [], slower: [] });
  expect(compareWithBaseline(baseline, worse).risen).toEqual([`${size}: reconnect: resources: 1 before, 2 now`]);
});

test('a run of another number of changes is held against nothing: its markers are of other lengths', () => {
  const more = { ...figures, endpointChange: { ...change, trials: 2, counts: raised('bytes', 1) } };
  expect(compareWithBaseline(baseline, more)).toEqual({ risen: [], slower: [] });
});

test('counts that fall are no failure', () => {
  expect(risenCounts(counts, { ...counts, bytes: 700, encodings: 0 })).toEqual([]);
});

test('a time that rises by half is told, and is no failure', () => {
  const slow = { ...figures, endpointChange: { ...change, last: { ...quantiles, p50: 15.1 } } };
  const { risen, slower } = compareWithBaseline(baseline, slow);
  expect(risen).toEqual([]);
  expect(slower).toEqual([`${size}: endpoint change, last proxy, ms: 10 before, 15.1 now`]);
});
