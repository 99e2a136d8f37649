// Listeners are made from what all hosts need of them, in whatever order that comes.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { objectKey } from '../../../discovery/model/names.ts';
import {
  generateOutboundListeners,
  listenerKey,
  type ListenerContribution,
} from '../../../server/generate/outbound-listeners.ts';
import { generateHost } from '../../../server/generate/outbound-host.ts';
import { buildOutboundView } from '../../../server/view/outbound-view.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';

const snapshot = mesh({});
const view = buildOutboundView(viewKeysOf(sidecar(), snapshot).outboundScope, snapshot);
const target = (name: string, port: number, createdAtMs: number) => ({
  port,
  cluster: `outbound|${port}||${name}`,
  source: objectKey('Service', 'default', name),
  createdAtMs,
  routes: [],
});
const tcp = (address: string, name: string, createdAtMs: number): ListenerContribution => ({
  kind: 'tcp',
  address,
  ...target(name, 81, createdAtMs),
});
const http = (port: number): ListenerContribution => ({ kind: 'http', port });

const anyContribution = fc.oneof(
  fc.constantFrom(80, 81, 82).map((port) => http(port)),
  fc
    .tuple(fc.constantFrom('10.96.0.1', '10.96.0.2', 'fd00::1'), fc.constantFrom('a', 'b', 'c'), fc.nat(2))
    .map(([address, name, age]) => tcp(address, name, age)),
);

test('the order of contributions makes no difference', () => {
  fc.assert(
    fc.property(fc.array(anyContribution), (contributions) => {
      const listeners = generateOutboundListeners(view, contributions);
      expect(generateOutboundListeners(view, contributions.toReversed())).toEqual(listeners);
      const addresses = listeners.map(({ message }) => JSON.stringify(message.address));
      expect(new Set(addresses).size).toBe(listeners.length);
    }),
  );
});

test('contributions of equal keys make equal listeners', () => {
  fc.assert(
    fc.property(fc.array(anyContribution), (contributions) => {
      const byKey = new Map(contributions.map((one) => [listenerKey(one), one]));
      expect(generateOutboundListeners(view, byKey.values())).toEqual(generateOutboundListeners(view, contributions));
    }),
  );
});

test('of two services on one virtual IP and port the older has it', () => {
  const listeners = generateOutboundListeners(view, [tcp('10.96.0.1', 'young', 2), tcp('10.96.0.1', 'old', 1)]);
  expect(listeners.map(({ name, sources }) => ({ name, sources }))).toEqual([
    { name: '10.96.0.1_81', sources: ['Service/default/old'] },
    { name: 'virtualOutbound', sources: [] },
  ]);
});

test('a headless service has the port of its own pods, not that of anybody else', () => {
  const headless = (name: string) => service(name, ['tcp-sql:3306'], { kind: 'headless', clusters: [] });
  const [db, other] = [headless('db'), headless('other')];
  const of = mesh({
    services: [db, other, service('web', ['http:3306'])],
    endpoints: {
      [db.host]: [
        endpoint('cluster-1/network1', '10.1.0.7', { 'tcp-sql': 3306 }),
        endpoint('cluster-1/network1', '10.1.0.8', { 'tcp-sql': 3306 }, { health: 'unhealthy' }),
        endpoint('cluster-2/network2', '10.2.0.7', { 'tcp-sql': 3306 }),
      ],
      [other.host]: [endpoint('cluster-1/network1', '10.1.0.9', { 'tcp-sql': 3306 })],
    },
  });
  const seen = buildOutboundView(viewKeysOf(sidecar(), of).outboundScope, of);

  const listeners = generateOutboundListeners(
    seen,
    seen.hosts().flatMap((host) => generateHost(seen, host).listeners),
  );

  expect(listeners.map(({ name, sources }) => `${name} ${sources.join()}`)).toEqual([
    '0.0.0.0_3306 ',
    '10.1.0.7_3306 Service/default/db',
    '10.1.0.8_3306 Service/default/db',
    '10.1.0.9_3306 Service/default/other',
    'virtualOutbound ',
  ]);
  expect(JSON.stringify(listeners[0]?.message.defaultFilterChain)).not.toContain('db');
});
