// No speed is bought with a stale answer: whatever object of whatever kind comes, changes or goes, in whatever order and however many at a
// stroke, every resource of every type that is kept for every kind of proxy is what would be made anew, and a proxy whose resources
// are others has been told of their types. Secrets of gateways included.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyLocationId } from '../../../discovery/model/policies/request-authentication.ts';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { keyOf } from '../../../discovery/model/kubernetes-object.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { socketOf } from '../../../discovery/model/network-gateway.ts';
import type { SourceBatch, SourceEvent } from '../../../discovery/model/source-event.ts';
import { generatedTypes, ResourceCache, type Attachment } from '../../../server/cache/resource-cache.ts';
import { resourcesOf, type TypeSnapshot } from '../../../server/cache/type-snapshot.ts';
import { DirectorySecrets } from '../../../server/credentials/directory-secrets.ts';
import { GatewayCredentials } from '../../../server/credentials/gateway-credentials.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import {
  namespaceManifest,
  objectOf,
  podManifest,
  policyManifest,
  serviceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { router, sidecar } from '../../support/mesh-model.ts';
import { makeOutsideAuthority, type LeafFiles, type OutsideAuthority } from '../../support/server-certificate.ts';
import { changed, syncedCluster } from '../discovery/cluster-scene.ts';
import { anyConfiguration, anyDiscovered, eastWest, ingressGateway, jwks } from './any-manifest.ts';

const servedTypes = [...generatedTypes, typeUrls.nameTable];
const config = { ...defaultMeshConfig, defaultProviders: { metrics: ['prometheus'] } };

let outside: OutsideAuthority;
let leaves: readonly LeafFiles[];
beforeAll(async () => {
  outside = await makeOutsideAuthority();
  leaves = [await outside.leaf('a.example.com'), await outside.leaf('a.example.com')];
});
afterAll(() => outside[Symbol.asyncDispose]());

const identity = 'spiffe://cluster.local/ns/istio-system/sa/ingress';
const ingress = router({ namespace: 'istio-system', addresses: ['10.1.0.4'], labels: { istio: 'ingress' } });

/** One of each kind: neighbours that policies tell apart, one of state of the world, Istio's own image, both sorts of gateways. */
const proxies = [
  sidecar({ namespace: 'sample', addresses: ['10.1.0.1'], labels: { app: 'store', version: 'v1' } }),
  sidecar({ namespace: 'sample', addresses: ['10.1.0.2'], labels: { app: 'cart' } }),
  sidecar({
    namespace: 'other',
    addresses: ['10.1.0.9'],
    capabilities: { istioFilters: false, virtualHostDiscovery: false },
  }),
  sidecar({
    namespace: 'sample',
    addresses: ['10.1.0.5'],
    labels: { app: 'store', version: 'v2' },
    capabilities: { istioFilters: true, statsLogger: 'scope', virtualHostDiscovery: true },
  }),
  router({ namespace: 'istio-system', addresses: ['10.1.0.3'], labels: { istio: 'eastwestgateway' } }),
  ingress,
];

type Step = (world: World) => void;

class World {
  readonly store = new MeshStore({ primary: clusterId('cluster-1'), config, schedule: () => undefined });
  readonly clusters = ['cluster-1', 'cluster-2'].map((id, index) =>
    syncedCluster(startingManifests(index + 1), {
      id,
      mode: index === 0 ? 'primary' : 'discovery-only',
      network: `network${index + 1}`,
    }),
  );
  readonly secrets = new Map<string, Manifest>();
  readonly cache: ResourceCache;
  readonly credentials: KeptCredentials;

  constructor() {
    for (const cluster of this.clusters) this.store.add(cluster);
    this.store.flush();
    this.cache = new ResourceCache(this.store.snapshot);
    this.credentials = new KeptCredentials(this.store, []);
    this.store.onChange((mesh, change) => {
      this.cache.update(mesh, change);
      this.credentials.update();
    });
    this.setSecret('a', leaves[0]);
  }

  fold(cluster: number, manifest: Manifest, remove: boolean): void {
    const object = objectOf(manifest);
    this.clusters[cluster]?.fold([remove ? { kind: 'deleted', key: keyOf(object) } : { kind: 'changed', object }]);
  }

  /** Of the gateway's namespace. None is removed: the last good content of one that is gone stays in use. */
  setSecret(name: string, leaf: LeafFiles | undefined): void {
    const stringData = { 'tls.crt': leaf?.certificatePem, 'tls.key': leaf?.keyPem, 'ca.crt': outside.rootPem };
    const manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'istio-system' }, stringData };
    this.secrets.set(name, manifest);
    this.credentials.tell(changed(manifest));
  }
}

/** The Secrets of one ingress gateway, as a stream of it holds them. */
class KeptCredentials {
  readonly #deliver: ((batch: SourceBatch) => void)[] = [];
  readonly #credentials: GatewayCredentials;
  readonly snapshot: () => TypeSnapshot;

  constructor(store: MeshStore, events: readonly SourceEvent[]) {
    const secrets = new DirectorySecrets();
    const source = secrets.hearing({
      description: 'test',
      scope: 'primary',
      run: (deliver) => {
        this.#deliver.push(deliver);
        return Promise.resolve();
      },
    });
    void source.run(() => undefined, new AbortController().signal);
    this.tell(...events, { kind: 'synced' });
    this.#credentials = new GatewayCredentials({ feed: secrets, now: () => Date.now(), mesh: () => store.snapshot });
    const held = this.#credentials.hold({ proxy: ingress, identity, onChange: () => undefined });
    if (held === undefined) throw new Error('a gateway is given no credentials');
    this.snapshot = () => held.snapshot();
  }

  tell(...batch: SourceBatch): void {
    for (const deliver of this.#deliver) deliver(batch);
  }

  update(): void {
    this.#credentials.update();
  }
}

function startingManifests(cluster: number): readonly Manifest[] {
  const apps = ['store', 'cart'].flatMap((name, index) => [
    serviceManifest(name, {
      clusterIP: `10.96.0.${index + 1}`,
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    }),
    podManifest(`pod-${5 + index}`, `10.1.0.${5 + index}`, name, { labels: { version: 'v1' } }),
  ]);
  return [
    namespaceManifest('istio-system', { 'topology.istio.io/network': `network${cluster}` }),
    ...apps,
    ...(cluster === 1
      ? [
          podManifest('ingress', '10.1.0.4', 'ingress', { namespace: 'istio-system', labels: { istio: 'ingress' } }),
          ingressGateway({ protocol: 'HTTPS', credentialName: 'a' }),
        ]
      : [eastWest('172.30.0.1')]),
  ];
}

const gateways = ['172.30.0.1', '172.30.0.2'].map((address) => socketOf({ address, port: 15_443 }));
const keysAt = keyLocationId({ uri: 'https://issuer.example/keys', issuer: 'b' });

const anyFold: fc.Arbitrary<Step> = fc
  .oneof(
    fc.record({ cluster: fc.constantFrom(0, 1), manifest: anyDiscovered }),
    fc.record({ cluster: fc.constant(0), manifest: anyConfiguration }),
    fc.record({ cluster: fc.constant(0), manifest: anyConfiguration }),
  )
  .chain(({ cluster, manifest }) =>
    fc.integer({ min: 0, max: 3 }).map(
      (dice): Step =>
        (world) =>
          world.fold(cluster, manifest, dice === 0),
    ),
  );

const anyOther: fc.Arbitrary<Step> = fc.oneof(
  fc.subarray(gateways).map(
    (dead): Step =>
      ({ store }) =>
        store.setDeadGateways(new Set(dead)),
  ),
  fc.constantFrom(jwks, '{"keys":[]}').map(
    (keys): Step =>
      ({ store }) =>
        store.setTokenKeys(new Map([[keysAt, keys]])),
  ),
  fc.constantFrom('allow-any' as const, 'registry-only' as const).map(
    (outboundTrafficPolicy): Step =>
      ({ store }) =>
        store.updateConfig({ ...config, outboundTrafficPolicy }),
  ),
  fc.tuple(fc.constantFrom('a', 'b', 'a-cacert'), fc.constantFrom(0, 1)).map(
    ([name, leaf]): Step =>
      (world) =>
        world.setSecret(name, leaves[leaf]),
  ),
);

/** Several between one look of the mesh and the next. */
const anyBurst = fc.array(fc.oneof({ weight: 6, arbitrary: anyFold }, { weight: 1, arbitrary: anyOther }), {
  minLength: 1,
  maxLength: 3,
});

type Versions = Readonly<Record<string, string>>;

function versionsOf(snapshot: TypeSnapshot): Versions {
  return Object.fromEntries(
    [...resourcesOf(snapshot)]
      .map(({ name, version }) => [name, version] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function served(attachment: Attachment): Readonly<Record<string, Versions>> {
  return Object.fromEntries(servedTypes.map((type) => [type, versionsOf(attachment.snapshot(type))]));
}

interface Kept {
  readonly proxy: (typeof proxies)[number];
  readonly attachment: Attachment;
  readonly told: Set<string>;
}

function attachAll({ cache }: World): readonly Kept[] {
  return proxies.map((proxy) => {
    const told = new Set<string>();
    const attachment = cache.attach(proxy, (types) => {
      for (const type of types) told.add(type);
    });
    return { proxy, told, attachment };
  });
}

/** Takes the steps, then compares. Adds the types of which anything is served to `seen`. */
function stepAndCompare(world: World, kept: readonly Kept[], steps: readonly Step[], seen: Set<string>): void {
  const before = kept.map(({ attachment }) => served(attachment));
  for (const { told } of kept) told.clear();
  for (const step of steps) step(world);
  world.store.flush();
  const fresh = new ResourceCache(world.store.snapshot);
  for (const [index, { proxy, told, attachment }] of kept.entries()) {
    const now = served(attachment);
    expect(now).toEqual(served(fresh.attach(proxy, () => undefined)));
    const differing = servedTypes.filter((type) => {
      if (Object.keys(now[type] ?? {}).length > 0) seen.add(type);
      return JSON.stringify(now[type]) !== JSON.stringify(before[index]?.[type]);
    });
    expect([...told]).toEqual(expect.arrayContaining(differing));
  }
  const anew = new KeptCredentials(world.store, [...world.secrets.values()].map(changed));
  const secrets = versionsOf(world.credentials.snapshot());
  expect(secrets).toEqual(versionsOf(anew.snapshot()));
  if (Object.keys(secrets).length > 0) seen.add(typeUrls.secret);
}

test('what is kept is what would be made anew, for every type and every proxy', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(anyBurst, { minLength: 1, maxLength: 12 }), (bursts) => {
      const world = new World();
      const kept = attachAll(world);
      for (const burst of bursts) stepAndCompare(world, kept, burst, seen);
    }),
    { numRuns: 80 },
  );
  // Or it would be shown of nothing.
  expect([...seen].toSorted()).toEqual([typeUrls.secret, ...servedTypes].toSorted());
}, 120_000);

const pod = podManifest('pod-5', '10.1.0.5', 'store', { labels: { version: 'v1' } });
const rule = (spec: object): Manifest => policyManifest('DestinationRule', 'rule', { host: 'store', ...spec });
const tokens = { jwtRules: [{ issuer: 'b', jwksUri: 'https://issuer.example/keys' }] };

/** What chance alone would seldom put together. */
test.each<[string, readonly Step[]]>([
  [
    'errors that count while only a gateway leads to a host, and when a pod is reached directly again',
    [
      (world) => world.fold(0, rule({ trafficPolicy: { outlierDetection: { consecutive5xxErrors: 3 } } }), false),
      (world) => world.fold(0, pod, true),
      (world) => world.fold(0, pod, false),
    ],
  ],
  [
    'keys of an issuer that come after the policy, and change',
    [
      (world) => world.fold(0, policyManifest('RequestAuthentication', 'it', tokens), false),
      ({ store }) => store.setTokenKeys(new Map([[keysAt, jwks]])),
      ({ store }) => store.setTokenKeys(new Map([[keysAt, '{"keys":[]}']])),
    ],
  ],
])('%s', (_what, steps) => {
  const world = new World();
  const kept = attachAll(world);
  const seen: string[] = [];
  for (const step of steps) {
    stepAndCompare(world, kept, [step], new Set());
    seen.push(JSON.stringify(kept.map(({ attachment }) => served(attachment))));
  }
  // Each of them matters to somebody, or nothing would be compared.
  for (const [index, now] of seen.entries()) expect(now).not.toBe(seen[index - 1]);
});
