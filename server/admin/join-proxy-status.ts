// Makes a proxy's status of what the protocol layer knows of a stream (nonces, answers) and what the engine knows of the
// proxy behind it (identity, place, rejections with the objects they come from).

import { formatLocality } from '../../discovery/model/locality.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { ResourceName } from '../cache/encoded-resource.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { ConnectionStatus } from '../stream/connection.ts';
import type { TypeStatus } from '../stream/type-delivery.ts';
import { isAgentType, typeUrls } from '../stream/type-rules.ts';
import type { ProxyCounts } from './instance-reader.ts';
import { shortTypeName, type ProxyStatus, type ProxyTypeStatus, type SyncState } from './proxy-status.ts';

/** The engine's side of an open stream. */
export interface JoinableSession {
  readonly proxy: Proxy;
  /** Last rejection by type URL. */
  readonly rejections: ReadonlyMap<string, JoinableRejection>;
  /** Resources of that type that the proxy is served now. */
  readonly resourceCount: (typeUrl: string) => number;
  /** One version for all of them. */
  readonly stateVersion: (typeUrl: string) => string;
}

export interface JoinableRejection {
  readonly message: string;
  readonly resourceNames: readonly ResourceName[];
  readonly sources: readonly ObjectKey[];
  readonly atMs: number;
}

/** One stream's status. */
export function proxyStatusOf(connection: ConnectionStatus, session: JoinableSession): ProxyStatus {
  const { proxy } = session;
  return {
    nodeId: proxy.nodeId,
    proxy: `${proxy.name}.${proxy.namespace}`,
    namespace: proxy.namespace,
    type: proxy.type,
    clusterId: proxy.clusterId,
    network: proxy.network,
    locality: formatLocality(proxy.locality),
    istioVersion: proxy.istioVersion,
    ...(connection.peer.identity === undefined ? {} : { identity: connection.peer.identity }),
    peerAddress: connection.peer.address,
    connectedAt: new Date(connection.connectedAtMs).toISOString(),
    variant: connection.variant,
    types: connection.types.map((type) => typeStatusOf(type, session)),
  };
}

/** `streams`: those with a proxy behind them. An agent's companion stream is no proxy, what it rejects counts all the same. */
export function countProxies(
  streams: Iterable<{ readonly connection: ConnectionStatus; readonly proxy: Proxy }>,
): ProxyCounts {
  const versions = new Map<string, number>();
  const rejecting = new Map<string, number>();
  for (const { connection, proxy } of streams) {
    if (!isCompanion(connection)) addOne(versions, proxy.istioVersion);
    for (const type of connection.types) {
      if (type.lastError !== undefined) addOne(rejecting, shortTypeName(type.typeUrl));
    }
  }
  return { versions, rejecting };
}

function addOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The stream of an agent beside the stream of its Envoy. */
function isCompanion({ types }: { readonly types: readonly { readonly typeUrl: string }[] }): boolean {
  return types.length > 0 && types.every(({ typeUrl }) => isAgentType(typeUrl));
}

/**
 * One entry for each stream of an Envoy: what its agent's streams are sent is shown with what it is sent, and an agent whose Envoy is
 * not there is no proxy. Reports of health are no part of it, since they are never answered. In the given order.
 */
export function withCompanions(statuses: readonly ProxyStatus[]): readonly ProxyStatus[] {
  const companions = Map.groupBy(statuses.filter(isCompanion), keyOf);
  return statuses.flatMap((status) => {
    if (isCompanion(status)) return [];
    const types = (companions.get(keyOf(status)) ?? []).flatMap((companion) => companion.types);
    return [{ ...status, types: [...status.types, ...types].filter(isServed) }];
  });
}

/** Pods of one name and address may be in two clusters. */
function keyOf({ clusterId, nodeId }: ProxyStatus): string {
  return `${clusterId} ${nodeId}`;
}

function isServed({ typeUrl }: ProxyTypeStatus): boolean {
  return typeUrl !== typeUrls.healthInformation;
}

function typeStatusOf(type: TypeStatus, session: JoinableSession): ProxyTypeStatus {
  const rejection = session.rejections.get(type.typeUrl);
  const served = session.resourceCount(type.typeUrl);
  const resources = type.wildcard ? served : Math.min(served, type.subscribed);
  const status = syncStateOf(type, resources);
  return {
    name: shortTypeName(type.typeUrl),
    typeUrl: type.typeUrl,
    sent: type.sentNonce,
    ...(type.sentAtMs === undefined ? {} : { sentAt: new Date(type.sentAtMs).toISOString() }),
    // Delta has no version of a whole type; a proxy that is in step has the state of its class.
    version: type.sentVersion === '' && status === 'SYNCED' ? session.stateVersion(type.typeUrl) : type.sentVersion,
    acked: type.ackedNonce,
    status,
    resources,
    pushes: type.pushes,
    rejected: type.rejected,
    ...(rejection === undefined
      ? {}
      : {
          lastError: {
            message: rejection.message,
            resourceNames: rejection.resourceNames,
            sourceObjects: rejection.sources,
            at: new Date(rejection.atMs).toISOString(),
          },
        }),
  };
}

function syncStateOf(type: TypeStatus, resources: number): SyncState {
  if (type.lastError !== undefined) return 'ERROR';
  if (type.behind || type.ackedNonce !== type.sentNonce) return 'STALE';
  // A proxy that came back with all that it should have is in step although nothing was sent on this stream.
  return type.sentNonce === '' && resources === 0 ? 'NOT_SENT' : 'SYNCED';
}
