// What a class of proxies sees of the mesh.

import { describe, expect, test } from 'vitest';
import { hostname } from '../../../discovery/model/names.ts';
import { buildOutboundView } from '../../../server/view/outbound-view.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import {
  endpoint,
  gateway,
  mesh,
  peerAuthentication,
  service,
  sidecar,
  type MeshParts,
} from '../../support/mesh-model.ts';

const web = service('shop/web', ['http:80', 'tcp:81'], { addresses: { 'cluster-1': ['10.96.0.1'] } });
const pods = [
  endpoint('cluster-1/network1', '10.1.0.5', { http: 8080, tcp: 8081 }, { labels: { app: 'web' } }),
  endpoint('cluster-2/network2', '10.2.0.5', { http: 8080, tcp: 8081 }, { labels: { app: 'web' } }),
].map((one) => ({ ...one, workload: { ...one.workload, namespace: 'shop', serviceAccount: 'web' } }));

function look(changes: MeshParts = {}, namespace = 'default') {
  const snapshot = mesh({
    services: [web],
    endpoints: { [web.host]: pods },
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    ...changes,
  });
  return buildOutboundView(viewKeysOf(sidecar({ namespace }), snapshot).outboundScope, snapshot);
}

const exported = (exportTo: readonly string[], namespace?: string) =>
  look({ services: [{ ...web, exportTo }] }, namespace).hosts().length === 1;

describe('a service', () => {
  test('is seen where it is exported to', () => {
    expect(exported([])).toBe(true);
    expect(exported(['*'])).toBe(true);
    expect(exported(['.'])).toBe(false);
    expect(exported(['.'], 'shop')).toBe(true);
    expect(exported(['default'])).toBe(true);
    expect(exported(['other'])).toBe(false);
  });

  test('that is cluster-local is not seen where only another cluster has it', () => {
    const elsewhere = service('shop/web', ['http:80'], { addresses: { 'cluster-2': [] }, clusterLocal: true });
    expect(look({ services: [elsewhere] }).hosts()).toEqual([]);
  });

  test('has the virtual IPs of the own cluster, and an allocated one where that has none', () => {
    expect(look().virtualAddresses(web.host)).toEqual(['10.96.0.1']);
    const elsewhere = service('shop/web', ['http:80'], { addresses: { 'cluster-2': ['10.97.0.1'] } });
    const [allocated, ...more] = look({ services: [elsewhere] }).virtualAddresses(web.host);
    expect(allocated).toMatch(/^240\.240\./);
    expect(more).toEqual([]);
  });
});

describe('who may answer for a host', () => {
  test('is every account behind it in all clusters, under every name of the trust domain', () => {
    const config = { trustDomain: 'example.org', trustDomainAliases: ['old.example.org'] };
    expect(look({ config }).identities(web.host)).toEqual([
      'spiffe://example.org/ns/shop/sa/web',
      'spiffe://old.example.org/ns/shop/sa/web',
    ]);
  });

  test('is every account of the namespace when a cluster is read without its pods', () => {
    const unknown = pods.map((one, index) =>
      index === 0 ? one : { ...one, workload: { ...one.workload, serviceAccount: '' } },
    );
    expect(look({ endpoints: { [web.host]: unknown } }).identities(web.host)).toEqual([
      'spiffe://cluster.local/ns/shop/sa/',
      'spiffe://cluster.local/ns/shop/sa/web',
    ]);
  });

  test('is nobody for a host without endpoints', () => {
    expect(look().identities(hostname('none.default.svc.cluster.local'))).toEqual([]);
  });
});

describe('a workload whose PeerAuthentication turns mTLS off', () => {
  const off = peerAuthentication('shop/web', { selector: { app: 'web' }, portModes: new Map([[8081, 'disable']]) });
  const reached = (portName: string) => {
    const port = web.ports.find(({ name }) => name === portName) ?? { name: '', port: 0, protocol: 'tcp' as const };
    const { groups, dropped } = look({ policies: [off] }).endpointsFor(web.host, port, { labels: {}, reach: 'all' });
    const kinds = groups.flatMap(({ endpoints }) =>
      endpoints.map((one) => (one.kind === 'direct' ? one.mtls : 'gateway')),
    );
    return { kinds, dropped: dropped.map(({ reason }) => reason) };
  };

  test('is sent plain text on its own network, and nothing from another', () => {
    expect(reached('tcp')).toEqual({ kinds: [false], dropped: ['no-mtls-across-networks'] });
  });

  test('is sent mTLS on its other ports', () => {
    expect(reached('http')).toEqual({ kinds: [true, 'gateway'], dropped: [] });
  });
});
