// An instance from the objects that it is told to its streams, and proxies that take what they are sent as Envoy does: clusters and
// listeners one by one, everything else a response at a time. What a proxy can't take is the test's choice.

import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { Registry } from 'prom-client';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { Problem } from '../../../discovery/model/problem.ts';
import type { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { loadServices } from '../../../proto/loader.ts';
import { ResourceCache } from '../../../server/cache/resource-cache.ts';
import { GrpcPort } from '../../../server/grpc/grpc-port.ts';
import { ProxySessions } from '../../../server/proxy-sessions.ts';
import { RejectionMetrics } from '../../../server/rejections/rejection-metrics.ts';
import { Rejections, type RejectionTimings } from '../../../server/rejections/rejections.ts';
import { ConnectionSet } from '../../../server/stream/connection-set.ts';
import { NameSetPool } from '../../../server/stream/name-set.ts';
import { createPeerAuthenticator } from '../../../server/stream/peer-authenticator.ts';
import { SharedAnswers } from '../../../server/stream/shared-answers.ts';
import { defaultStreamLimits } from '../../../server/stream/stream-limits.ts';
import { CountingMetrics } from '../../../server/stream/stream-metrics.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { xdsMethods } from '../../../server/stream/xds-service.ts';
import type { Manifest } from '../../support/kube-objects.ts';
import { memoryLog, type LogLine } from '../../support/memory-log.ts';
import { waitFor } from '../../support/wait-for.ts';
import { variants, XdsClient, type XdsResponse, type XdsStream } from '../../support/xds-client.ts';
import { changed, deleted, syncedCluster } from '../../unit/discovery/cluster-scene.ts';

const { cluster, listener, route, virtualHost } = typeUrls;
const types = [cluster, listener, route, virtualHost];
const named: Readonly<Record<string, string>> = { [cluster]: 'cluster(s)', [listener]: 'listener(s)' };
const aggregatedDelta = variants.find(({ delta, aggregated }) => delta && aggregated);

/** Whether a proxy can't take a resource in a version. */
export type Refuses = (name: string, version: string) => boolean;

export interface ProxyOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly refuses?: Refuses;
  /** The names of the route configurations that it asks for. */
  readonly routes?: readonly string[];
}

/** A proxy that answers by itself. */
export class TestProxy {
  /** Name to version, by type. */
  readonly held = new Map<string, Map<string, string>>(types.map((type) => [type, new Map()]));
  readonly rejected: string[] = [];
  refuses: Refuses;
  /** While true, nothing is answered. */
  silent = false;
  readonly #stream: XdsStream;
  readonly #unanswered: XdsResponse[] = [];

  constructor(stream: XdsStream, refuses: Refuses) {
    this.#stream = stream;
    this.refuses = refuses;
    void this.#follow();
  }

  version(type: string, name: string): string | undefined {
    return this.held.get(type)?.get(name);
  }

  speak(): void {
    this.silent = false;
    for (const response of this.#unanswered.splice(0)) this.#answer(response);
  }

  leave(): void {
    this.#stream.close();
  }

  async #follow(): Promise<void> {
    for (let seen = 0; this.#stream.ended === undefined; await setTimeout(1)) {
      for (; seen < this.#stream.received.length; seen += 1) {
        const response = this.#stream.received[seen];
        if (response === undefined) continue;
        if (this.silent) this.#unanswered.push(response);
        else this.#answer(response);
      }
    }
  }

  #answer(response: XdsResponse): void {
    const { typeUrl, versions, removed } = response;
    const bad = Object.entries(versions).filter(([name, version]) => this.refuses(name, version));
    this.rejected.push(...bad.map(([name]) => name));
    const alone = named[typeUrl];
    const held = this.held.get(typeUrl) ?? new Map<string, string>();
    if (bad.length === 0 || alone !== undefined) {
      for (const [name, version] of Object.entries(versions)) if (!this.refuses(name, version)) held.set(name, version);
      for (const name of removed) held.delete(name);
    }
    if (bad.length === 0) this.#stream.ack(response);
    else if (alone === undefined) this.#stream.nack(response, 'Only unique values for domains are permitted');
    else this.#stream.nack(response, `Error adding/updating ${alone} ${bad.map(([name]) => `${name}: no`).join(', ')}`);
  }
}

export interface RejectingScene {
  readonly registry: ClusterRegistry;
  readonly metrics: CountingMetrics;
  readonly lines: readonly LogLine[];
  connect(name: string, options?: ProxyOptions): Promise<TestProxy>;
  /** One batch. */
  declare(...manifests: readonly Manifest[]): Promise<void>;
  remove(kind: string, name: string): Promise<void>;
  /** Findings `rejected-by-proxy`. */
  findings(): readonly Problem[];
  /** When there are as many. */
  found(count: number): Promise<readonly Problem[]>;
  /** Nothing is unanswered or unsent. */
  quiet(): Promise<void>;
  /** So much time passes at once. */
  later(ms: number): void;
  counters(): Promise<string>;
  /** Open streams. */
  connected(): number;
}

export async function openRejectingScene(
  manifests: readonly Manifest[],
  timings: Partial<RejectionTimings> = {},
): Promise<RejectingScene> {
  const registry = syncedCluster(manifests, { network: 'network1' });
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig });
  const cache = new ResourceCache(store.snapshot);
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  store.add(registry);
  store.flush();
  const { log, lines } = memoryLog();
  const metrics = new CountingMetrics();
  const connections = new ConnectionSet();
  const prometheus = new Registry();
  let skippedMs = 0;
  const rejections: Rejections = new Rejections({
    voters: connections,
    primary: registry,
    settle: () => store.flush(),
    causes: cache.causes,
    metrics: new RejectionMetrics(prometheus, () => rejections.heldBack().size),
    log,
    now: () => performance.now() + skippedMs,
    timings: { startMs: 0, windowMs: 15_000, recheckMs: 20, againMs: 0, trialMs: 200, ...timings },
  });
  store.onChange(() => rejections.changed());
  const sessions = new ProxySessions({
    cache,
    defaultClusterId: clusterId('cluster-1'),
    defaultNetwork: networkId('network1'),
    trustDomains: ['cluster.local'],
    roots: () => undefined,
    now: Date.now,
    ready: () => true,
    onRejection: ({ nodeId }, { typeUrl, message, blamed }) =>
      rejections.report({ nodeId, typeUrl, said: message, blamed }),
  });
  const port = await GrpcPort.open({
    address: '127.0.0.1:0',
    methods: xdsMethods({
      context: {
        source: sessions,
        connections,
        names: new NameSetPool(),
        answers: new SharedAnswers(),
        limits: defaultStreamLimits,
        metrics,
        log,
        now: Date.now,
      },
      authenticator: createPeerAuthenticator(),
      tls: false,
    }),
    onError: (error) => {
      throw error;
    },
  });
  const client = new XdsClient(`127.0.0.1:${port.port}`, loadServices());
  onTestFinished(async () => {
    client.close();
    await port.close(AbortSignal.abort());
    rejections.close();
    store.close();
  });
  const isQuiet = (): boolean => connections.list().every(({ types: all }) => all.every(({ behind }) => !behind));
  const quiet = async (): Promise<void> => {
    await waitFor(isQuiet, (is) => is, { what: 'everything to be answered', intervalMs: 2 });
  };
  const settle = async (): Promise<void> => {
    store.flush();
    await quiet();
  };
  const scene: RejectingScene = {
    registry,
    metrics,
    lines,
    quiet,
    connect: async (
      name,
      { address = '10.9.0.1', namespace = 'sample', refuses = () => false, routes = ['80'] } = {},
    ) => {
      if (aggregatedDelta === undefined) throw new Error('there is such a variant');
      const stream = client.open(aggregatedDelta, cluster);
      const node = {
        id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
        metadata: { fields: { NAMESPACE: { stringValue: namespace } } },
      };
      const proxy = new TestProxy(stream, refuses);
      stream.send({ typeUrl: cluster, node });
      stream.send({ typeUrl: listener });
      stream.send({ typeUrl: route, subscribe: routes });
      stream.send({ typeUrl: virtualHost });
      const hasRoutes = (): boolean => (proxy.held.get(route)?.size ?? 0) > 0;
      await waitFor(hasRoutes, (has) => has, { what: 'the proxy to have its routes', intervalMs: 2 });
      await quiet();
      return proxy;
    },
    declare: async (...declared) => {
      registry.fold(declared.map((manifest) => changed(manifest)));
      await settle();
    },
    remove: async (kind, name) => {
      registry.fold([deleted(kind, name)]);
      await settle();
    },
    findings: () => rejections.problems(),
    found: async (count) => {
      const found = await waitFor(
        () => rejections.problems(),
        (problems) => problems.length === count,
        { what: `${count} findings`, intervalMs: 20 },
      );
      await quiet();
      return found;
    },
    later: (ms) => void (skippedMs += ms),
    counters: () => prometheus.metrics(),
    connected: () => connections.size,
  };
  return scene;
}
