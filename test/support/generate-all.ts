// Runs every generator for one proxy, as a control plane does, and puts the result into a bootstrap that Envoy can judge.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { encode, verify } from '../../proto/codec.ts';
import { Bootstrap } from '../../proto/generated/envoy.config.bootstrap.v3.ts';
import { Cluster_DiscoveryType, type Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type TypedExtensionConfig,
} from '../../proto/generated/envoy.config.core.v3.ts';
import type { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { HttpConnectionManager } from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { Router } from '../../proto/generated/envoy.extensions.filters.http.router.v3.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { packAny } from '../../proto/codec.ts';
import { decodeJson, toJson, type JsonValue } from '../../proto/json.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { Proxy } from '../../server/proxy/proxy.ts';
import { buildInboundView } from '../../server/view/inbound-view.ts';
import { buildOutboundView } from '../../server/view/outbound-view.ts';
import { viewKeysOf } from '../../server/view/view-key.ts';
import { http2Upstream } from '../../server/generate/connection-limits.ts';
import { gatewayRouteNames } from '../../server/generate/gateway-servers.ts';
import { generateInbound } from '../../server/generate/inbound.ts';
import { generateHost } from '../../server/generate/outbound-host.ts';
import { generateNames } from '../../server/generate/name-table.ts';
import { generateOutboundListeners } from '../../server/generate/outbound-listeners.ts';
import type { Resource } from '../../server/generate/resource.ts';
import {
  generateRouteConfigurations,
  generateWholeRouteConfiguration,
} from '../../server/generate/route-configurations.ts';
import { generateStaticOutbound } from '../../server/generate/static-outbound.ts';
import { inboundClusterName } from '../../server/generate/names.ts';
import { patchSurroundings } from '../../server/patch/patch-surroundings.ts';
import { joinRoute, ViewPatches } from '../../server/patch/view-patches.ts';

export interface Generated {
  readonly clusters: readonly Resource<Cluster>[];
  readonly assignments: readonly Resource<ClusterLoadAssignment>[];
  readonly listeners: readonly Resource<Listener>[];
  readonly routes: readonly Resource<RouteConfiguration>[];
  readonly virtualHosts: readonly Resource<VirtualHost>[];
  /** The same routes as a client that does not speak delta gets them. */
  readonly wholeRoutes: readonly Resource<RouteConfiguration>[];
  readonly problems: readonly Problem[];
  readonly extensions: readonly Resource<TypedExtensionConfig>[];
}

export function generateAll(proxy: Proxy, mesh: MeshSnapshot): Generated {
  const { outboundScope, inboundScope } = viewKeysOf(proxy, mesh);
  const view = buildOutboundView(outboundScope, mesh);
  const hosts = view.hosts().map((host) => generateHost(view, host));
  const inbound = generateInbound(buildInboundView(inboundScope, mesh));
  const patches = new ViewPatches(outboundScope.patches);
  const inboundPatches = new ViewPatches(inboundScope.patches);
  const surroundings = patchSurroundings(view);
  const virtualHosts = hosts.flatMap((host) => host.virtualHosts);
  const routeNames = new Set([...virtualHosts.map(({ routeName }) => routeName), ...gatewayRouteNames(view)]);
  const contributions = hosts.flatMap(({ listeners }) => listeners);
  const hostsOf = (name: string): readonly string[] =>
    inboundScope.ports.filter(({ port }) => inboundClusterName(port) === name).map(({ host }) => host);
  const ofRoute = (route: string): readonly Resource<VirtualHost>[] =>
    virtualHosts
      .filter(({ routeName }) => routeName === route)
      .map(({ resource }) => resource)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const routes = generateRouteConfigurations(view, routeNames).map((frame) =>
    patches.routes(frame, ofRoute(frame.name), surroundings),
  );
  return {
    clusters: [
      ...[...generateStaticOutbound(view), ...hosts.flatMap(({ clusters }) => clusters)].flatMap(
        (cluster) => patches.cluster(cluster) ?? [],
      ),
      ...patches.addedClusters(),
      ...inbound.clusters.flatMap((cluster) => inboundPatches.cluster(cluster, hostsOf(cluster.name)) ?? []),
      ...inboundPatches.addedClusters(),
    ],
    assignments: hosts.flatMap(({ assignments }) => assignments),
    listeners: [
      ...patches.listeners(generateOutboundListeners(view, contributions), surroundings),
      ...inboundPatches.listeners(inbound.listeners),
    ],
    routes: routes.map(({ frame }) => frame),
    virtualHosts: patches.changeRoutes
      ? routes.flatMap((route) => route.hosts)
      : virtualHosts.map(({ resource }) => resource),
    wholeRoutes: [...routeNames].map((name) =>
      patches.changeRoutes
        ? joinRoute(patches.routes(generateWholeRouteConfiguration(view, name, []), ofRoute(name), surroundings))
        : generateWholeRouteConfiguration(view, name, ofRoute(name)),
    ),
    problems: [
      ...hosts.flatMap(({ problems }) => problems),
      ...patches.problems(() => true),
      ...inboundPatches.problems(() => true),
    ],
    extensions: patches.extensionConfigs(),
  };
}

/** The name table of the proxy, as its bytes say. */
export function generateNameTable(proxy: Proxy, mesh: MeshSnapshot): JsonValue {
  const view = buildOutboundView(viewKeysOf(proxy, mesh).outboundScope, mesh);
  const table = Object.assign(
    {},
    ...view.hosts().map((host) => generateNames(view, host)?.table),
  ) as NameTable['table'];
  return toJson(NameTable, { table });
}

export function resourcesOf(generated: Generated): readonly Resource<unknown>[] {
  const { clusters, assignments, listeners, routes, virtualHosts, wholeRoutes, extensions } = generated;
  return [
    ...clusters,
    ...assignments,
    ...listeners,
    ...routes,
    ...virtualHosts,
    ...wholeRoutes,
    ...extensions,
  ] as readonly Resource<unknown>[];
}

/** The first literal that names a field its message does not have, or undefined. */
export function firstMistake(generated: Generated): string | undefined {
  for (const { name, type, message } of resourcesOf(generated)) {
    const mistake = verify(type, message);
    if (mistake !== undefined) return `${type.fullName} ${name}: ${mistake}`;
  }
  return undefined;
}

/** Proto3 JSON by type, each resource as its bytes say. */
export function asJson(generated: Generated): Readonly<Record<string, JsonValue>> {
  return {
    clusters: list(generated.clusters),
    assignments: list(generated.assignments),
    listeners: list(generated.listeners),
    routes: list(generated.routes),
    virtualHosts: list(generated.virtualHosts),
    ...(generated.extensions.length === 0 ? {} : { extensions: list(generated.extensions) }),
    problems: generated.problems.map(({ object, field, message }) => `${object} ${field}: ${message}`),
  };
}

function list<T>(resources: readonly Resource<T>[]): JsonValue {
  return resources.map(({ type, message }) => decodeJson(type.typeUrl, encode(type, message)));
}

const sockets = { address: { socketAddress: { address: '127.0.0.1', portValue: 1 } } };

function upstream(name: string): Cluster {
  return {
    name,
    type: Cluster_DiscoveryType.STATIC,
    typedExtensionProtocolOptions: http2Upstream(),
    loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: [{ endpoint: sockets }] }] },
  };
}

/**
 * A bootstrap with everything static: clusters and listeners as they are; each assignment a second time in a static cluster,
 * each route configuration a second time inline in a listener, so that Envoy checks them as well.
 */
export function asBootstrap(generated: Generated): JsonValue {
  const assigned = generated.assignments.map(({ message }): Cluster => ({
    name: `assignment ${message.clusterName}`,
    type: Cluster_DiscoveryType.STATIC,
    loadAssignment: message,
  }));
  const routed = generated.wholeRoutes.map(({ name, message }, index): Listener => {
    const httpFilters = [{ name: 'router', typedConfig: packAny(Router, {}) }];
    const typedConfig = packAny(HttpConnectionManager, { statPrefix: name, routeConfig: message, httpFilters });
    return {
      name: `routes ${name}`,
      address: { socketAddress: { address: '127.0.0.77', portValue: 20_000 + index } },
      filterChains: [{ filters: [{ name: 'http', typedConfig }] }],
    };
  });
  return toJson(Bootstrap, {
    node: { id: 'golden', cluster: 'golden' },
    dynamicResources: {
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        grpcServices: [{ envoyGrpc: { clusterName: 'xds-grpc' } }],
      },
    },
    staticResources: {
      clusters: [
        upstream('xds-grpc'),
        upstream('sds-grpc'),
        ...assigned,
        ...generated.clusters.map(({ message }) => message),
      ],
      listeners: [...generated.listeners.map(({ message }) => message), ...routed],
    },
  });
}
