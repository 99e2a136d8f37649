// What the readers of a running instance (JSON API, debug pages, dashboard, metrics) may ask it. Everything is a value
// of this moment; nothing here changes the instance. The wiring implements it.

import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
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
  /** The connected proxy with this name (`NAME.NAMESPACE`) or node id; undefined when none is connected. */
  proxy(nameOrNodeId: string): Proxy | undefined;
  /** What that proxy is served now, by type URL; undefined when it is not connected. Never holds private keys. */
  configDump(nameOrNodeId: string): ReadonlyMap<string, readonly EncodedResource[]> | undefined;
  /** Roots that this instance trusts. */
  roots(): readonly RootFingerprint[];
}

export interface Readiness {
  /** True once the primary has synced. Remotes never count. */
  readonly ready: boolean;
  /** What is missing, in words; empty when ready. */
  readonly waitingFor: readonly string[];
}

export interface RootFingerprint {
  readonly subject: string;
  /** Hexadecimal SHA-256 of the certificate. */
  readonly sha256: string;
  /** RFC 3339. */
  readonly notAfter: string;
}
