// HTTP filters of a connection manager, and its routes where they are part of it. In: the network filter. Out: the same when nothing in
// it is patched.

import { packAny, unpackAny } from '../../proto/codec.ts';
import type { Filter } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { RouteConfiguration } from '../../proto/generated/envoy.config.route.v3.ts';
import {
  HttpConnectionManager,
  HttpFilter,
} from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import type { EnvoyPatch } from '../../discovery/model/policy.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';
import { addFilter, brokenFilterOrder } from './filter-order.ts';
import { isNamed, namedFilter } from './match-listener.ts';
import { editList } from './patch-list.ts';
import type { PatchRun } from './patch-run.ts';
import { brokenValue, isMerge, merged, valueOf } from './patch-value.ts';

const connectionManager = 'envoy.filters.network.http_connection_manager';

export interface HttpPatches {
  /** Those of HTTP filters whose listener and filter chain match. */
  readonly filters: readonly ScopedPatch[];
  /** What becomes of routes that are part of the connection manager. */
  readonly routes: (configuration: RouteConfiguration) => RouteConfiguration;
}

export function patchConnectionManager(filter: Filter, patches: HttpPatches, run: PatchRun): Filter {
  if (filter.typedConfig === undefined) return filter;
  const before = unpackAny<HttpConnectionManager>(HttpConnectionManager, filter.typedConfig);
  if (before === undefined) return filter;
  const httpFilters = patchHttpFilters(before.httpFilters ?? [], patches.filters, run);
  const routeConfig = before.routeConfig === undefined ? undefined : patches.routes(before.routeConfig);
  if (httpFilters === before.httpFilters && routeConfig === before.routeConfig) return filter;
  const after = { ...before, httpFilters, ...(routeConfig === undefined ? {} : { routeConfig }) };
  return { ...filter, typedConfig: packAny<HttpConnectionManager>(HttpConnectionManager, after) };
}

function patchHttpFilters(
  before: readonly HttpFilter[],
  patches: readonly ScopedPatch[],
  run: PatchRun,
): readonly HttpFilter[] {
  let filters = before;
  const added = new Map<HttpFilter, EnvoyPatch['filterClass']>();
  for (const scoped of patches) {
    const { patch } = scoped;
    if (!isInManager(patch) || isMerge(patch)) continue;
    filters = run.apply(scoped, filters, {
      to: () => edited(filters, patch, added),
      broken: (after) => (after === filters ? undefined : brokenFilterOrder(after)),
    });
  }
  // Merged after all insertions, so that what one object inserts another can change.
  for (const scoped of patches) {
    const { patch } = scoped;
    if (!isInManager(patch) || !isMerge(patch)) continue;
    const name = namedFilter(patch, patch.listener?.chain?.subFilter);
    filters = filters.map((filter) => (hasName(filter, name) ? mergeFilter(filter, scoped, run) : filter));
  }
  return filters.length === before.length && filters.every((filter, index) => filter === before[index])
    ? before
    : filters;
}

function isInManager({ listener }: EnvoyPatch): boolean {
  const filter = listener?.chain?.filter;
  return filter === undefined || filter === connectionManager;
}

function edited(
  filters: readonly HttpFilter[],
  patch: EnvoyPatch,
  added: Map<HttpFilter, EnvoyPatch['filterClass']>,
): readonly HttpFilter[] {
  const value = valueOf<HttpFilter>(HttpFilter, patch);
  if (patch.operation === 'add' && value !== undefined) {
    const after = addFilter(filters, value, patch, added);
    added.set(value, patch.filterClass);
    return after;
  }
  const name = namedFilter(patch, patch.listener?.chain?.subFilter);
  const matches = name === undefined ? undefined : (filter: HttpFilter): boolean => isNamed(filter, name);
  return editList(filters, { operation: patch.operation, value, matches });
}

function hasName(filter: HttpFilter, name: string | undefined): boolean {
  return name !== undefined && isNamed(filter, name);
}

function mergeFilter(filter: HttpFilter, scoped: ScopedPatch, run: PatchRun): HttpFilter {
  return run.apply(scoped, filter, {
    to: () => merged<HttpFilter>(HttpFilter, filter, scoped.patch),
    broken: (after) => otherType(filter, after) ?? brokenValue<HttpFilter>(HttpFilter, after),
  });
}

interface Configured {
  readonly name?: string | undefined;
  readonly typedConfig?: { readonly typeUrl?: string | undefined } | undefined;
}

/** A configuration of another type is none that could be merged. */
export function otherType(before: Configured, after: Configured): string | undefined {
  const was = before.typedConfig?.typeUrl;
  const is = after.typedConfig?.typeUrl;
  if (was === undefined || was === is) return undefined;
  return `the filter ${before.name ?? ''} is a ${was}, and the patch has a ${is ?? 'filter without typed_config'}`;
}
