// An edit of a Telemetry reaches the proxies of the workloads that it is for, and of what they hold only listeners; one that changes nothing
// reaches nobody. A ProxyConfig is for pods that are made: proxies are sent nothing because of it.

import { expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { generatedTypes, ResourceCache } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import {
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { sidecar } from '../../support/mesh-model.ts';
import { changed, deleted, syncedCluster } from '../discovery/cluster-scene.ts';

const { listener, nameTable } = typeUrls;
const servedTypes = [...generatedTypes, nameTable];

/** Two workloads of one namespace and one of another, each with one service on HTTP; only those that count are told of metrics. */
function open() {
  const manifests = [
    serviceManifest('web', { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80, targetPort: 8080 }] }),
    podManifest('web-1', '10.1.0.1', 'web'),
    sliceManifest('web-a', 'web', ['10.1.0.1']),
  ];
  const cluster = syncedCluster(manifests, { network: 'network1' });
  const config = { ...defaultMeshConfig, defaultProviders: { metrics: ['prometheus'] } };
  const store = new MeshStore({ primary: clusterId('cluster-1'), config, schedule: () => {} });
  store.add(cluster);
  store.flush();
  const cache = new ResourceCache(store.snapshot);
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  const { capabilities } = sidecar();
  const proxies = [
    sidecar({ nodeId: 'web', namespace: 'sample', labels: { app: 'web' }, addresses: ['10.1.0.1'] }),
    sidecar({ nodeId: 'cart', namespace: 'sample', labels: { app: 'cart' } }),
    sidecar({ nodeId: 'far', namespace: 'elsewhere', labels: { app: 'web' } }),
  ].map((proxy) => ({
    nodeId: proxy.nodeId,
    attachment: cache.attach({ ...proxy, capabilities: { ...capabilities, statsLogger: 'scope' as const } }, () => {}),
  }));
  const held = () =>
    proxies.map(({ nodeId, attachment }) => ({
      nodeId,
      versions: new Map<string, string>(
        servedTypes.flatMap((type) =>
          [...resourcesOf(attachment.snapshot(type))].map(({ name, version }) => [`${type} ${name}`, version] as const),
        ),
      ),
    }));
  /** Who is sent what because of `act`: names of listeners, and types of what is none. */
  const sent = (act: () => void): Record<string, readonly string[]> => {
    const before = held();
    act();
    store.flush();
    return Object.fromEntries(
      held().flatMap(({ nodeId, versions }, index) => {
        const old: ReadonlyMap<string, string> = before[index]?.versions ?? new Map();
        const keys = new Set([...old.keys(), ...versions.keys()]);
        const other = [...keys].filter((key) => old.get(key) !== versions.get(key)).toSorted();
        return other.length === 0 ? [] : [[nodeId, other.map((key) => key.replace(`${listener} `, ''))]];
      }),
    );
  };
  const fold = (manifest: Manifest) => sent(() => cluster.fold([changed(manifest)]));
  return { fold, remove: (kind: string, name: string) => sent(() => cluster.fold([deleted(kind, name)])) };
}

const toWeb = { selector: { matchLabels: { app: 'web' } } };
const disabled = (mode: string, metric = 'REQUEST_SIZE'): Manifest => ({
  metrics: [{ overrides: [{ match: { metric, mode }, disabled: true }] }],
});
const telemetry = (spec: Manifest, { namespace = 'sample', labels = {} } = {}): Manifest => {
  const manifest = policyManifest('Telemetry', 'it', spec, { labels });
  const metadata = { ...(manifest['metadata'] as Manifest), namespace };
  return { ...manifest, apiVersion: 'telemetry.istio.io/v1', metadata };
};

test('one that selects a workload reaches that workload alone, on the side that it is about', () => {
  const { fold, remove } = open();
  expect(fold(telemetry({ ...toWeb, ...disabled('SERVER') }))).toEqual({ web: ['virtualInbound'] });
  expect(fold(telemetry({ ...toWeb, ...disabled('SERVER') }, { labels: { team: 'blue' } }))).toEqual({});
  expect(fold(telemetry({ ...toWeb, ...disabled('SERVER', 'GRPC_REQUEST_MESSAGES') }))).toEqual({
    web: ['virtualInbound'],
  });
  expect(remove('Telemetry', 'it')).toEqual({});
  expect(fold(telemetry({ ...toWeb, ...disabled('CLIENT') }))).toEqual({ web: ['0.0.0.0_80'] });
  expect(remove('Telemetry', 'it')).toEqual({ web: ['0.0.0.0_80'] });
});

test('one of a namespace reaches that namespace, one of the root namespace everybody', () => {
  const { fold } = open();
  const inbound = ['virtualInbound'];
  // Only web receives requests that are read; connections are counted everywhere.
  expect(fold(telemetry(disabled('SERVER')))).toEqual({ web: inbound });
  const ofConnections = disabled('SERVER', 'TCP_CLOSED_CONNECTIONS');
  expect(fold(telemetry(ofConnections))).toEqual({ web: inbound, cart: inbound });
  const everywhere = disabled('SERVER', 'TCP_SENT_BYTES');
  expect(fold(telemetry(everywhere, { namespace: 'istio-system' }))).toEqual({
    web: inbound,
    cart: inbound,
    far: inbound,
  });
});

test('a ProxyConfig reaches nobody', () => {
  const { fold, remove } = open();
  const manifest = policyManifest('ProxyConfig', 'it', { concurrency: 2 });
  expect(fold({ ...manifest, apiVersion: 'networking.istio.io/v1beta1' })).toEqual({});
  expect(remove('ProxyConfig', 'it')).toEqual({});
});
