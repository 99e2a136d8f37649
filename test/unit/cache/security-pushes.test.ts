// An edit of a security policy reaches the proxies of the workloads that it selects, and of what they hold only the listener.

import { expect, test } from 'vitest';
import { keyLocationId } from '../../../discovery/model/policies/request-authentication.ts';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { generatedTypes, ResourceCache } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { policyManifest, type Manifest } from '../../support/kube-objects.ts';
import { sidecar } from '../../support/mesh-model.ts';
import { changed, deleted, syncedCluster } from '../discovery/cluster-scene.ts';

const { listener, nameTable } = typeUrls;
const servedTypes = [...generatedTypes, nameTable];

function open() {
  const cluster = syncedCluster([]);
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  store.add(cluster);
  store.flush();
  const cache = new ResourceCache(store.snapshot);
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  const told: Record<string, string[]> = { web: [], cart: [] };
  for (const [app, types] of Object.entries(told)) {
    const proxy = sidecar({ nodeId: app, name: app, namespace: 'sample', labels: { app } });
    const versions = (type: string): string =>
      [...resourcesOf(attachment.snapshot(type))].map(({ name, version }) => `${name} ${version}`).join();
    const attachment = cache.attach(proxy, (changedTypes) => {
      for (const type of changedTypes) {
        if (versions(type) === held.get(type)) continue;
        held.set(type, versions(type));
        types.push(type);
      }
    });
    const held = new Map(servedTypes.map((type) => [type, versions(type)] as const));
  }
  /** What `act` sends to each of the two. */
  const sent = (act: () => void): Record<string, string[]> => {
    for (const types of Object.values(told)) types.length = 0;
    act();
    store.flush();
    return structuredClone(told);
  };
  return { cluster, store, sent };
}

const toWeb = { selector: { matchLabels: { app: 'web' } } };
const uri = 'https://issuer.example/keys';

test.each<[string, Manifest, Manifest]>([
  ['AuthorizationPolicy', { rules: [] }, { action: 'DENY', rules: [{}] }],
  [
    'RequestAuthentication',
    { jwtRules: [{ issuer: 'https://issuer.example', jwksUri: uri }] },
    { jwtRules: [{ issuer: 'https://other.example', jwksUri: uri }] },
  ],
])('%s', (kind, spec, edited) => {
  const { cluster, sent } = open();
  const manifest = (content: Manifest, labels = {}): Manifest =>
    policyManifest(kind, 'it', { ...toWeb, ...content }, { labels });
  const onlyWeb = { web: [listener], cart: [] };
  const fold = (content: Manifest, labels?: Record<string, string>) => () =>
    cluster.fold([changed(manifest(content, labels))]);
  const isHttp = kind === 'RequestAuthentication';
  // Without an HTTP port a workload reads no tokens.
  expect(sent(fold(spec))).toEqual(isHttp ? { web: [], cart: [] } : onlyWeb);
  expect(sent(fold(edited))).toEqual(isHttp ? { web: [], cart: [] } : onlyWeb);
  expect(sent(fold(edited, { team: 'blue' }))).toEqual({ web: [], cart: [] });
  expect(sent(() => cluster.fold([deleted(kind, 'it')]))).toEqual(isHttp ? { web: [], cart: [] } : onlyWeb);
});

test('keys that were fetched name the policies that use them, and no others', () => {
  const { cluster, store } = open();
  const rule = { issuer: 'https://issuer.example', jwksUri: uri };
  cluster.fold([
    changed(policyManifest('RequestAuthentication', 'it', { ...toWeb, jwtRules: [rule] })),
    changed(policyManifest('RequestAuthentication', 'other', { jwtRules: [{ issuer: 'https://x.example' }] })),
  ]);
  store.flush();
  const changes: string[][] = [];
  store.onChange((_snapshot, { policies }) => changes.push([...policies]));
  store.setTokenKeys(new Map([[keyLocationId({ uri, issuer: rule.issuer }), '{}']]));
  store.flush();
  store.setTokenKeys(new Map([[keyLocationId({ uri, issuer: rule.issuer }), '{}']]));
  store.flush();
  expect(changes).toEqual([['RequestAuthentication/sample/it']]);
});
