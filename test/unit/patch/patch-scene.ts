// A sidecar and a gateway with a service or two, and what EnvoyFilters make of their configuration.

import { objectKey } from '../../../discovery/model/names.ts';
import type { EnvoyFilterPolicy, GatewayPolicy, Policy } from '../../../discovery/model/policy.ts';
import type { JsonValue } from '../../../proto/json.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { declaredEnvoyFilter } from '../../support/declared-envoy-filter.ts';
import { asJson, generateAll, type Generated } from '../../support/generate-all.ts';
import {
  endpoint,
  httpMatch,
  httpRoute,
  mesh,
  router,
  service,
  sidecar,
  virtualService,
} from '../../support/mesh-model.ts';

export const store = 'store.default.svc.cluster.local';
export const web = 'web.default.svc.cluster.local';
export const manager = 'envoy.filters.network.http_connection_manager';
export const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** Beside `web`, an HTTP workload on port 8080, and `sql`, on port 3306. */
export const webSidecar: Proxy = sidecar({ addresses: ['10.1.0.5'], labels: { app: 'web' } });
export const gateway: Proxy = router({ addresses: ['10.1.0.2'], namespace: 'default', labels: { app: 'gateway' } });

const scene = {
  services: [
    service('store', ['http:80', 'tcp-sql:3306'], { addresses: { 'cluster-1': ['10.96.0.20'] } }),
    service('web', ['http:80', 'tcp-sql:3306'], { addresses: { 'cluster-1': ['10.96.0.21'] } }),
  ],
  endpoints: {
    [store]: [endpoint('cluster-1/network1', '10.1.0.7', { http: 8081, 'tcp-sql': 3306 })],
    [web]: [endpoint('cluster-1/network1', '10.1.0.5', { http: 8080, 'tcp-sql': 3306 })],
  },
};

const edge: GatewayPolicy = {
  kind: 'Gateway',
  source: objectKey('Gateway', 'default', 'edge'),
  name: 'edge',
  namespace: 'default',
  createdAtMs: 1,
  exportTo: [],
  selector: { app: 'gateway' },
  servers: [
    { port: 80, name: 'web', protocol: 'http', hosts: ['shop.example.com'] },
    { port: 8443, name: 'other', protocol: 'http', hosts: ['other.example.com'] },
  ],
};

const declared: readonly Policy[] = [
  virtualService(
    'store',
    [store],
    [
      httpRoute([store], { name: 'one', matches: [httpMatch({ uri: { kind: 'exact', value: '/one' } })] }),
      httpRoute([store], { name: 'two' }),
    ],
  ),
  edge,
  virtualService('shop', ['shop.example.com', 'other.example.com'], [httpRoute([store], { name: 'one' })], {
    gateways: ['default/edge'],
  }),
];

export function filterOf(configPatches: readonly object[], name = 'it', createdAtMs = 1): EnvoyFilterPolicy {
  return declaredEnvoyFilter(name, JSON.stringify({ configPatches }), createdAtMs);
}

export function generated(proxy: Proxy, ...policies: readonly Policy[]): Generated {
  return generateAll(proxy, mesh({ ...scene, policies: [...declared, ...policies] }));
}

export type Json = { readonly [name: string]: JsonValue | undefined };

/** Resources of a type as JSON, by name. */
export function named(made: Generated, list: 'clusters' | 'listeners' | 'routes' | 'virtualHosts' | 'extensions') {
  const entries = (asJson(made)[list] ?? []) as readonly Json[];
  return new Map(entries.map((entry) => [nameOf(entry), entry]));
}

const nameOf = ({ name }: Json): string => (typeof name === 'string' ? name : '');

/** `a.0.b` of a value. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, key) => (inner as Readonly<Record<string, unknown>> | undefined)?.[key], value);
}

/** Names of the HTTP filters in the first connection manager of a listener, or of the chain named. */
export function httpFilters(made: Generated, listener: string, chain?: string): readonly string[] {
  return (at(managerOf(made, listener, chain), 'httpFilters') as readonly Json[]).map(nameOf);
}

export function networkFilters(made: Generated, listener: string, chain?: string): readonly string[] {
  return (at(chainOf(made, listener, chain), 'filters') as readonly Json[]).map(nameOf);
}

export function managerOf(made: Generated, listener: string, chain?: string): unknown {
  const chains = (at(named(made, 'listeners').get(listener), 'filterChains') ?? []) as readonly Json[];
  const filters = chains
    .filter(({ name }) => chain === undefined || name === chain)
    .flatMap(({ filters: all }) => all as readonly Json[]);
  return filters.find(({ name }) => name === manager)?.['typedConfig'];
}

export function chainOf(made: Generated, listener: string, chain?: string): unknown {
  const chains = (at(named(made, 'listeners').get(listener), 'filterChains') ?? []) as readonly Json[];
  return chains.find(({ name }) => chain === undefined || name === chain);
}
