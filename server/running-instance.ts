// What readers see of a running instance: proxies, clusters and roots as they are at this moment.

import type { CaMaterial } from '../ca/ca-material.ts';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { ClusterStatus } from '../discovery/model/cluster-snapshot.ts';
import type { Problem } from '../discovery/model/problem.ts';
import { compareText } from '../discovery/model/network-gateway.ts';
import { NameTable } from '../proto/generated/istio.networking.nds.v1.ts';
import type { InstanceReader, Readiness, RootFingerprint } from './admin/instance-reader.ts';
import { countProxies, proxyStatusOf, withCompanions, type JoinableSession } from './admin/join-proxy-status.ts';
import type { EncodedResource } from './cache/encoded-resource.ts';
import { generatedTypes } from './cache/resource-cache.ts';
import { resourcesOf, sizeOf, type TypeSnapshot } from './cache/type-snapshot.ts';
import type { GatewayProber } from './probe/gateway-prober.ts';
import type { Proxy } from './proxy/proxy.ts';
import type { ProxySession, ProxySessions } from './proxy-sessions.ts';
import type { ConnectionSet } from './stream/connection-set.ts';
import { stateVersion } from './stream/state-version.ts';

export interface RunningInstanceParts {
  readonly version: string;
  readonly store: MeshStore;
  readonly sessions: ProxySessions;
  readonly connections: ConnectionSet;
  /** Absent when gateways are not probed. */
  readonly prober: GatewayProber | undefined;
  /** A remote's status with where it is declared and what is wrong there. */
  readonly describeRemote: (status: ClusterStatus) => ClusterStatus;
  /** Absent when the instance serves without certificates. */
  readonly authority: () => CaMaterial | undefined;
  /** Findings about the instance itself and about policies in force together: shown with the primary. */
  readonly problems: () => readonly Problem[];
  readonly readiness: () => Readiness;
}

export function runningInstance(parts: RunningInstanceParts): InstanceReader {
  const { version, store, sessions, connections } = parts;
  const versionOf = rememberedVersions();
  const find = (nameOrNodeId: string): ProxySession | undefined => {
    for (const session of sessions.sessions()) {
      const { proxy } = session.attachment;
      if (proxy.nodeId === nameOrNodeId || nameOf(proxy) === nameOrNodeId) return session;
    }
    return undefined;
  };
  return {
    version,
    ready: parts.readiness,
    clusters: () => withFindings(store.clusterStatuses().map(parts.describeRemote), parts.problems()),
    mesh: () => store.snapshot,
    proxies: () => {
      const statuses = connections.list().flatMap((connection) => {
        const session = sessions.session(connection.peer);
        return session === undefined ? [] : [proxyStatusOf(connection, joinable(session, versionOf))];
      });
      return withCompanions(statuses).toSorted(
        (a, b) => compareText(a.proxy, b.proxy) || compareText(a.connectedAt, b.connectedAt),
      );
    },
    proxyCounts: () => {
      const streams = connections.list({ limit: Infinity }).flatMap((connection) => {
        const session = sessions.session(connection.peer);
        return session === undefined ? [] : [{ connection, proxy: session.attachment.proxy }];
      });
      return countProxies(streams);
    },
    proxy: (nameOrNodeId) => find(nameOrNodeId)?.attachment.proxy,
    configDump: (nameOrNodeId) => {
      const session = find(nameOrNodeId);
      return session === undefined ? undefined : dumpOf(session);
    },
    nameTable: (nameOrNodeId) => {
      const snapshot = find(nameOrNodeId)?.attachment.snapshot(NameTable.typeUrl);
      return snapshot === undefined ? undefined : [...resourcesOf(snapshot)][0];
    },
    gatewayProbe: (gateway) => {
      const state = parts.prober?.state(gateway);
      if (state === undefined) return undefined;
      const { verdict, sinceMs, lastError } = state;
      return {
        verdict,
        since: new Date(sinceMs).toISOString(),
        ...(lastError === undefined ? {} : { lastError }),
      };
    },
    roots: () => rootsOf(parts.authority()),
  };
}

/** Policies and the authority are the primary's, so what is wrong with them is too. */
function withFindings(clusters: readonly ClusterStatus[], found: readonly Problem[]): readonly ClusterStatus[] {
  if (found.length === 0) return clusters;
  return clusters.map((cluster) =>
    cluster.mode === 'primary' ? { ...cluster, problems: [...cluster.problems, ...found] } : cluster,
  );
}

function joinable({ attachment, rejections }: ProxySession, versionOf: VersionOf): JoinableSession {
  return {
    proxy: attachment.proxy,
    rejections,
    resourceCount: (typeUrl) => sizeOf(attachment.snapshot(typeUrl)),
    stateVersion: (typeUrl) => versionOf(attachment.snapshot(typeUrl)),
  };
}

function dumpOf(session: ProxySession): ReadonlyMap<string, readonly EncodedResource[]> {
  return new Map(generatedTypes.map((typeUrl) => [typeUrl, sortedResources(session.attachment.snapshot(typeUrl))]));
}

function sortedResources(snapshot: TypeSnapshot): readonly EncodedResource[] {
  return [...resourcesOf(snapshot)].toSorted((a, b) => compareText(a.name, b.name));
}

type VersionOf = (snapshot: TypeSnapshot) => string;

/** A class of proxies shares its snapshots, so a reader of many proxies hashes each state once. */
function rememberedVersions(): VersionOf {
  const versions = new WeakMap<TypeSnapshot, string>();
  return (snapshot) => {
    const version = versions.get(snapshot) ?? stateVersion(sortedResources(snapshot));
    versions.set(snapshot, version);
    return version;
  };
}

function rootsOf(material: CaMaterial | undefined): readonly RootFingerprint[] {
  return (material?.roots ?? []).map((root) => ({
    subject: root.x509.subject.replaceAll('\n', ', '),
    sha256: root.fingerprint,
    notAfter: new Date(root.notAfterMs).toISOString(),
  }));
}

function nameOf(proxy: Proxy): string {
  return `${proxy.name}.${proxy.namespace}`;
}
