// What the readers of a running instance (JSON API, debug pages, dashboard, metrics) may ask it. Everything is a value
// of this moment; nothing here changes the instance. The wiring implements it.

import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { NetworkGateway } from '../../discovery/model/network-gateway.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
import type { GatewayVerdict } from '../probe/probe-state.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { ProxyStatus } from './proxy-status.ts';

export interface InstanceReader {
  /** Version of this program, `VERSION` or `VERSION-REVISION`. */
  readonly version: string;
  ready(): Readiness;
  /** Primary first, then by name. */
  clusters(): readonly ClusterStatus[];
  mesh(): MeshSnapshot;
  /** Streams that are open now, sorted by proxy name. */
  proxies(): readonly ProxyStatus[];
  /** The same counted: what it costs does not grow with what proxies are served. */
  proxyCounts(): ProxyCounts;
  /** The connected proxy with this name (`NAME.NAMESPACE`) or node id; undefined when none is connected. */
  proxy(nameOrNodeId: string): Proxy | undefined;
  /** What that proxy is served now, by type URL; undefined when it is not connected. Never holds private keys. */
  configDump(nameOrNodeId: string): ReadonlyMap<string, readonly EncodedResource[]> | undefined;
  /** The name table of that proxy, made for the question when it never asked for one; undefined when it is not connected. */
  nameTable(nameOrNodeId: string): EncodedResource | undefined;
  /** What probing says of a gateway; undefined when it is not probed (probing is off, or it is of our own network). */
  gatewayProbe(gateway: NetworkGateway): GatewayProbe | undefined;
  /** Roots that this instance trusts. */
  roots(): readonly RootFingerprint[];
}

export interface ProxyCounts {
  /** Proxies by Istio version. */
  readonly versions: ReadonlyMap<string, number>;
  /** By the short name of a type: proxies that can't take something of it. */
  readonly rejecting: ReadonlyMap<string, number>;
}

export interface Readiness {
  /** True once the primary is known: read, or remembered from before this process started. Remotes never count. */
  readonly ready: boolean;
  /** What is missing, in words; empty when ready. */
  readonly waitingFor: readonly string[];
}

export interface GatewayProbe {
  /** `unknown`: never reached since the start; it stays in use. `unreachable`: it is not used. */
  readonly verdict: GatewayVerdict;
  /** RFC 3339: since when. */
  readonly since: string;
  /** Why the last probe failed; absent when it succeeded. */
  readonly lastError?: string | undefined;
}

export interface RootFingerprint {
  readonly subject: string;
  /** Hexadecimal SHA-256 of the certificate. */
  readonly sha256: string;
  /** RFC 3339. */
  readonly notAfter: string;
}
