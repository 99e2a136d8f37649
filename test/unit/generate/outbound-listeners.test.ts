// Listeners are made from what all hosts need of them, in whatever order that comes.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { objectKey } from '../../../discovery/model/names.ts';
import {
  generateOutboundListeners,
  listenerKey,
  type ListenerContribution,
} from '../../../server/generate/outbound-listeners.ts';
import { buildOutboundView } from '../../../server/view/outbound-view.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import { mesh, sidecar } from '../../support/mesh-model.ts';

const snapshot = mesh({});
const view = buildOutboundView(viewKeysOf(sidecar(), snapshot).outboundScope, snapshot);
const target = (name: string, port: number, createdAtMs: number) => ({
  port,
  cluster: `outbound|${port}||${name}`,
  source: objectKey('Service', 'default', name),
  createdAtMs,
});
const tcp = (address: string, name: string, createdAtMs: number): ListenerContribution => ({
  kind: 'tcp',
  address,
  ...target(name, 81, createdAtMs),
});
const headless = (name: string, port: number, createdAtMs: number): ListenerContribution => ({
  kind: 'original-destination',
  ...target(name, port, createdAtMs),
});
const http = (port: number): ListenerContribution => ({ kind: 'http', port });

const anyContribution = fc.oneof(
  fc.constantFrom(80, 81, 82).map((port) => http(port)),
  fc
    .tuple(fc.constantFrom('10.96.0.1', '10.96.0.2', 'fd00::1'), fc.constantFrom('a', 'b', 'c'), fc.nat(2))
    .map(([address, name, age]) => tcp(address, name, age)),
  fc
    .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(80, 83), fc.nat(2))
    .map(([name, port, age]) => headless(name, port, age)),
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

test('a headless service shares its port with HTTP: what is not HTTP is the headless one’s', () => {
  const [wildcard] = generateOutboundListeners(view, [http(80), headless('queue', 80, 1)]);
  expect(wildcard?.name).toBe('0.0.0.0_80');
  expect(wildcard?.message.filterChains?.map(({ name }) => name)).toEqual(['http']);
  expect(wildcard?.sources).toEqual(['Service/default/queue']);
});
