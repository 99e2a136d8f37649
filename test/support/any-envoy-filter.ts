// Arbitrary EnvoyFilters: patches as people write them, with something in them changed to what may or may not be right there.

import * as fc from 'fast-check';

type Tree = null | boolean | number | string | readonly Tree[] | { readonly [key: string]: Tree };

const manager = 'envoy.filters.network.http_connection_manager';
const type = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;
const http = {
  context: 'ANY',
  listener: {
    portNumber: 8080,
    filterChain: { filter: { name: manager, subFilter: { name: 'envoy.filters.http.router' } } },
  },
};
const hosts = {
  context: 'SIDECAR_OUTBOUND',
  routeConfiguration: { name: '80', vhost: { name: 'store.default.svc.cluster.local:80', route: { action: 'ANY' } } },
};

const patches: readonly Tree[] = [
  {
    applyTo: 'HTTP_FILTER',
    match: http,
    patch: {
      operation: 'INSERT_BEFORE',
      value: {
        name: 'envoy.filters.http.buffer',
        typed_config: { '@type': type('filters.http.buffer.v3.Buffer'), max_request_bytes: 1024 },
      },
    },
  },
  {
    applyTo: 'HTTP_FILTER',
    match: { context: 'SIDECAR_OUTBOUND' },
    patch: {
      operation: 'ADD',
      filterClass: 'AUTHZ',
      value: {
        name: 'envoy.filters.http.local_ratelimit',
        typed_config: {
          '@type': type('filters.http.local_ratelimit.v3.LocalRateLimit'),
          stat_prefix: 'x',
          token_bucket: { max_tokens: 4, tokens_per_fill: 4, fill_interval: '60s' },
          status: { code: 'TooManyRequests' },
          response_headers_to_add: [{ header: { key: 'x', value: 'y' } }],
        },
      },
    },
  },
  {
    applyTo: 'HTTP_FILTER',
    match: { context: 'ANY' },
    patch: {
      operation: 'INSERT_FIRST',
      value: {
        name: 'envoy.filters.http.compressor',
        typed_config: {
          '@type': type('filters.http.compressor.v3.Compressor'),
          response_direction_config: { common_config: { min_content_length: 100, content_type: ['text/html'] } },
          compressor_library: {
            name: 'gzip',
            typed_config: {
              '@type': type('compression.gzip.compressor.v3.Gzip'),
              memory_level: 3,
              window_bits: 10,
              compression_level: 'BEST_SPEED',
            },
          },
        },
      },
    },
  },
  {
    applyTo: 'NETWORK_FILTER',
    match: { listener: { filterChain: { filter: { name: manager } } } },
    patch: {
      operation: 'MERGE',
      value: {
        typed_config: {
          '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
          common_http_protocol_options: { idle_timeout: '30s', max_headers_count: 50 },
          server_header_transformation: 'PASS_THROUGH',
          xff_num_trusted_hops: 2,
          merge_slashes: true,
          max_request_headers_kb: 80,
        },
      },
    },
  },
  {
    applyTo: 'NETWORK_FILTER',
    match: {
      context: 'SIDECAR_OUTBOUND',
      listener: { filterChain: { filter: { name: 'envoy.filters.network.tcp_proxy' } } },
    },
    patch: {
      operation: 'INSERT_BEFORE',
      value: {
        name: 'envoy.filters.network.rbac',
        typed_config: {
          '@type': type('filters.network.rbac.v3.RBAC'),
          stat_prefix: 'x',
          rules: { action: 'ALLOW', policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } },
        },
      },
    },
  },
  {
    applyTo: 'LISTENER',
    match: { context: 'SIDECAR_INBOUND' },
    patch: { operation: 'MERGE', value: { per_connection_buffer_limit_bytes: 4096, listener_filters_timeout: '3s' } },
  },
  {
    applyTo: 'FILTER_CHAIN',
    match: { context: 'SIDECAR_INBOUND', listener: { filterChain: { transportProtocol: 'tls' } } },
    patch: { operation: 'MERGE', value: { transport_socket_connect_timeout: '3s', name: 'x' } },
  },
  {
    applyTo: 'CLUSTER',
    match: { context: 'SIDECAR_OUTBOUND', cluster: { service: 'store.default.svc.cluster.local', portNumber: 80 } },
    patch: {
      operation: 'MERGE',
      value: {
        connect_timeout: '3s',
        circuit_breakers: {
          thresholds: [{ priority: 'HIGH', max_connections: 5, retry_budget: { budget_percent: { value: 20 } } }],
        },
        outlier_detection: { consecutive_5xx: 5, interval: '5s', max_ejection_percent: 50 },
        dns_lookup_family: 'V4_ONLY',
        ignore_health_on_host_removal: true,
      },
    },
  },
  {
    applyTo: 'CLUSTER',
    match: { context: 'SIDECAR_OUTBOUND' },
    patch: {
      operation: 'ADD',
      value: {
        name: 'added',
        type: 'STATIC',
        connect_timeout: '1s',
        lb_policy: 'RANDOM',
        load_assignment: {
          cluster_name: 'added',
          endpoints: [
            { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 9 } } } }] },
          ],
        },
      },
    },
  },
  {
    applyTo: 'ROUTE_CONFIGURATION',
    match: hosts,
    patch: {
      operation: 'MERGE',
      value: {
        request_headers_to_add: [{ header: { key: 'x-one', value: 'two' }, append_action: 'ADD_IF_ABSENT' }],
        most_specific_header_mutations_wins: true,
      },
    },
  },
  {
    applyTo: 'VIRTUAL_HOST',
    match: hosts,
    patch: {
      operation: 'MERGE',
      value: {
        rate_limits: [{ stage: 1, actions: [{ remote_address: {} }] }],
        retry_policy: { retry_on: '5xx', num_retries: 2 },
        domains: ['x.example.com'],
      },
    },
  },
  {
    applyTo: 'HTTP_ROUTE',
    match: hosts,
    patch: {
      operation: 'INSERT_FIRST',
      value: {
        name: 'x',
        match: { prefix: '/x', headers: [{ name: 'a', string_match: { safe_regex: { regex: 'a+' } } }] },
        redirect: { host_redirect: 'x.example.com', response_code: 'FOUND' },
      },
    },
  },
  {
    applyTo: 'EXTENSION_CONFIG',
    patch: {
      operation: 'ADD',
      value: { name: 'x', typed_config: { '@type': type('filters.http.buffer.v3.Buffer'), max_request_bytes: 1024 } },
    },
  },
];

/** Values that stand for others: of another type, at an end of a range, of another word. */
const others: readonly Tree[] = [
  null,
  true,
  0,
  1,
  -1,
  100,
  65_536,
  4_294_967_296,
  0.5,
  '',
  'x',
  '0s',
  '-1s',
  '1.5s',
  '*',
  'a b',
  '(',
  'ANY',
  [],
  {},
  [[]],
  { name: 'x' },
  ['x', 'x'],
];

/** Paths of everything in a tree but the tree itself. */
function pathsOf(tree: Tree, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  const entries = Array.isArray(tree)
    ? [...(tree as readonly Tree[]).entries()]
    : typeof tree === 'object' && tree !== null
      ? Object.entries(tree)
      : [];
  return entries.flatMap(([key, inner]) => [[...path, key], ...pathsOf(inner, [...path, key])]);
}

function put(
  tree: Tree,
  path: readonly (string | number)[],
  change: (value: unknown, holder: Record<string, unknown>, key: string) => void,
): Tree {
  const copy = structuredClone(tree) as unknown;
  let holder = copy as Record<string, unknown>;
  for (const key of path.slice(0, -1)) holder = holder[key] as Record<string, unknown>;
  const last = String(path.at(-1));
  change(holder[last], holder, last);
  return copy as Tree;
}

/** Mostly in what is written for Envoy, below the type of it. */
function anyPath(tree: Tree): fc.Arbitrary<readonly (string | number)[]> {
  const all = pathsOf(tree);
  const inside = all.filter(
    (path) => path[0] === 'patch' && path[1] === 'value' && path.length > 2 && path.at(-1) !== '@type',
  );
  return fc.oneof(
    { weight: inside.length === 0 ? 0 : 8, arbitrary: fc.constantFrom(...(inside.length === 0 ? all : inside)) },
    { weight: 1, arbitrary: fc.constantFrom(...all) },
  );
}

const mutated = (tree: Tree): fc.Arbitrary<Tree> =>
  fc
    .tuple(anyPath(tree), fc.constantFrom(...others), fc.constantFrom('set', 'set', 'drop', 'double', 'rename'))
    .map(([path, other, how]) =>
      put(tree, path, (value, holder, key) => {
        if (how === 'set') holder[key] = other;
        else if (how === 'drop') delete holder[key];
        else if (how === 'double' && Array.isArray(value))
          value.push(...(structuredClone(value) as readonly unknown[]));
        else {
          delete holder[key];
          holder[`${key}_x`] = value;
        }
      }),
    );

const operations = [
  'ADD',
  'REMOVE',
  'MERGE',
  'MERGE_AND_REPLACE_LIST',
  'INSERT_BEFORE',
  'INSERT_AFTER',
  'INSERT_FIRST',
  'REPLACE',
];

const anyPatch: fc.Arbitrary<Tree> = fc.constantFrom(...patches).chain((patch) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant(patch) },
    { weight: 4, arbitrary: mutated(patch) },
    {
      weight: 1,
      arbitrary: mutated(patch).chain((once) => (pathsOf(once).length === 0 ? fc.constant(once) : mutated(once))),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...operations).map((operation) =>
        put(patch, ['patch', 'operation'], (_value, holder, key) => {
          holder[key] = operation;
        }),
      ),
    },
  ),
);

/** `spec` of an EnvoyFilter. */
export const anyEnvoyFilter: fc.Arbitrary<{ readonly configPatches: readonly Tree[] }> = fc
  .array(anyPatch, { minLength: 1, maxLength: 3 })
  .map((configPatches) => ({ configPatches }));
