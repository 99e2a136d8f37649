// An address through which a network is entered from others (east-west gateway, SNI passthrough).

import type { ClusterId, NetworkId } from './names.ts';

export interface NetworkGateway {
  readonly network: NetworkId;
  /** The cluster that the gateway belongs to. */
  readonly clusterId: ClusterId;
  /** IP address; host names are resolved before they get here. */
  readonly address: string;
  /** Port of the mTLS passthrough, normally 15443. */
  readonly port: number;
}

/** What of a gateway is dialled: `ADDRESS PORT`. Gateways of several clusters may be one socket. */
export function socketOf({ address, port }: Pick<NetworkGateway, 'address' | 'port'>): string {
  return `${address} ${port}`;
}

/** Order of gateways wherever they are listed: by network, cluster, address, port, so that equal sets give equal bytes. */
export function compareGateways(a: NetworkGateway, b: NetworkGateway): number {
  return (
    compareText(a.network, b.network) ||
    compareText(a.clusterId, b.clusterId) ||
    compareText(a.address, b.address) ||
    a.port - b.port
  );
}

/** Code-unit order: the same on every machine and locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
