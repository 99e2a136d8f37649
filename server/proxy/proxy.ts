// A connected Envoy: what its node says of it, checked. Everything here may decide what it is sent, so all of it that
// matters goes into its view keys.

import type { GatewayTopology } from '../../discovery/model/gateway-topology.ts';
import type { Locality } from '../../discovery/model/locality.ts';
import type { ClusterId, NetworkId } from '../../discovery/model/names.ts';
import type { ExtensionNames } from './announced-extensions.ts';

/** `sidecar` stands beside one workload; `router` is a gateway. */
export type ProxyType = 'sidecar' | 'router';

/**
 * How connections to the workload reach the proxy. `TPROXY`: as they are, so that the application can be shown the caller's address;
 * only a proxy with CAP_NET_ADMIN can take them so.
 */
export type InterceptionMode = 'REDIRECT' | 'TPROXY' | 'NONE';

/** What this Envoy can load. Stock Envoy rejects a listener that names a filter it was not built with. */
export interface Capabilities {
  /** Istio's own filters (`istio.alpn`, `istio.metadata_exchange`, `istio.stats`) are built in. */
  readonly istioFilters: boolean;
  /**
   * The access logger for statistics is built in, and how its statistics are named: by a prefix, or since 1.39 by a scope, which
   * has a bound. Absent: it is not.
   */
  readonly statsLogger?: 'prefix' | 'scope' | undefined;
  /** Speaks delta xDS, so routes travel by the virtual host (VHDS). */
  readonly virtualHostDiscovery: boolean;
}

export interface Proxy {
  /** Node id as sent: `TYPE~IP~NAME.NS~DOMAIN`. */
  readonly nodeId: string;
  readonly type: ProxyType;
  /** Addresses of the workload, the first one from the node id; at least one. */
  readonly addresses: readonly string[];
  readonly name: string;
  readonly namespace: string;
  /** DNS search domain of the node, `NS.svc.cluster.local`. */
  readonly dnsDomain: string;
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly locality: Locality;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Networks whose endpoints this proxy wants (`REQUESTED_NETWORK_VIEW`); empty: all. East-west gateways ask for their own. */
  readonly requestedNetworks: readonly NetworkId[];
  readonly capabilities: Capabilities;
  /** All that this Envoy can load. Absent: it does not say. */
  readonly extensions?: ExtensionNames | undefined;
  /** The agent answers the workload's DNS (`DNS_CAPTURE`). Absent: it does not. */
  readonly dnsCapture?: boolean;
  /** Of a gateway: what it announces of the proxies in front of it. Absent: MeshConfig says. */
  readonly topology?: GatewayTopology;
  /** Absent: `REDIRECT`. */
  readonly interceptionMode?: InterceptionMode;
  /** `ISTIO_VERSION` as announced; empty when none was. */
  readonly istioVersion: string;
  /** What else is announced as text, for configuration that tells proxies apart by it; long texts are left out. */
  readonly metadata?: Readonly<Record<string, string>>;
}
