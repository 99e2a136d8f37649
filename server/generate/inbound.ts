// What a sidecar's workload receives: `virtualInbound`, which all connections are redirected to, with filter chains for each
// service port by mTLS mode, and the clusters that lead to the workload itself.

import { objectKey } from '../../discovery/model/names.ts';
import { isHttp } from '../../discovery/model/service.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { TrafficDirection, type BindConfig } from '../../proto/generated/envoy.config.core.v3.ts';
import { Listener, type Filter, type FilterChain } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { InboundView } from '../view/inbound-view.ts';
import type { InboundPort } from '../view/scope.ts';
import { socketAddress } from './address.ts';
import { http2Upstream } from './connection-limits.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import { inboundChains } from './inbound-chains.ts';
import { ingressEndpoint } from './ingress-endpoint.ts';
import { originalDestination, originalSource, tlsInspector } from './listener-filter.ts';
import {
  blackHoleCluster,
  inboundClusterName,
  inboundPassthroughCluster,
  inboundPort,
  listenerName,
  wildcardAddresses,
} from './names.ts';
import type { Resource } from './resource.ts';
import { originalDestinationCluster } from './static-outbound.ts';
import { networkAuthorization } from './authorization/authorization-filters.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { unmatchedLogs } from './unmatched-log.ts';
import { duration, isTrue, struct, uint32 } from './well-known-types.ts';

export interface InboundResources {
  readonly clusters: readonly Resource<Cluster>[];
  readonly listeners: readonly Resource<Listener>[];
}

/** Nothing for routers: what they receive is declared by Gateways. */
export function generateInbound(view: InboundView): InboundResources {
  if (view.scope.type === 'router') return { clusters: [], listeners: [] };
  return {
    clusters: [inboundCluster(view, undefined), ...view.scope.ports.map((port) => inboundCluster(view, port))],
    listeners: [
      virtualInbound(view),
      ...view.scope.ports.filter(({ uncaptured }) => uncaptured === true).map((port) => uncapturedListener(view, port)),
    ],
  };
}

// To where the connection was going, from an address that the redirection of the workload's own traffic leaves alone.
function inboundCluster(view: InboundView, port: InboundPort | undefined): Resource<Cluster> {
  const name = port === undefined ? inboundPassthroughCluster : inboundClusterName(port.port);
  const message: Cluster = {
    ...originalDestinationCluster(name, view.config),
    // A transparent listener gives its connections the caller's address.
    ...ingressEndpoint(
      name,
      port?.endpoint,
      view.scope.transparent === true ? {} : { upstreamBindConfig: passthroughSource(view) },
    ),
    ...(port?.protocol === 'http2' || port?.protocol === 'grpc'
      ? { typedExtensionProtocolOptions: http2Upstream() }
      : {}),
    ...(port === undefined ? {} : { metadata: { filterMetadata: { istio: struct({ services: [serviceOf(port)] }) } } }),
  };
  return { type: Cluster, name, message, sources: port === undefined ? [] : [sourceOf(port)] };
}

function passthroughSource({ scope }: InboundView): BindConfig {
  const sourceAddress = { address: scope.families === 'ipv6' ? '::6' : '127.0.0.6', portValue: 0 };
  const other = { extraSourceAddresses: [{ address: { address: '::6', portValue: 0 } }] };
  return { sourceAddress, ...(scope.families === 'dual' ? other : {}) };
}

function virtualInbound(view: InboundView): Resource<Listener> {
  const [main, ...others] = wildcardAddresses(view.scope.families);
  const name = 'virtualInbound';
  const { config, scope } = view;
  const transparent = scope.transparent === true;
  const message: Listener = {
    name,
    address: socketAddress(main, inboundPort),
    additionalAddresses: others.map((address) => ({ address: socketAddress(address, inboundPort) })),
    trafficDirection: TrafficDirection.INBOUND,
    ...(transparent ? { transparent: isTrue } : {}),
    // The filter only restores where the connection was going, for the chains to match. With `useOriginalDst` the connection
    // would be handed to a listener of that port, and an outbound one (`0.0.0.0_PORT`) would send it back here for ever.
    listenerFilters: [originalDestination(), ...(transparent ? [originalSource()] : []), tlsInspector()],
    // A client that says nothing for so long is waiting for a server that speaks first, so it is not TLS.
    listenerFiltersTimeout: duration(5000),
    continueOnListenerFiltersTimeout: true,
    accessLog: unmatchedLogs(config),
    filterChains: [
      blackHoleChain(view),
      ...scope.ports.flatMap((port) => {
        if (port.uncaptured === true) return [];
        return inboundChains({
          config,
          name: String(port.port),
          mode: port.mode,
          port: port.port,
          bind: port.bind,
          http: isHttp(port.protocol),
          filters: portFilters(view, port),
        });
      }),
      ...(scope.otherModes ?? []).flatMap(([port, mode]) =>
        inboundChains({
          config,
          name: `virtualInbound-${port}`,
          mode,
          port,
          http: false,
          filters: passthroughFilters(view),
        }),
      ),
      ...inboundChains({
        config,
        name: 'virtualInbound',
        mode: scope.defaultMode,
        port: undefined,
        http: false,
        filters: passthroughFilters(view),
      }),
    ],
  };
  const sources = scope.ports.map((port) => sourceOf(port));
  return { type: Listener, name, message, sources: [...new Set(sources)] };
}

function passthroughFilters({ config, scope }: InboundView): readonly Filter[] {
  return [...networkAuthorization(scope.security.authorization, config), tcpProxy(inboundPassthroughCluster, config)];
}

/** A port that callers connect to without redirection. */
function uncapturedListener(view: InboundView, port: InboundPort): Resource<Listener> {
  const [main, ...others] = port.bind === undefined ? wildcardAddresses(view.scope.families) : [port.bind];
  const name = `inbound_${listenerName(main ?? '', port.port)}`;
  const message: Listener = {
    name,
    address: socketAddress(main ?? '', port.port),
    additionalAddresses: others.map((address) => ({ address: socketAddress(address, port.port) })),
    trafficDirection: TrafficDirection.INBOUND,
    listenerFilters: [tlsInspector()],
    listenerFiltersTimeout: duration(5000),
    continueOnListenerFiltersTimeout: true,
    filterChains: inboundChains({
      config: view.config,
      name: String(port.port),
      mode: port.mode,
      port: undefined,
      http: isHttp(port.protocol),
      filters: portFilters(view, port),
    }),
  };
  return { type: Listener, name, message, sources: [sourceOf(port)] };
}

// A connection made to this port itself would be sent to itself for ever.
function blackHoleChain({ config }: InboundView): FilterChain {
  return {
    name: 'virtualInbound-blackhole',
    filterChainMatch: { destinationPort: uint32(inboundPort) },
    filters: [tcpProxy(blackHoleCluster, config)],
  };
}

function portFilters({ config, scope }: InboundView, port: InboundPort): readonly Filter[] {
  const cluster = inboundClusterName(port.port);
  const { security } = scope;
  if (!isHttp(port.protocol)) {
    return [...networkAuthorization(security.authorization, config), tcpProxy(cluster, config)];
  }
  const route = { cluster, timeout: duration(0) };
  const virtualHost = {
    name: `inbound|http|${port.servicePort}`,
    domains: ['*'],
    routes: [{ name: 'default', match: { prefix: '/' }, route }],
  };
  // The cluster comes with the listener, in either order.
  const configuration = { name: cluster, validateClusters: { value: false }, virtualHosts: [virtualHost] };
  const statPrefix = `inbound_0.0.0.0_${port.port}`;
  const routes = { kind: 'inline', configuration } as const;
  return [httpConnectionManager({ config, statPrefix, routes, side: 'inbound', security })];
}

function serviceOf({ host, serviceName, serviceNamespace }: InboundPort): Readonly<Record<string, string>> {
  return { host, name: serviceName, namespace: serviceNamespace };
}

function sourceOf({ serviceName, serviceNamespace }: InboundPort): ReturnType<typeof objectKey> {
  return objectKey('Service', serviceNamespace, serviceName);
}
