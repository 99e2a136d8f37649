// Remote clusters for tests without a network: the primary's Secrets as manifests, a mesh, and sources that answer when the test
// lets them. The text of a kubeconfig is `good` or `bad` with anything behind it; a cluster has the same objects whatever it is.

import type { ChangeSet } from '../../../discovery/model/change-set.ts';
import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId, type ClusterId } from '../../../discovery/model/names.ts';
import type { Source, SourceBatch } from '../../../discovery/model/source-event.ts';
import { keepStale } from '../../../discovery/model/stale-rule.ts';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import type { RemoteConfig } from '../../../server/config.ts';
import { RemoteClusters } from '../../../server/remote-clusters.ts';
import type { RemoteSpec } from '../../../server/remote-spec.ts';
import { serviceManifest, sliceManifest, type Manifest } from '../../support/kube-objects.ts';
import { changed, deleted, entriesOf, openCluster } from '../discovery/cluster-scene.ts';

/** A source that tells what it is made to tell. */
export class HeldSource implements Source {
  readonly description = 'held';
  readonly scope = 'discovery-only';
  readonly spec: RemoteSpec;
  isStopped = false;
  hasTaken = false;
  #deliver: (batch: SourceBatch) => void = () => undefined;

  constructor(spec: RemoteSpec) {
    this.spec = spec;
  }

  async run(deliver: (batch: SourceBatch) => void, signal: AbortSignal): Promise<void> {
    this.#deliver = deliver;
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.isStopped = true;
  }

  tell(batch: SourceBatch): void {
    if (!this.isStopped) this.#deliver(batch);
  }

  /** Tells the cluster's objects as known from before. */
  recall(): void {
    this.tell([{ kind: 'remembered', asOfMs: 1 }, ...objectsOf(this.spec.clusterId)]);
  }

  /** What a cluster does that is read with these credentials. */
  answer(): void {
    const { location } = this.spec;
    const text =
      location.kind === 'kubeconfig-text'
        ? location.kubeconfig.reveal()
        : location.kind === 'unknown'
          ? 'none'
          : 'good';
    if (text.startsWith('good'))
      this.tell([{ kind: 'connected' }, ...objectsOf(this.spec.clusterId), { kind: 'synced' }]);
    else this.tell([{ kind: 'disconnected', reason: 'the API server answered 401: Unauthorized' }]);
  }
}

/** A service that all clusters have and one of its own, with an endpoint each, and a gateway. */
function objectsOf(id: ClusterId): SourceBatch {
  const octet = id.length + (id.codePointAt(id.length - 1) ?? 0);
  const gateway = serviceManifest(
    'gateway',
    { ports: [{ name: 'tls', port: 15_443 }], externalIPs: [`192.0.2.${octet}`], selector: { app: 'gateway' } },
    { namespace: 'istio-system', labels: { 'topology.istio.io/network': `network-of-${id}` } },
  );
  return [
    changed(serviceManifest('shared')),
    changed(sliceManifest('shared-a', 'shared', [`10.${octet}.0.1`])),
    changed(serviceManifest(`only-${id}`)),
    changed(sliceManifest(`only-${id}-a`, `only-${id}`, [`10.${octet}.0.2`])),
    changed(gateway),
  ];
}

export interface SecretOptions {
  readonly createdAt?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A remote-cluster Secret; values by cluster id. */
export function remoteSecret(
  name: string,
  values: Readonly<Record<string, string>>,
  options: SecretOptions = {},
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace: 'istio-system',
      labels: { 'istio/multiCluster': 'true' },
      annotations: options.annotations ?? {},
      creationTimestamp: options.createdAt ?? '2026-01-01T00:00:00Z',
    },
    stringData: values,
  };
}

export interface RemoteSceneOptions {
  readonly fixed?: readonly RemoteConfig[];
  readonly remembered?: readonly ClusterId[];
  /** Instead of held sources. */
  readonly openSource?: (spec: RemoteSpec) => Source;
  /** The primary has not synced. */
  readonly isStarting?: boolean;
}

export class RemoteScene {
  readonly primary = openCluster({ id: 'cluster-1' });
  readonly sources: HeldSource[] = [];
  readonly changes: ChangeSet[] = [];
  readonly statuses: ClusterStatus[] = [];
  readonly forgotten: ClusterId[] = [];
  readonly failures: unknown[] = [];
  readonly store: MeshStore;
  readonly remotes: RemoteClusters;
  #pending: (() => void)[] = [];

  constructor(options: RemoteSceneOptions = {}) {
    this.store = new MeshStore({
      primary: clusterId('cluster-1'),
      config: defaultMeshConfig,
      schedule: (run) => this.#pending.push(run),
      onRetired: (feed) => this.remotes.retire(feed),
    });
    this.store.onChange((_snapshot, change) => this.changes.push(change));
    this.remotes = new RemoteClusters({
      fixed: options.fixed ?? [],
      staleRule: keepStale,
      meshNetworks: noMeshNetworks,
      remembered: options.remembered,
      open: ({ spec, generation, meshNetworks }) => {
        const held = new HeldSource(spec);
        const source = options.openSource?.(spec) ?? held;
        if (source === held) this.sources.push(held);
        const registry = new ClusterRegistry({
          clusterId: spec.clusterId,
          mode: 'discovery-only',
          source,
          network: spec.network,
          generation,
          config: defaultMeshConfig,
          meshNetworks,
          now: () => 0,
          staleRule: spec.staleRule,
        });
        return {
          registry,
          takeOver: () => {
            held.hasTaken = true;
          },
        };
      },
      forget: async (id) => {
        this.forgotten.push(id);
      },
      now: () => Date.parse('2026-03-01T00:00:00Z'),
      onStatus: (status) => this.statuses.push(status),
      onFailure: (_id, error) => this.failures.push(error),
    });
    if (options.isStarting !== true) this.primary.fold([{ kind: 'connected' }, { kind: 'synced' }]);
    this.store.add(this.primary);
    this.remotes.start(this.store, this.primary);
    this.settle();
  }

  /** The mesh merges what has changed. */
  settle(): void {
    while (this.#pending.length > 0) for (const run of this.#pending.splice(0)) run();
  }

  put(...secrets: readonly Manifest[]): void {
    this.primary.fold(secrets.map((manifest) => changed(manifest)));
    this.settle();
  }

  take(name: string): void {
    this.primary.fold([deleted('Secret', name, 'istio-system')]);
    this.settle();
  }

  /** Every source that has been started and not been stopped answers. */
  answer(): void {
    for (const source of this.sources) source.answer();
    this.settle();
  }

  /** The sources of a cluster that have not been stopped, in the order in which they were started. */
  running(id: string): readonly HeldSource[] {
    return this.sources.filter(({ spec, isStopped }) => spec.clusterId === id && !isStopped);
  }

  status(id: string): ClusterStatus | undefined {
    const found = this.store.clusterStatuses().find((status) => status.clusterId === id);
    return found === undefined ? undefined : this.remotes.describe(found);
  }

  /** Clusters that have endpoints in the mesh, sorted. */
  get served(): readonly string[] {
    const clusters = [...this.store.snapshot.endpoints.values()].flat().map((endpoint) => endpoint.clusterId);
    return [...new Set(clusters)].toSorted();
  }

  /** Clusters that have gateways in the mesh. */
  get gateways(): readonly string[] {
    return [...this.store.snapshot.gateways.values()].flat().map((gateway) => gateway.clusterId);
  }

  /** All of the mesh that proxies see, as plain values. */
  get content(): unknown {
    const { services, endpoints, gateways } = this.store.snapshot;
    return { services: entriesOf(services), endpoints: entriesOf(endpoints), gateways: [...gateways] };
  }

  async stop(): Promise<void> {
    await this.remotes.stop();
  }
}
