// An east-west gateway follows the endpoints of its network: a subset is exported while it has some.

import { expect, test } from 'vitest';
import { noChange } from '../../../discovery/model/change-set.ts';
import { hostname } from '../../../discovery/model/names.ts';
import { Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { Listener } from '../../../proto/generated/envoy.config.listener.v3.ts';
import { OutboundResources } from '../../../server/cache/outbound-resources.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import { destinationRule, eastWestGateway, endpoint, mesh, router, service } from '../../support/mesh-model.ts';

const host = hostname('helloworld.default.svc.cluster.local');
const subset = (version: string) => ({ name: version, labels: { version }, trafficPolicy: {} });
const pod = (address: string, version: string) =>
  endpoint('cluster-1/network1', address, { http: 5000 }, { labels: { version } });
const before = mesh({
  services: [service('helloworld', ['http:5000'])],
  endpoints: { [host]: [pod('10.1.0.5', 'v1')] },
  policies: [eastWestGateway(), destinationRule('helloworld', host, { subsets: [subset('v1'), subset('v2')] })],
});
const after = {
  ...before,
  endpoints: before.endpoints.with([[host, [pod('10.1.0.5', 'v1'), pod('10.1.0.6', 'v2')]]]),
};
const change = { ...noChange, endpoints: new Set([host]) };

test('a subset is exported when its first pod appears, and no longer when the last is gone', () => {
  const resources = OutboundResources.make({ scope: viewKeysOf(router(), before).outboundScope, mesh: before });
  const exported = () => [...resources.set(Cluster.typeUrl).keys()].filter((name) => name.startsWith('outbound_'));
  expect(exported().toSorted()).toEqual([`outbound_.5000_._.${host}`, `outbound_.5000_.v1_.${host}`]);

  expect([...resources.update(after, change)]).toContain(Listener.typeUrl);
  expect(exported()).toContain(`outbound_.5000_.v2_.${host}`);

  expect([...resources.update(before, change)]).toContain(Listener.typeUrl);
  expect(exported()).not.toContain(`outbound_.5000_.v2_.${host}`);
});

test('a service is exported when its first pod appears, though it had none when the gateway came', () => {
  const empty = { ...before, endpoints: before.endpoints.with([[host, undefined]]) };
  const resources = OutboundResources.make({ scope: viewKeysOf(router(), empty).outboundScope, mesh: empty });
  expect([...resources.set(Cluster.typeUrl).keys()]).not.toContain(`outbound_.5000_._.${host}`);

  expect([...resources.update(before, change)]).toContain(Listener.typeUrl);
  expect([...resources.set(Cluster.typeUrl).keys()]).toContain(`outbound_.5000_._.${host}`);
});
