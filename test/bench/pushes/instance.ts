// An instance inside the benchmark's own process, from the events of a source to the streams: what a push costs without
// an API server, an inspector or a second process that wakes for it.

import { systemClock } from '../../../ca/clock.ts';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId as brandClusterId, networkId } from '../../../discovery/model/names.ts';
import type { SourceEvent } from '../../../discovery/model/source-event.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { Metrics } from '../../../server/admin/metrics.ts';
import { ResourceCache } from '../../../server/cache/resource-cache.ts';
import type { CallHandler } from '../../../server/grpc/call.ts';
import { createLog } from '../../../server/log.ts';
import { ProxySessions } from '../../../server/proxy-sessions.ts';
import { ConnectionSet } from '../../../server/stream/connection-set.ts';
import { NameSetPool } from '../../../server/stream/name-set.ts';
import { createPeerAuthenticator } from '../../../server/stream/peer-authenticator.ts';
import { SharedAnswers } from '../../../server/stream/shared-answers.ts';
import { defaultStreamLimits } from '../../../server/stream/stream-limits.ts';
import { xdsMethods } from '../../../server/stream/xds-service.ts';
import { WorkerPool } from '../../../server/workers/worker-pool.ts';
import { openGrpcPort } from '../../../server/workers/worker-port.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { objectOf } from '../../support/kube-objects.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import {
  clusterIpOf,
  inNamespace,
  namespaceObjects,
  namespaceOf,
  serviceObject,
  sidecarObject,
  sliceObject,
} from '../manifests.ts';
import { clusterId, network } from '../server-under-test.ts';

export interface PushInstance extends AsyncDisposable {
  /** `HOST:PORT`, plaintext. */
  readonly address: string;
  /** What it serves there, for streams without a socket. */
  readonly methods: ReadonlyMap<string, CallHandler>;
  readonly write: (object: TestObject) => void;
  /** Tells the streams at once of what was written. */
  readonly flush: () => void;
  /** Processor time of all workers so far; 0 without any. */
  readonly workersCpuMs: () => Promise<number>;
  /** Responses that are not answered yet, or parts of a change that are not sent. */
  readonly unsettled: () => boolean;
}

export async function openPushInstance(size: {
  readonly services: number;
  readonly endpoints: number;
  readonly namespaces: number;
  readonly workers: number;
}): Promise<PushInstance> {
  const source = new ScriptedSource();
  const registry = new ClusterRegistry({
    clusterId: brandClusterId(clusterId),
    mode: 'primary',
    source,
    network: networkId(network),
    config: defaultMeshConfig,
    meshNetworks: { networks: [] },
    now: Date.now,
  });
  const metrics = new Metrics({ version: 'bench', startedAtMs: Date.now(), nowMs: Date.now });
  const store = new MeshStore({ primary: brandClusterId(clusterId), config: defaultMeshConfig });
  const cache = new ResourceCache(store.snapshot, (typeUrl) => metrics.encoded(typeUrl));
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  store.add(registry);
  const stop = new AbortController();
  const running = registry.run(stop.signal);
  await source.running;
  const indexes = Array.from({ length: size.services }, (_, index) => index);
  source.tellAll([
    ...namespaceObjects(network),
    ...(size.namespaces === 1
      ? []
      : indexes.slice(0, size.namespaces).map((index) => sidecarObject(namespaceOf(index, size.namespaces)))),
    ...indexes.flatMap((index) =>
      [serviceObject(index, clusterIpOf(index)), sliceObject(index, size.endpoints)].map((object) =>
        inNamespace(object, namespaceOf(index, size.namespaces)),
      ),
    ),
  ]);
  store.flush();
  const connections = new ConnectionSet();
  const sessions = new ProxySessions({
    cache,
    defaultClusterId: brandClusterId(clusterId),
    defaultNetwork: networkId(network),
    trustDomains: ['cluster.local'],
    roots: () => undefined,
    now: Date.now,
    ready: () => true,
    onRejection: () => undefined,
  });
  const workers =
    size.workers === 0
      ? undefined
      : new WorkerPool({ count: size.workers, log: createLog('warn'), clock: systemClock, random: Math.random });
  await workers?.start(stop.signal);
  const methods = xdsMethods({
    context: {
      source: sessions,
      connections,
      names: new NameSetPool(),
      answers: new SharedAnswers(),
      limits: defaultStreamLimits,
      metrics,
      log: { info: () => undefined, warn: () => undefined },
      now: Date.now,
    },
    authenticator: createPeerAuthenticator(),
    tls: false,
  });
  const port = await openGrpcPort(
    {
      address: '127.0.0.1:0',
      methods,
      onError: (error) => {
        throw error;
      },
    },
    workers,
  );
  return {
    address: `127.0.0.1:${port.port}`,
    methods,
    flush: () => store.flush(),
    write: (object) => {
      const event: SourceEvent = { kind: 'changed', object: objectOf({ ...object }) };
      source.tell(event);
    },
    workersCpuMs: async () => (await workers?.measure())?.reduce((sum, { usage }) => sum + usage.cpuMs, 0) ?? 0,
    unsettled: () => connections.list().some(({ types }) => types.some((type) => type.behind)),
    [Symbol.asyncDispose]: async () => {
      await port.close(AbortSignal.abort());
      stop.abort();
      await running;
      store.close();
      await workers?.stop();
    },
  };
}
