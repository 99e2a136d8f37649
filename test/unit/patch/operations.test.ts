// Every operation on everything that a patch can be applied to, one test each; what comes of all of one kind together is shown to Envoy.

import { describe, expect, test } from 'vitest';
import type { EnvoyFilterPolicy } from '../../../discovery/model/policy.ts';
import { validate } from '../../support/envoy.ts';
import { asBootstrap, type Generated } from '../../support/generate-all.ts';
import {
  at,
  chainOf,
  filterOf,
  generated,
  httpFilters,
  manager,
  managerOf,
  managerType,
  named,
  networkFilters,
  store,
  web,
  webSidecar,
  type Json,
} from './patch-scene.ts';

interface Case {
  readonly operation: string;
  readonly match?: object;
  readonly value?: object;
  readonly class?: string;
  readonly expect: (made: Generated) => void;
  /** Others of the kind would take away what it is about. */
  readonly alone?: true;
}

const inbound = 'SIDECAR_INBOUND';
const outbound = 'SIDECAR_OUTBOUND';
const lua = (name = 'envoy.filters.http.lua') => ({
  name,
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
    default_source_code: { inline_string: 'function envoy_on_request(h) end' },
  },
});
const buffer = (bytes: number) => ({
  name: 'envoy.filters.http.buffer',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer',
    max_request_bytes: bytes,
  },
});
const limit = {
  name: 'envoy.filters.network.connection_limit',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit',
    stat_prefix: 'limit',
    max_connections: 7,
  },
};
const inspector = {
  name: 'envoy.filters.listener.http_inspector',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector' },
};
const router = 'envoy.filters.http.router';
const inManager = (subFilter?: string) => ({
  filter: { name: manager, ...(subFilter === undefined ? {} : { subFilter: { name: subFilter } }) },
});
const at80 = (subFilter?: string) => ({
  context: outbound,
  listener: { portNumber: 80, filterChain: inManager(subFilter) },
});
const ofSql = {
  context: outbound,
  listener: { portNumber: 3306, filterChain: { filter: { name: 'envoy.filters.network.tcp_proxy' } } },
};
const sqlListener = '10.96.0.20_3306';
const storeHost = (route?: object) => ({
  context: outbound,
  routeConfiguration: { vhost: { name: `${store}:80`, ...(route === undefined ? {} : { route }) } },
});
const storeName = `80/${store}:80`;
const answer = (name: string, path: string) => ({ name, match: { path }, direct_response: { status: 418 } });
const routesOf = (made: Generated): readonly unknown[] =>
  (at(named(made, 'virtualHosts').get(storeName), 'routes') as readonly Json[]).map(({ name }) => name);
const listenerFilters = (made: Generated): readonly unknown[] =>
  (at(named(made, 'listeners').get('virtualInbound'), 'listenerFilters') as readonly Json[]).map(({ name }) => name);
const atInbound = (listenerFilter?: string) => ({
  context: inbound,
  listener: { name: 'virtualInbound', ...(listenerFilter === undefined ? {} : { listenerFilter }) },
});
const tls = 'envoy.filters.listener.tls_inspector';
const originalDst = 'envoy.filters.listener.original_dst';
const cluster = (name: string) => ({
  name,
  type: 'STATIC',
  load_assignment: { cluster_name: name },
});
const socket = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const tcp = (cluster_: string) => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'added',
    cluster: cluster_,
  },
});
const added = (name: string, port: number) => ({
  name,
  address: socket(port),
  filter_chains: [{ filters: [tcp('BlackHoleCluster')] }],
});

const cases: Readonly<Record<string, readonly Case[]>> = {
  HTTP_FILTER: [
    {
      operation: 'ADD',
      match: at80(),
      value: lua(),
      expect: (made) => expect(httpFilters(made, '0.0.0.0_80').slice(-2)).toEqual(['envoy.filters.http.lua', router]),
    },
    {
      operation: 'ADD',
      class: 'AUTHN',
      match: at80(),
      value: lua(),
      expect: (made) => expect(httpFilters(made, '0.0.0.0_80')[0]).toBe('envoy.filters.http.lua'),
    },
    {
      operation: 'ADD',
      class: 'AUTHZ',
      match: { context: inbound },
      value: lua('z'),
      expect: (made) => expect(httpFilters(made, 'virtualInbound', '8080-plaintext')).toEqual(['z', router]),
    },
    {
      operation: 'ADD',
      class: 'STATS',
      match: { context: inbound },
      value: lua('s'),
      expect: (made) => expect(httpFilters(made, 'virtualInbound', '8080-mtls')).toEqual(['s', router]),
    },
    {
      operation: 'INSERT_FIRST',
      match: at80(),
      value: lua(),
      expect: (made) => expect(httpFilters(made, '0.0.0.0_80')[0]).toBe('envoy.filters.http.lua'),
    },
    {
      operation: 'INSERT_BEFORE',
      match: at80('envoy.router'),
      value: lua(),
      expect: (made) => expect(httpFilters(made, '0.0.0.0_80').at(-2)).toBe('envoy.filters.http.lua'),
    },
    {
      operation: 'INSERT_BEFORE',
      match: at80(),
      value: lua('first'),
      expect: (made) => expect(httpFilters(made, '0.0.0.0_80')[0]).toBe('first'),
    },
    {
      operation: 'INSERT_AFTER',
      match: at80('envoy.filters.http.cors'),
      value: lua('after'),
      expect: (made) => {
        const names = httpFilters(made, '0.0.0.0_80');
        expect(names[names.indexOf('envoy.filters.http.cors') + 1]).toBe('after');
      },
    },
    {
      operation: 'INSERT_AFTER',
      match: at80(router),
      value: lua('last'),
      expect: (made) => {
        expect(httpFilters(made, '0.0.0.0_80').at(-1)).toBe(router);
        expect(made.problems[0]?.message).toContain('the last filter is not one that passes on');
      },
    },
    {
      operation: 'REPLACE',
      match: at80('envoy.filters.http.fault'),
      value: buffer(5),
      expect: (made) => {
        expect(httpFilters(made, '0.0.0.0_80')).toContain('envoy.filters.http.buffer');
        expect(httpFilters(made, '0.0.0.0_80')).not.toContain('envoy.filters.http.fault');
      },
    },
    {
      operation: 'MERGE',
      match: at80(router),
      value: {
        name: router,
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
          suppress_envoy_headers: true,
        },
      },
      expect: (made) =>
        expect(at(managerOf(made, '0.0.0.0_80'), 'httpFilters')).toContainEqual({
          name: router,
          typedConfig: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
            suppressEnvoyHeaders: true,
          },
        }),
    },
    {
      operation: 'REMOVE',
      match: at80('envoy.filters.http.fault'),
      expect: (made) => expect(httpFilters(made, '0.0.0.0_80')).not.toContain('envoy.filters.http.fault'),
    },
    {
      operation: 'REMOVE',
      match: at80(router),
      expect: (made) => {
        expect(httpFilters(made, '0.0.0.0_80').at(-1)).toBe(router);
        expect(made.problems[0]?.code).toBe('patch-left-out');
      },
    },
  ],
  NETWORK_FILTER: [
    {
      operation: 'ADD',
      match: ofSql,
      value: limit,
      expect: (made) =>
        expect(networkFilters(made, sqlListener)).toEqual([limit.name, 'envoy.filters.network.tcp_proxy']),
    },
    {
      operation: 'INSERT_FIRST',
      match: ofSql,
      value: limit,
      expect: (made) => expect(networkFilters(made, sqlListener)[0]).toBe(limit.name),
    },
    {
      operation: 'INSERT_BEFORE',
      match: ofSql,
      value: limit,
      expect: (made) => expect(networkFilters(made, sqlListener)[0]).toBe(limit.name),
    },
    {
      operation: 'INSERT_AFTER',
      match: ofSql,
      value: limit,
      expect: (made) => {
        expect(networkFilters(made, sqlListener)).toEqual(['envoy.filters.network.tcp_proxy']);
        expect(made.problems[0]?.code).toBe('patch-left-out');
      },
    },
    {
      operation: 'MERGE',
      match: { context: inbound, listener: { portNumber: 8080, filterChain: inManager() } },
      value: { typed_config: { '@type': managerType, xff_num_trusted_hops: 3, use_remote_address: true } },
      expect: (made) => {
        expect(managerOf(made, 'virtualInbound', '8080-mtls')).toMatchObject({
          xffNumTrustedHops: 3,
          useRemoteAddress: true,
        });
        expect(managerOf(made, '0.0.0.0_80')).not.toHaveProperty('xffNumTrustedHops');
      },
    },
    {
      operation: 'MERGE',
      match: { context: inbound, listener: { filterChain: inManager() } },
      value: {
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
          stat_prefix: 'x',
        },
      },
      expect: (made) => {
        expect(made.problems[0]?.message).toContain('is a type.googleapis.com');
      },
    },
    {
      operation: 'REPLACE',
      match: ofSql,
      value: tcp('BlackHoleCluster'),
      expect: (made) => expect(at(chainOf(made, sqlListener), 'filters.0.typedConfig.statPrefix')).toBe('added'),
    },
    {
      operation: 'REMOVE',
      match: ofSql,
      expect: (made) => expect(networkFilters(made, sqlListener)).toEqual(['envoy.filters.network.tcp_proxy']),
    },
  ],
  LISTENER: [
    {
      operation: 'ADD',
      match: { context: outbound },
      value: added('extra', 19_001),
      expect: (made) => expect([...named(made, 'listeners').keys()]).toContain('extra'),
    },
    {
      operation: 'ADD',
      value: added('any', 19_002),
      expect: (made) => expect([...named(made, 'listeners').keys()].filter((name) => name === 'any')).toEqual(['any']),
    },
    {
      operation: 'ADD',
      match: { context: outbound },
      value: added('0.0.0.0_80', 19_003),
      expect: (made) => expect(made.problems[0]?.message).toContain('there is a listener 0.0.0.0_80 already'),
    },
    {
      operation: 'INSERT_BEFORE',
      match: { context: inbound },
      value: added('extra-inbound', 19_004),
      expect: (made) => expect([...named(made, 'listeners').keys()]).toContain('extra-inbound'),
    },
    {
      operation: 'MERGE',
      match: { context: outbound, listener: { portNumber: 3306 } },
      value: { per_connection_buffer_limit_bytes: 4096 },
      expect: (made) => {
        expect(named(made, 'listeners').get(sqlListener)).toMatchObject({ perConnectionBufferLimitBytes: 4096 });
        expect(named(made, 'listeners').get('0.0.0.0_80')).not.toHaveProperty('perConnectionBufferLimitBytes');
      },
    },
    {
      operation: 'MERGE_AND_REPLACE_LIST',
      match: atInbound(),
      value: {
        listener_filters: [
          {
            name: originalDst,
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
            },
          },
        ],
      },
      alone: true,
      expect: (made) => expect(listenerFilters(made)).toEqual([originalDst]),
    },
    {
      operation: 'REMOVE',
      match: { context: outbound, listener: { name: sqlListener } },
      expect: (made) => expect([...named(made, 'listeners').keys()]).not.toContain(sqlListener),
    },
  ],
  LISTENER_FILTER: [
    {
      operation: 'ADD',
      match: atInbound(),
      value: inspector,
      expect: (made) => expect(listenerFilters(made).at(-1)).toBe(inspector.name),
    },
    {
      operation: 'INSERT_FIRST',
      match: atInbound(),
      value: inspector,
      expect: (made) => expect(listenerFilters(made)[0]).toBe(inspector.name),
    },
    {
      operation: 'INSERT_BEFORE',
      match: atInbound(tls),
      value: inspector,
      expect: (made) => expect(listenerFilters(made)).toEqual([originalDst, inspector.name, tls]),
    },
    {
      operation: 'INSERT_AFTER',
      match: atInbound(originalDst),
      value: inspector,
      expect: (made) => expect(listenerFilters(made)).toEqual([originalDst, inspector.name, tls]),
    },
    {
      operation: 'REPLACE',
      match: atInbound(tls),
      value: { ...inspector, name: tls },
      alone: true,
      expect: (made) =>
        expect(at(named(made, 'listeners').get('virtualInbound'), 'listenerFilters.1.typedConfig.@type')).toContain(
          'http_inspector',
        ),
    },
    {
      operation: 'REMOVE',
      match: atInbound(tls),
      alone: true,
      expect: (made) => expect(listenerFilters(made)).toEqual([originalDst]),
    },
  ],
  FILTER_CHAIN: [
    {
      operation: 'ADD',
      match: { context: outbound, listener: { name: sqlListener } },
      value: { name: 'extra', filter_chain_match: { destination_port: 1 }, filters: [tcp('BlackHoleCluster')] },
      expect: (made) => expect(chainOf(made, sqlListener, 'extra')).toBeDefined(),
    },
    {
      operation: 'ADD',
      match: { context: outbound, listener: { name: sqlListener } },
      value: { filters: [tcp('BlackHoleCluster')] },
      expect: (made) => expect(made.problems[0]?.message).toContain('two filter chains match the same connections'),
    },
    {
      operation: 'MERGE',
      match: {
        context: inbound,
        listener: { filterChain: { transportProtocol: 'tls', applicationProtocols: 'istio', destinationPort: 8080 } },
      },
      value: {
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
            common_tls_context: { tls_params: { tls_minimum_protocol_version: 'TLSv1_3' } },
          },
        },
      },
      expect: (made) => {
        expect(
          at(
            chainOf(made, 'virtualInbound', '8080-mtls'),
            'transportSocket.typedConfig.commonTlsContext.tlsParams.tlsMinimumProtocolVersion',
          ),
        ).toBe('TLSv1_3');
        expect(
          at(chainOf(made, 'virtualInbound', '8080-mtls'), 'transportSocket.typedConfig.requireClientCertificate'),
        ).toBe(true);
      },
    },
    {
      operation: 'REMOVE',
      match: { context: inbound, listener: { filterChain: { name: '8080-plaintext' } } },
      expect: (made) => expect(chainOf(made, 'virtualInbound', '8080-plaintext')).toBeUndefined(),
    },
    {
      operation: 'REMOVE',
      match: { context: outbound, listener: { name: sqlListener } },
      alone: true,
      expect: (made) => expect(made.problems[0]?.message).toContain('no filter chain is left'),
    },
  ],
  CLUSTER: [
    {
      operation: 'ADD',
      match: { context: outbound },
      value: cluster('extra'),
      expect: (made) => expect([...named(made, 'clusters').keys()]).toContain('extra'),
    },
    {
      operation: 'INSERT_FIRST',
      value: cluster('any'),
      expect: (made) => expect(made.clusters.filter(({ name }) => name === 'any')).toHaveLength(1),
    },
    {
      operation: 'ADD',
      match: { context: outbound },
      value: cluster(`outbound|80||${store}`),
      expect: (made) => expect(made.problems[0]?.message).toContain('made from services'),
    },
    {
      operation: 'MERGE',
      match: { context: outbound, cluster: { service: store, portNumber: 80 } },
      value: { connect_timeout: '0.25s' },
      expect: (made) => {
        expect(named(made, 'clusters').get(`outbound|80||${store}`)).toMatchObject({ connectTimeout: '0.25s' });
        expect(named(made, 'clusters').get(`outbound|3306||${store}`)).toMatchObject({ connectTimeout: '10s' });
      },
    },
    {
      operation: 'MERGE',
      match: { context: inbound, cluster: { service: web } },
      value: { connect_timeout: '1s' },
      expect: (made) => expect(named(made, 'clusters').get('inbound|8080||')).toMatchObject({ connectTimeout: '1s' }),
    },
    {
      operation: 'MERGE',
      match: { context: outbound, cluster: { name: `outbound|80||${store}` } },
      value: {
        transport_socket: {
          name: 'tlsMode-istio',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
            sni: 'x',
          },
        },
      },
      expect: (made) =>
        expect(named(made, 'clusters').get(`outbound|80||${store}`)).not.toHaveProperty('transportSocket'),
    },
    {
      operation: 'MERGE',
      match: { context: outbound, cluster: { name: `outbound|80||${store}` } },
      value: {
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
            max_session_keys: 3,
          },
        },
      },
      expect: (made) =>
        expect(
          at(
            named(made, 'clusters').get(`outbound|80||${store}`),
            'transportSocketMatches.0.transportSocket.typedConfig.maxSessionKeys',
          ),
        ).toBe(3),
    },
    {
      operation: 'MERGE',
      match: { context: outbound, cluster: { service: store } },
      value: { name: 'renamed' },
      expect: (made) => expect(made.problems[0]?.message).toContain('routes know the cluster by its name'),
    },
    {
      operation: 'REMOVE',
      match: { context: outbound, cluster: { service: web, portNumber: 3306 } },
      expect: (made) => expect([...named(made, 'clusters').keys()]).not.toContain(`outbound|3306||${web}`),
    },
  ],
  ROUTE_CONFIGURATION: [
    {
      operation: 'MERGE',
      match: { context: outbound, routeConfiguration: { portNumber: 80 } },
      value: { response_headers_to_remove: ['x-gone'] },
      expect: (made) => expect(named(made, 'routes').get('80')).toMatchObject({ responseHeadersToRemove: ['x-gone'] }),
    },
    {
      operation: 'MERGE',
      match: { context: inbound, routeConfiguration: { name: 'inbound|8080||' } },
      value: { response_headers_to_remove: ['x-gone'] },
      expect: (made) =>
        expect(at(managerOf(made, 'virtualInbound', '8080-mtls'), 'routeConfig.responseHeadersToRemove')).toEqual([
          'x-gone',
        ]),
    },
    {
      operation: 'MERGE_AND_REPLACE_LIST',
      match: { context: outbound, routeConfiguration: { name: '80' } },
      value: { response_headers_to_remove: ['x-other'] },
      alone: true,
      expect: (made) => expect(named(made, 'routes').get('80')).toMatchObject({ responseHeadersToRemove: ['x-other'] }),
    },
    {
      operation: 'MERGE',
      match: { context: outbound, routeConfiguration: { name: '80' } },
      value: { name: 'renamed' },
      expect: (made) => expect(made.problems[0]?.message).toContain('another name than its listeners know'),
    },
  ],
  VIRTUAL_HOST: [
    {
      operation: 'ADD',
      match: { context: outbound, routeConfiguration: { name: '80' } },
      value: { name: 'extra', domains: ['extra.example.com'], routes: [answer('one', '/')] },
      expect: (made) => expect(at(named(made, 'routes').get('80'), 'virtualHosts.1.name')).toBe('extra'),
    },
    {
      operation: 'ADD',
      match: { context: outbound, routeConfiguration: { name: '80' } },
      value: { name: 'taken', domains: [store], routes: [answer('one', '/')] },
      expect: (made) => expect(made.problems[0]?.message).toContain(`${store} is a domain of two virtual hosts`),
    },
    {
      operation: 'MERGE',
      match: storeHost(),
      value: { domains: ['more.example.com'] },
      expect: (made) => expect(at(named(made, 'virtualHosts').get(storeName), 'domains')).toContain('more.example.com'),
    },
    {
      operation: 'MERGE',
      match: storeHost(),
      value: { domains: [web] },
      expect: (made) => expect(made.problems[0]?.message).toContain('domain of two virtual hosts'),
    },
    {
      operation: 'MERGE',
      match: { context: inbound, routeConfiguration: { vhost: { name: 'inbound|http|80' } } },
      value: { include_attempt_count_in_response: true },
      expect: (made) =>
        expect(
          at(
            managerOf(made, 'virtualInbound', '8080-mtls'),
            'routeConfig.virtualHosts.0.includeAttemptCountInResponse',
          ),
        ).toBe(true),
    },
    {
      operation: 'MERGE',
      match: { context: outbound, routeConfiguration: { vhost: { domainName: '10.96.0.20' } } },
      value: { include_attempt_count_in_response: true },
      expect: (made) => {
        expect(named(made, 'virtualHosts').get(storeName)).toMatchObject({ includeAttemptCountInResponse: true });
        expect(named(made, 'virtualHosts').get(`80/${web}:80`)).not.toHaveProperty('includeAttemptCountInResponse');
      },
    },
    {
      operation: 'REPLACE',
      match: { context: outbound, routeConfiguration: { vhost: { name: `${web}:80` } } },
      value: { name: `${web}:80`, domains: ['only.example.com'], routes: [answer('one', '/')] },
      expect: (made) =>
        expect(at(named(made, 'virtualHosts').get(`80/${web}:80`), 'domains')).toEqual(['only.example.com']),
    },
    {
      operation: 'REMOVE',
      match: { context: outbound, routeConfiguration: { vhost: { name: 'allow_any' } } },
      expect: (made) => expect(JSON.stringify(named(made, 'routes').get('80'))).not.toContain('allow_any'),
    },
    {
      operation: 'REMOVE',
      match: storeHost(),
      alone: true,
      expect: (made) => expect([...named(made, 'virtualHosts').keys()]).not.toContain(storeName),
    },
  ],
  HTTP_ROUTE: [
    {
      operation: 'ADD',
      match: storeHost(),
      value: answer('last', '/last'),
      expect: (made) => expect(routesOf(made).at(-1)).toBe('last'),
    },
    {
      operation: 'INSERT_FIRST',
      match: storeHost(),
      value: answer('first', '/first'),
      expect: (made) => expect(routesOf(made)[0]).toBe('first'),
    },
    {
      operation: 'INSERT_FIRST',
      match: storeHost({ name: 'nobody' }),
      value: answer('first', '/first'),
      expect: (made) => expect(routesOf(made)).not.toContain('first'),
    },
    {
      operation: 'INSERT_BEFORE',
      match: storeHost({ name: 'two' }),
      value: answer('between', '/between'),
      expect: (made) => expect(routesOf(made)).toEqual(['one', 'between', 'two']),
    },
    {
      operation: 'INSERT_AFTER',
      match: storeHost({ name: 'one' }),
      value: answer('behind', '/behind'),
      expect: (made) => expect(routesOf(made)).toEqual(['one', 'behind', 'two']),
    },
    {
      operation: 'MERGE',
      match: storeHost({ action: 'ROUTE', name: 'one' }),
      value: { route: { timeout: '7s' } },
      expect: (made) => {
        expect(at(named(made, 'virtualHosts').get(storeName), 'routes.0.route.timeout')).toBe('7s');
        expect(at(named(made, 'virtualHosts').get(storeName), 'routes.1.route.timeout')).not.toBe('7s');
      },
    },
    {
      operation: 'MERGE',
      match: storeHost({ action: 'REDIRECT' }),
      value: { route: { timeout: '7s' } },
      expect: (made) => expect(JSON.stringify(named(made, 'virtualHosts').get(storeName))).not.toContain('7s'),
    },
    {
      operation: 'MERGE',
      match: storeHost({ name: 'two' }),
      value: { direct_response: { status: 403 } },
      expect: (made) => expect(at(named(made, 'virtualHosts').get(storeName), 'routes.1')).not.toHaveProperty('route'),
    },
    {
      operation: 'REMOVE',
      match: storeHost({ name: 'one' }),
      alone: true,
      expect: (made) => expect(routesOf(made)).toEqual(['two']),
    },
  ],
  EXTENSION_CONFIG: [
    {
      operation: 'ADD',
      value: buffer(5),
      expect: (made) => expect([...named(made, 'extensions').keys()]).toEqual(['envoy.filters.http.buffer']),
    },
    {
      operation: 'REPLACE',
      value: buffer(6),
      expect: (made) =>
        expect(at(named(made, 'extensions').get('envoy.filters.http.buffer'), 'typedConfig.maxRequestBytes')).toBe(6),
    },
  ],
};

const expectOf = ({ expect: judge }: Case): Case['expect'] => judge;

const filterFor = (applyTo: string, one: Case, index = 0): EnvoyFilterPolicy =>
  filterOf(
    [
      {
        applyTo,
        ...(one.match === undefined ? {} : { match: one.match }),
        patch: {
          operation: one.operation,
          ...(one.value === undefined ? {} : { value: one.value }),
          ...(one.class === undefined ? {} : { filterClass: one.class }),
        },
      },
    ],
    `it-${index}`,
    index,
  );

describe.each(Object.entries(cases))('%s', (applyTo, all) => {
  test.each(
    all.map(
      (one) => [`${one.operation}${one.class ?? ''} ${JSON.stringify(one.match ?? {})}`.slice(0, 120), one] as const,
    ),
  )('%s', (_name, one) => {
    expectOf(one)(generated(webSidecar, filterFor(applyTo, one)));
  });

  test('Envoy takes all of them together', { timeout: 60_000 }, async () => {
    const together = all.filter(({ alone }) => alone === undefined).map((one, index) => filterFor(applyTo, one, index));
    expect(await validate(asBootstrap(generated(webSidecar, ...together)))).toEqual({ kind: 'accepted' });
  });
});
