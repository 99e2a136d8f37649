// The addresses that endpoints are reached at, each once: Envoy keeps only the first of two equal ones. In: endpoints and the paths to
// them. Out: endpoints that are reached directly, and bundles of those behind the same gateways.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { compareText, socketOf, type NetworkGateway } from '../../discovery/model/network-gateway.ts';
import type { EndpointPath } from './endpoint-path.ts';

/** An endpoint that is reached at its own address. */
export interface DirectEndpoint {
  readonly endpoint: Endpoint;
  readonly port: number;
  /** Whether a connection to it is mesh mTLS. */
  readonly mtls: boolean;
}

/** Endpoints that the same gateways lead to. Neither is ever empty. */
export interface GatewayBundle {
  readonly gateways: readonly NetworkGateway[];
  readonly endpoints: readonly Endpoint[];
}

/** Addresses that are used alike. */
export interface Addresses {
  readonly direct: readonly DirectEndpoint[];
  readonly remote: readonly GatewayBundle[];
}

/** Addresses of clusters that are heard, or of degraded ones. */
export class AddressTier implements Addresses {
  readonly #direct = new Map<string, DirectEndpoint>();
  readonly #remote = new Map<string, GatewayBundle & { readonly endpoints: Endpoint[] }>();

  get direct(): readonly DirectEndpoint[] {
    return [...this.#direct.values()];
  }

  get remote(): readonly GatewayBundle[] {
    return [...this.#remote.values()];
  }

  add(endpoint: Endpoint, path: Exclude<EndpointPath, { kind: 'drop' }>): void {
    if (path.kind === 'direct') return keepFirst(this.#direct, { endpoint, port: path.port, mtls: path.mtls });
    const key = JSON.stringify(path.gateways);
    const behind = this.#remote.get(key) ?? { gateways: path.gateways, endpoints: [] };
    behind.endpoints.push(endpoint);
    this.#remote.set(key, behind);
  }

  /** What another tier addresses is not addressed again. */
  without(other: AddressTier): void {
    for (const key of other.#direct.keys()) this.#direct.delete(key);
    const taken = new Set(other.remote.flatMap(({ gateways }) => gateways.map((gateway) => socketOf(gateway))));
    for (const [key, { gateways, endpoints }] of this.#remote) {
      const left = gateways.filter((gateway) => !taken.has(socketOf(gateway)));
      if (left.length === 0) this.#remote.delete(key);
      else this.#remote.set(key, { gateways: left, endpoints });
    }
  }
}

function keepFirst(direct: Map<string, DirectEndpoint>, candidate: DirectEndpoint): void {
  const key = `${candidate.endpoint.address} ${candidate.port}`;
  const known = direct.get(key);
  if (known === undefined || compareOrigin(candidate, known) < 0) direct.set(key, candidate);
}

/** Of two endpoints with one address (two clusters whose pod ranges overlap on one network) the first cluster's holds. */
export function compareOrigin(a: { endpoint: Endpoint }, b: { endpoint: Endpoint }): number {
  return (
    compareText(a.endpoint.clusterId, b.endpoint.clusterId) ||
    compareText(a.endpoint.workload.name, b.endpoint.workload.name)
  );
}
