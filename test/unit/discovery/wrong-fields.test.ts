// Objects that violate their schema, one field at a time: each field of each kind that is read gets values of every other sort.
// Whatever stands there, nothing is thrown, other objects do not suffer, and an object with an error keeps its last good state.

import { describe, expect, it } from 'vitest';
import type { SourceEvent } from '../../../discovery/model/source-event.ts';
import { parseObject } from '../../../discovery/source/object-schema.ts';
import {
  namespaceManifest,
  nodeManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { changed, hostOf, plain, syncedCluster } from './cluster-scene.ts';

const region = { 'topology.kubernetes.io/region': 'region-1' };
const pod = podManifest('one-1', '10.0.0.1', 'one', { createdAt: '2026-01-01T00:00:00Z' });

const manifests: Readonly<Record<string, Manifest>> = {
  Service: serviceManifest(
    'one',
    {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1'],
      externalIPs: ['192.0.2.1'],
      publishNotReadyAddresses: true,
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP', appProtocol: 'http', nodePort: 30_080 }],
    },
    { labels: { 'topology.istio.io/network': 'network-1' }, annotations: { 'networking.istio.io/exportTo': '*' } },
  ),
  EndpointSlice: {
    ...sliceManifest('one-1', 'one', []),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: 'node-1',
        zone: 'zone-1',
        targetRef: { kind: 'Pod', name: 'one-1', namespace: 'sample' },
      },
    ],
  },
  Pod: {
    ...pod,
    spec: { ...(pod['spec'] as Manifest), nodeName: 'node-1' },
    status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'Ready', status: 'True' }] },
  },
  Node: nodeManifest('node-1', region, { addresses: [{ type: 'InternalIP', address: '10.0.1.1' }] }),
  Namespace: namespaceManifest('istio-system', { 'topology.istio.io/network': 'network-1' }),
  WorkloadEntry: policyManifest('WorkloadEntry', 'vm-1', {
    address: '10.0.0.9',
    ports: { http: 8080 },
    labels: { app: 'one' },
    network: 'network-1',
    locality: 'region-1/zone-1',
    weight: 2,
    serviceAccount: 'one',
  }),
  VirtualService: policyManifest('VirtualService', 'one', {
    hosts: ['one'],
    http: [
      {
        match: [{ uri: { prefix: '/a' }, headers: { 'x-a': { exact: 'a' } } }],
        rewrite: { uri: '/b' },
        timeout: '1s',
        retries: { attempts: 2, perTryTimeout: '500ms', retryOn: '5xx' },
        headers: { response: { set: { 'x-b': 'b' } } },
        route: [{ destination: { host: 'one', subset: 'v1', port: { number: 80 } }, weight: 100 }],
      },
    ],
  }),
  DestinationRule: policyManifest('DestinationRule', 'one', {
    host: 'one',
    trafficPolicy: { loadBalancer: { simple: 'RANDOM' }, tls: { mode: 'ISTIO_MUTUAL' } },
    subsets: [{ name: 'v1', labels: { version: 'v1' } }],
  }),
  PeerAuthentication: policyManifest('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } }),
  Gateway: policyManifest('Gateway', 'east-west', {
    selector: { istio: 'eastwestgateway' },
    servers: [
      {
        port: { number: 15_443, name: 'tls', protocol: 'TLS' },
        hosts: ['*.local'],
        tls: { mode: 'AUTO_PASSTHROUGH' },
      },
    ],
  }),
};

const wrong: readonly unknown[] = [null, true, 7, -1, 1e99, '', 'x y', [], ['x'], [7], [null], {}, { x: { y: [1] } }];

type Path = readonly (string | number)[];

/** Of every value below, inner ones and leaves, but what says which object it is. */
function* pathsOf(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (['apiVersion', 'kind', 'metadata.name', 'metadata.namespace'].includes(at.join('.'))) continue;
    if (at.join('.') !== 'metadata') yield at;
    yield* pathsOf(child, at);
  }
}

function withValue(target: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(target)) return target.map((each, index) => (index === key ? withValue(each, rest, value) : each));
  const fields = target as Readonly<Record<string, unknown>>;
  return { ...fields, [key]: withValue(fields[key], rest, value) };
}

function* spoilt(good: Manifest): Generator<{ readonly what: string; readonly object: Manifest }> {
  for (const path of pathsOf(good)) {
    for (const value of wrong) {
      yield { what: `${path.join('.')}: ${JSON.stringify(value)}`, object: withValue(good, path, value) as Manifest };
    }
  }
}

/** What a source would tell of it. */
function told(manifest: Manifest): SourceEvent {
  const parsed = parseObject(manifest, 'primary');
  if (parsed === undefined) return { kind: 'problems', problems: [] };
  return Array.isArray(parsed) ? { kind: 'problems', problems: parsed } : { kind: 'changed', object: parsed };
}

describe('an object with one field of another sort', () => {
  const others = [serviceManifest('other'), sliceManifest('other-1', 'other', ['10.0.0.7'])];

  it.each(Object.entries(manifests))('is told or taken, and spoils nothing else: %s', (kind, good) => {
    const cluster = syncedCluster([...Object.values(manifests), ...others]);
    const before = plain(cluster.snapshot);
    const ofOther = () =>
      [cluster.snapshot.services, cluster.snapshot.endpoints].map((map) => map.get(hostOf('other')));
    const other = ofOther();
    expect(cluster.status().problems).toEqual([]);
    const errors = new Set<string>();
    for (const { what, object } of spoilt(good)) {
      cluster.fold([told(object)]);
      const found = cluster.status().problems.filter(({ severity }) => severity === 'error');
      for (const { message } of found) errors.add(message);
      const foreign = found.filter((problem) => problem.object?.startsWith(`${kind}/`) !== true);
      // The network of a cluster is a fact about every endpoint of it.
      const beside = kind === 'Namespace' ? other : ofOther();
      const state = found.length > 0 ? plain(cluster.snapshot) : before;
      expect({ what, foreign, beside, state }).toEqual({ what, foreign: [], beside: other, state: before });
      cluster.fold([{ kind: 'problems', problems: [] }, changed(good)]);
      const mended = { what, state: plain(cluster.snapshot), problems: cluster.status().problems };
      expect(mended).toEqual({ what, state: before, problems: [] });
    }
    expect(errors.size).toBeGreaterThan(5);
  });
});
