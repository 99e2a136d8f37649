// An instance in small, from the events of a source to HTTP/2: the code that serves, with objects of its own throughout, so
// that nothing of it shows in what the instance says of itself.

import { MeshStore } from '../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../discovery/model/names.ts';
import type { SourceEvent } from '../../discovery/model/source-event.ts';
import { ClusterRegistry } from '../../discovery/registry/cluster-registry.ts';
import { Metrics } from '../admin/metrics.ts';
import { ResourceCache } from '../cache/resource-cache.ts';
import { beginCall } from '../grpc/begin-call.ts';
import { ClientConnections } from '../grpc/client-connections.ts';
import { defaultTransportLimits } from '../grpc/transport-limits.ts';
import { ProxySessions } from '../proxy-sessions.ts';
import { ConnectionSet } from '../stream/connection-set.ts';
import { NameSetPool } from '../stream/name-set.ts';
import { createPeerAuthenticator } from '../stream/peer-authenticator.ts';
import { SharedAnswers } from '../stream/shared-answers.ts';
import { defaultStreamLimits } from '../stream/stream-limits.ts';
import { xdsMethods } from '../stream/xds-service.ts';
import { madeUpName } from './made-up-mesh.ts';
import type { MadeUpProxy } from './made-up-proxy.ts';

export interface Stage {
  /** Tells the registry. */
  readonly tell: (event: SourceEvent) => void;
  /** A connection of the proxy. */
  readonly open: (proxy: MadeUpProxy) => void;
  readonly close: () => void;
}

/** `later`: runs what follows, once what is under way is done. */
export function openStage(later: (event: () => void) => void): Stage {
  const cluster = clusterId(madeUpName);
  const registry = new ClusterRegistry({
    clusterId: cluster,
    mode: 'primary',
    source: { description: 'a rehearsal', scope: 'primary', run: () => Promise.resolve() },
    network: networkId(madeUpName),
    config: defaultMeshConfig,
    meshNetworks: { networks: [] },
    now: Date.now,
  });
  const metrics = new Metrics({ version: madeUpName, startedAtMs: Date.now(), nowMs: Date.now, process: false });
  const store = new MeshStore({ primary: cluster, config: defaultMeshConfig, schedule: later });
  const cache = new ResourceCache(store.snapshot, (typeUrl) => metrics.encoded(typeUrl));
  store.onChange((snapshot, change) => {
    const startedMs = performance.now();
    cache.update(snapshot, change);
    metrics.updated(change, performance.now() - startedMs);
  });
  store.add(registry);
  const sessions = new ProxySessions({
    cache,
    defaultClusterId: cluster,
    defaultNetwork: networkId(madeUpName),
    trustDomains: [defaultMeshConfig.trustDomain],
    roots: () => undefined,
    now: Date.now,
    ready: () => true,
    onRejection: () => undefined,
  });
  const methods = xdsMethods({
    context: {
      source: sessions,
      connections: new ConnectionSet(),
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
  const clients = new ClientConnections({
    limits: defaultTransportLimits,
    begin: (stream) => beginCall(stream, { methods, limits: defaultTransportLimits, onError: () => undefined }),
  });
  return {
    tell: (event) => registry.fold([event]),
    open: (proxy) => {
      clients.hold(proxy.socket);
      clients.serve(proxy.socket);
      proxy.begin();
    },
    close: () => {
      clients.destroy();
      store.close();
    },
  };
}
