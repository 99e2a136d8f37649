// The network filter that reads HTTP. Only filters that every Envoy has, but for those that a proxy announces.

import type { ForwardClientCertificate, GatewayTopology } from '../../discovery/model/gateway-topology.ts';
import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { Filter } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { RouteConfiguration } from '../../proto/generated/envoy.config.route.v3.ts';
import { Router } from '../../proto/generated/envoy.extensions.filters.http.router.v3.ts';
import {
  HttpConnectionManager,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  type HttpFilter,
} from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { noSecurityPolicies, type SecurityPolicies } from '../view/security-policies.ts';
import { tokenFilters } from './authentication/token-filter.ts';
import { httpAuthorization } from './authorization/authorization-filters.ts';
import { accessLogs } from './access-log.ts';
import { tracingOf } from './tracing.ts';
import { aggregated } from './config-source.ts';
import { istioMetricFilters } from './istio-filters.ts';
import { requestMetrics } from './metrics.ts';
import { marksNotServed } from './not-served.ts';
import { routeFilters } from './route-filters.ts';
import { duration, isFalse, isTrue } from './well-known-types.ts';

export interface HttpConnectionManagerOptions {
  readonly config: MeshConfig;
  readonly statPrefix: string;
  readonly routes:
    | { readonly kind: 'discovered'; readonly name: string }
    | { readonly kind: 'inline'; readonly configuration: RouteConfiguration };
  /**
   * `outbound`: what the application claims about client certificates is removed. `inbound`: the caller's SPIFFE id goes to
   * the application in `x-forwarded-client-cert`, after what earlier hops put there. `edge`: the client is outside the mesh;
   * `edge-mutual`: and is asked for a certificate, of which the application is told there, too, and of no other.
   */
  readonly side: 'outbound' | 'inbound' | 'edge' | 'edge-mutual';
  /** In front of an edge: whom to believe. Absent: nobody. */
  readonly topology?: GatewayTopology | undefined;
  /** Whose policies hold for what is received; absent where nothing is. */
  readonly security?: SecurityPolicies | undefined;
}

export function httpConnectionManager(options: HttpConnectionManagerOptions): Filter {
  const { config, statPrefix, routes, side, security = noSecurityPolicies } = options;
  const tracing = tracingOf(config);
  const isEdge = side === 'edge' || side === 'edge-mutual';
  const typedConfig = packAny(HttpConnectionManager, {
    statPrefix,
    ...(routes.kind === 'discovered'
      ? { rds: { configSource: aggregated, routeConfigName: routes.name } }
      : { routeConfig: routes.configuration }),
    httpFilters: [
      ...tokenFilters(security.tokens, { routed: isEdge }),
      ...httpAuthorization(security.authorization, config),
      ...(side === 'inbound' ? [] : routeFilters()),
      ...istioMetricFilters(config),
      routerFilter(),
    ],
    httpProtocolOptions: { acceptHttp_10: true },
    accessLog: [...accessLogs(config, 'requests'), ...requestMetrics(config)],
    ...(tracing === undefined ? {} : { tracing }),
    useRemoteAddress: isEdge ? isTrue : isFalse,
    ...(side === 'inbound'
      ? {
          forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD,
          setCurrentClientCertDetails: { subject: isTrue, dns: true, uri: true },
          serverName: 'isthmus-envoy',
          localReplyConfig: marksNotServed,
        }
      : {}),
    ...(isEdge ? clientDetails(options) : {}),
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    streamIdleTimeout: duration(0),
    ...pathNormalization(config),
  });
  return { name: 'envoy.filters.network.http_connection_manager', typedConfig };
}

/** What an edge believes of what requests say of their clients, and tells the application of them. */
function clientDetails({
  side,
  topology = {},
}: HttpConnectionManagerOptions): Pick<
  HttpConnectionManager,
  'xffNumTrustedHops' | 'forwardClientCertDetails' | 'setCurrentClientCertDetails'
> {
  const { trustedProxies = 0, clientCertificate = side === 'edge-mutual' ? 'sanitize-set' : undefined } = topology;
  const sets = clientCertificate === 'sanitize-set' || clientCertificate === 'append-forward';
  return {
    ...(trustedProxies === 0 ? {} : { xffNumTrustedHops: trustedProxies }),
    ...(clientCertificate === undefined ? {} : { forwardClientCertDetails: clientCertificates[clientCertificate] }),
    ...(sets ? { setCurrentClientCertDetails: { subject: isTrue, dns: true, uri: true } } : {}),
  };
}

const clientCertificates: Readonly<Record<ForwardClientCertificate, HttpConnectionManager_ForwardClientCertDetails>> = {
  sanitize: HttpConnectionManager_ForwardClientCertDetails.SANITIZE,
  'forward-only': HttpConnectionManager_ForwardClientCertDetails.FORWARD_ONLY,
  'append-forward': HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD,
  'sanitize-set': HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
  'always-forward-only': HttpConnectionManager_ForwardClientCertDetails.ALWAYS_FORWARD_ONLY,
};

function routerFilter(): HttpFilter {
  return { name: 'envoy.filters.http.router', typedConfig: packAny(Router, {}) };
}

/** Rules of paths are held against what is left of a path after this. */
function pathNormalization({
  pathNormalization: how,
}: MeshConfig): Pick<HttpConnectionManager, 'normalizePath' | 'mergeSlashes' | 'pathWithEscapedSlashesAction'> {
  const normalizePath = how === 'none' ? isFalse : isTrue;
  if (how === 'merge-slashes') return { normalizePath, mergeSlashes: true };
  if (how !== 'decode-and-merge-slashes') return { normalizePath };
  return {
    normalizePath,
    mergeSlashes: true,
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD,
  };
}
