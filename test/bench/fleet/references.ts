// What a resource makes its client ask for: endpoints of a cluster, route configurations of a listener, virtual hosts of
// a route configuration. All sidecars get the same bytes, so each version is decoded once.

import { decode, unpackAny } from '../../../proto/codec.ts';
import { Cluster, Cluster_DiscoveryType } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { Listener } from '../../../proto/generated/envoy.config.listener.v3.ts';
import { RouteConfiguration } from '../../../proto/generated/envoy.config.route.v3.ts';
import { HttpConnectionManager } from '../../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import type { WireResource } from './delta-wire.ts';

export interface References {
  readonly endpoints: readonly string[];
  readonly routes: readonly string[];
  readonly virtualHosts: boolean;
}

const nothing: References = { endpoints: [], routes: [], virtualHosts: false };

/** Remembers what it has decoded. */
export class ReferenceReader {
  readonly #known = new Map<string, References>();

  of(typeUrl: string, resource: WireResource): References {
    if (typeUrl === typeUrls.endpoint || typeUrl === typeUrls.virtualHost) return nothing;
    const key = `${resource.version} ${resource.name}`;
    const known = this.#known.get(key) ?? read(typeUrl, resource.body);
    this.#known.set(key, known);
    return known;
  }
}

function read(typeUrl: string, body: Buffer): References {
  switch (typeUrl) {
    case typeUrls.cluster: {
      const { type, name = '', edsClusterConfig } = decode(Cluster, body);
      if (type !== Cluster_DiscoveryType.EDS) return nothing;
      return { ...nothing, endpoints: [edsClusterConfig?.serviceName ?? name] };
    }
    case typeUrls.listener:
      return { ...nothing, routes: routesOf(decode(Listener, body)) };
    case typeUrls.route:
      return { ...nothing, virtualHosts: decode(RouteConfiguration, body).vhds !== undefined };
    default:
      return nothing;
  }
}

function routesOf({ filterChains = [], defaultFilterChain }: Listener): readonly string[] {
  const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
  const names = chains
    .flatMap((chain) => chain.filters ?? [])
    .map(({ typedConfig }) => (typedConfig === undefined ? undefined : unpackAny(HttpConnectionManager, typedConfig)))
    .flatMap((http) => http?.rds?.routeConfigName ?? []);
  return [...new Set(names)];
}
