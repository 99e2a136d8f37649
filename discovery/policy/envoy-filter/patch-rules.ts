// Which operations there are on what, and which message is written for it. The reference for EnvoyFilter says the same in words:
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/

import type { PatchOperation, PatchPlace } from '../../model/policies/envoy-filter.ts';

interface PlaceRules {
  /** Full name of the Envoy message that `value` is. */
  readonly message: string;
  readonly operations: readonly PatchOperation[];
  /** Which of the matches selects it, besides those of the proxy; absent: none. */
  readonly match?: 'listener' | 'routeConfiguration' | 'cluster';
}

const ofLists: readonly PatchOperation[] = ['add', 'remove', 'insert-before', 'insert-after', 'insert-first'];
const merges: readonly PatchOperation[] = ['merge', 'merge-replacing-lists'];
const listener = 'envoy.config.listener.v3';
const route = 'envoy.config.route.v3';
const connectionManager = 'envoy.extensions.filters.network.http_connection_manager.v3';

export const placeRules: Readonly<Record<PatchPlace, PlaceRules>> = {
  listener: { message: `${listener}.Listener`, operations: [...ofLists, ...merges], match: 'listener' },
  'listener-filter': {
    message: `${listener}.ListenerFilter`,
    operations: [...ofLists, 'replace'],
    match: 'listener',
  },
  'filter-chain': { message: `${listener}.FilterChain`, operations: [...ofLists, ...merges], match: 'listener' },
  'network-filter': {
    message: `${listener}.Filter`,
    operations: [...ofLists, ...merges, 'replace'],
    match: 'listener',
  },
  'http-filter': {
    message: `${connectionManager}.HttpFilter`,
    operations: [...ofLists, ...merges, 'replace'],
    match: 'listener',
  },
  'route-configuration': {
    message: `${route}.RouteConfiguration`,
    operations: merges,
    match: 'routeConfiguration',
  },
  'virtual-host': {
    message: `${route}.VirtualHost`,
    operations: [...ofLists, ...merges, 'replace'],
    match: 'routeConfiguration',
  },
  'http-route': { message: `${route}.Route`, operations: [...ofLists, ...merges], match: 'routeConfiguration' },
  cluster: { message: 'envoy.config.cluster.v3.Cluster', operations: [...ofLists, ...merges], match: 'cluster' },
  'extension-config': { message: 'envoy.config.core.v3.TypedExtensionConfig', operations: ['add', 'replace'] },
};

export const places: Readonly<Record<string, PatchPlace>> = {
  LISTENER: 'listener',
  LISTENER_FILTER: 'listener-filter',
  FILTER_CHAIN: 'filter-chain',
  NETWORK_FILTER: 'network-filter',
  HTTP_FILTER: 'http-filter',
  ROUTE_CONFIGURATION: 'route-configuration',
  VIRTUAL_HOST: 'virtual-host',
  HTTP_ROUTE: 'http-route',
  CLUSTER: 'cluster',
  EXTENSION_CONFIG: 'extension-config',
};

export const operations: Readonly<Record<string, PatchOperation>> = {
  ADD: 'add',
  REMOVE: 'remove',
  MERGE: 'merge',
  MERGE_AND_REPLACE_LIST: 'merge-replacing-lists',
  INSERT_BEFORE: 'insert-before',
  INSERT_AFTER: 'insert-after',
  INSERT_FIRST: 'insert-first',
  REPLACE: 'replace',
};

/** Places where something stands before or after something else; elsewhere an insertion is an addition. */
const ordered: ReadonlySet<PatchPlace> = new Set(['listener-filter', 'network-filter', 'http-filter', 'http-route']);

/** What is done for an operation as it is written. */
export function effectiveOperation(applyTo: PatchPlace, operation: PatchOperation): PatchOperation {
  return operation.startsWith('insert-') && !ordered.has(applyTo) ? 'add' : operation;
}

/** The word of a table for a value in it. */
export function wordFor<T>(table: Readonly<Record<string, T>>, value: T): string {
  return Object.entries(table).find(([, one]) => one === value)?.[0] ?? '';
}
