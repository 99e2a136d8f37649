import { declaredEnvoyFilter } from '../../support/declared-envoy-filter.ts';
import { endpoint, mesh, service, sidecar, virtualService, httpRoute } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const store = 'store.default.svc.cluster.local';
const web = 'web.default.svc.cluster.local';
const manager = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** What many have: a script, a rate limit, settings of the connection manager, for the workload that is selected. */
const inbound = declaredEnvoyFilter(
  'web-inbound',
  `
workloadSelector: { labels: { app: web } }
configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener:
        portNumber: 8080
        filterChain: { filter: { name: envoy.filters.network.http_connection_manager, subFilter: { name: envoy.filters.http.router } } }
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.lua
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          inlineCode: |
            function envoy_on_response(handle)
              handle:headers():add("x-from", "lua")
            end
  - applyTo: HTTP_FILTER
    match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } } }
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          '@type': type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          value:
            stat_prefix: http_local_rate_limiter
            token_bucket: { max_tokens: 10, tokens_per_fill: 10, fill_interval: 60s }
            filter_enabled: { runtime_key: local_rate_limit_enabled, default_value: { numerator: 100, denominator: HUNDRED } }
            filter_enforced: { runtime_key: local_rate_limit_enforced, default_value: { numerator: 100, denominator: HUNDRED } }
            response_headers_to_add: [{ append_action: APPEND_IF_EXISTS_OR_ADD, header: { key: x-local-rate-limit, value: 'true' } }]
  - applyTo: HTTP_FILTER
    match: { context: SIDECAR_INBOUND }
    patch:
      operation: ADD
      filterClass: AUTHZ
      value:
        name: envoy.filters.http.ext_authz
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
          grpc_service: { envoy_grpc: { cluster_name: 'outbound|80||${store}' }, timeout: 0.5s }
  - applyTo: NETWORK_FILTER
    match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: envoy.http_connection_manager } } } }
    patch:
      operation: MERGE
      value:
        name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': ${manager}
          common_http_protocol_options: { idle_timeout: 30s }
          server_header_transformation: PASS_THROUGH
          xff_num_trusted_hops: 5
  - applyTo: VIRTUAL_HOST
    match: { context: SIDECAR_INBOUND, routeConfiguration: { vhost: { name: 'inbound|http|80' } } }
    patch:
      operation: MERGE
      value: { rate_limits: [{ actions: [{ remote_address: {} }] }] }
  - applyTo: LISTENER
    match: { context: SIDECAR_INBOUND, listener: { name: virtualInbound } }
    patch: { operation: MERGE, value: { per_connection_buffer_limit_bytes: 65536 } }
  - applyTo: LISTENER_FILTER
    match: { context: SIDECAR_INBOUND, listener: { name: virtualInbound, listenerFilter: envoy.filters.listener.tls_inspector } }
    patch:
      operation: INSERT_AFTER
      value:
        name: envoy.filters.listener.http_inspector
        typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector }
  - applyTo: CLUSTER
    match: { context: SIDECAR_INBOUND, cluster: { service: ${web} } }
    patch: { operation: MERGE, value: { connect_timeout: 0.25s } }
`,
);

const outbound = declaredEnvoyFilter(
  'istio-system/for-all',
  `
configPatches:
  - applyTo: CLUSTER
    match: { context: SIDECAR_OUTBOUND, cluster: { service: ${store}, portNumber: 80 } }
    patch:
      operation: MERGE
      value:
        upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } }
        circuit_breakers: { thresholds: [{ priority: HIGH, max_connections: 7 }] }
        typed_extension_protocol_options:
          envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
            '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
            explicit_http_config: { http2_protocol_options: { max_concurrent_streams: 50 } }
  - applyTo: CLUSTER
    match: { context: SIDECAR_OUTBOUND }
    patch:
      operation: ADD
      value:
        name: lua_cluster
        type: STRICT_DNS
        connect_timeout: 0.5s
        load_assignment:
          cluster_name: lua_cluster
          endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: internal.example.com, port_value: 8888 } } } }] }]
  - applyTo: ROUTE_CONFIGURATION
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { portNumber: 80 } }
    patch: { operation: MERGE, value: { request_headers_to_add: [{ header: { key: x-mesh, value: 'yes' } }] } }
  - applyTo: VIRTUAL_HOST
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { vhost: { name: '${store}:80' } } }
    patch: { operation: MERGE, value: { include_attempt_count_in_response: true } }
  - applyTo: VIRTUAL_HOST
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { name: '80' } }
    patch:
      operation: ADD
      value:
        name: added
        domains: [added.example.com]
        routes: [{ name: one, match: { prefix: / }, direct_response: { status: 200, body: { inline_string: added } } }]
  - applyTo: HTTP_ROUTE
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { vhost: { name: '${store}:80', route: { action: ROUTE } } } }
    patch: { operation: MERGE, value: { route: { timeout: 9s } } }
  - applyTo: HTTP_ROUTE
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { vhost: { name: '${store}:80', route: { name: slow } } } }
    patch:
      operation: INSERT_BEFORE
      value: { name: teapot, match: { path: /teapot }, direct_response: { status: 418 } }
  - applyTo: NETWORK_FILTER
    match: { context: SIDECAR_OUTBOUND, listener: { portNumber: 3306, filterChain: { filter: { name: envoy.filters.network.tcp_proxy } } } }
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.network.local_ratelimit
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit
          stat_prefix: sql
          token_bucket: { max_tokens: 100, fill_interval: 1s }
  - applyTo: LISTENER
    match: { context: SIDECAR_OUTBOUND, listener: { name: virtualOutbound } }
    patch:
      operation: MERGE
      value:
        access_log:
          - name: envoy.access_loggers.stdout
            typed_config: { '@type': type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog }
  - applyTo: HTTP_FILTER
    match: { context: SIDECAR_OUTBOUND, listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager, subFilter: { name: envoy.filters.http.fault } } } } }
    patch: { operation: REMOVE }
  - applyTo: HTTP_FILTER
    match: { context: SIDECAR_OUTBOUND }
    patch:
      operation: ADD
      value:
        name: default/by-discovery
        config_discovery:
          config_source: { ads: {}, initial_fetch_timeout: 1s }
          type_urls: [type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer]
  - applyTo: EXTENSION_CONFIG
    patch:
      operation: ADD
      value:
        name: default/by-discovery
        typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1048576 }
`,
);

/** Another workload's. */
const elsewhere = declaredEnvoyFilter(
  'elsewhere',
  `
workloadSelector: { labels: { app: another } }
configPatches: [{ applyTo: CLUSTER, patch: { operation: REMOVE } }]
`,
);

export const golden: GoldenCase = {
  shows: 'What EnvoyFilters of the root namespace and of the workload change of a sidecar.',
  proxy: sidecar({ addresses: ['10.1.0.5'], labels: { app: 'web' } }),
  mesh: mesh({
    services: [
      service('store', ['http:80', 'tcp-sql:3306'], { addresses: { 'cluster-1': ['10.96.0.20'] } }),
      service('web', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.21'] } }),
    ],
    endpoints: {
      [store]: [endpoint('cluster-1/network1', '10.1.0.7', { http: 8081, 'tcp-sql': 3306 })],
      [web]: [endpoint('cluster-1/network1', '10.1.0.5', { http: 8080 })],
    },
    policies: [
      virtualService('store', [store], [httpRoute([store], { name: 'slow', timeoutMs: 1000 })]),
      elsewhere,
      inbound,
      outbound,
    ],
  }),
};
