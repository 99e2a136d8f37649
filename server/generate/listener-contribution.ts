// What hosts need of listeners. Several hosts share a listener, so each says what it needs and the listeners are made
// from all of it.

import { compareText } from '../../discovery/model/network-gateway.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { ConnectionRoute } from './connection-routes.ts';
import type { ConnectionSettings } from './tcp-proxy.ts';

export type ListenerContribution =
  /** Requests to this port are routed by virtual host. */
  | ({ readonly kind: 'http'; readonly port: number } & OwnListener)
  /** Connections to this address and port go to the cluster: a virtual IP, or a pod of a headless service. */
  | ({ readonly kind: 'tcp'; readonly address: string; readonly bindToPort?: true | undefined } & ToCluster)
  /**
   * Connections to this port, wherever they are going, go to the cluster: those to one of the blocks of addresses, those with one
   * of the server names, or all that nobody else claims.
   */
  | ({
      readonly kind: 'wildcard';
      readonly ranges: readonly string[];
      readonly serverNames: readonly string[];
    } & ToCluster)
  /** Connections through an east-west gateway with this server name go to the cluster of the same name. */
  | { readonly kind: 'sni'; readonly port: number; readonly sni: string; readonly source: ObjectKey }
  /** Connections to this port of a gateway are routed as a VirtualService declares. */
  | ({ readonly kind: 'connection'; readonly port: number } & GatewayConnection);

/** Where a Sidecar has the listener of a port; absent: at the wildcard address, reached by redirection. */
export interface OwnListener {
  /** An IP address. */
  readonly bind?: string | undefined;
  /** The application connects to it directly. */
  readonly bindToPort?: true | undefined;
}

export interface GatewayConnection {
  /** Id of the server that lets it in. */
  readonly server: string;
  readonly route: ConnectionRoute;
  /** The place of the route among those of its VirtualService. */
  readonly rank: number;
  /** The VirtualService. */
  readonly source: ObjectKey;
  readonly createdAtMs: number;
}

/** Connections that go to one cluster, unless a route says otherwise, and the service that wants it so. */
export interface ToCluster {
  readonly port: number;
  readonly cluster: string;
  /** What a DestinationRule says of them; absent: nothing. */
  readonly settings?: ConnectionSettings | undefined;
  /** What a VirtualService declares, in order. */
  readonly routes: readonly ConnectionRoute[];
  readonly source: ObjectKey;
  readonly createdAtMs: number;
}

/** Equal for contributions of equal effect: while the set of keys stays the same, so do the listeners. */
export function listenerKey(contribution: ListenerContribution): string {
  const { kind, port } = contribution;
  if (kind === 'http') {
    const { bind, bindToPort } = contribution;
    return `http/${port}${bind === undefined ? '' : `/${bind}`}${bindToPort === undefined ? '' : '/bound'}`;
  }
  if (kind === 'sni') return `sni/${port}/${contribution.sni}`;
  if (kind === 'connection') {
    const { source, createdAtMs, rank, route, server } = contribution;
    return `connection/${port}/${server}/${source}/${createdAtMs}/${rank}/${JSON.stringify(route)}`;
  }
  const place =
    contribution.kind === 'tcp'
      ? `${contribution.address}${contribution.bindToPort === undefined ? '' : '/bound'}`
      : `${contribution.ranges.join()}/${contribution.serverNames.join()}`;
  const routes = contribution.routes.length === 0 ? '' : `/${JSON.stringify(contribution.routes)}`;
  const settings = contribution.settings === undefined ? '' : `/${JSON.stringify(contribution.settings)}`;
  return `${kind}/${place}/${port}/${contribution.cluster}/${contribution.createdAtMs}${routes}${settings}`;
}

/** Which of two services that claim the same address holds it: the older, then by cluster name. */
export function compareClaims(a: ToCluster, b: ToCluster): number {
  return a.createdAtMs - b.createdAtMs || compareText(a.cluster, b.cluster);
}
