// Listeners with their filter chains and filters, in the order in which Istio's control plane patches: a listener first, then its
// listener filters, its chains, the network filters of each, and the HTTP filters in those. In: generated listeners. Out: patched ones.

import { Filter, FilterChain, Listener, ListenerFilter } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { RouteConfiguration } from '../../proto/generated/envoy.config.route.v3.ts';
import type { EnvoyPatch, PatchPlace } from '../../discovery/model/policy.ts';
import type { ScopedPatch } from '../view/envoy-patches.ts';
import { addFilter, brokenFilterOrder } from './filter-order.ts';
import { brokenChains, brokenListener } from './listener-structure.ts';
import { chainMatches, isNamed, listenerMatches, namedFilter, type GatewayPorts } from './match-listener.ts';
import { otherType, patchConnectionManager } from './patch-http-filters.ts';
import { editList } from './patch-list.ts';
import type { PatchRun } from './patch-run.ts';
import { brokenValue, isMerge, merged, valueOf } from './patch-value.ts';

export interface ListenerPatches {
  readonly byPlace: ReadonlyMap<PatchPlace, readonly ScopedPatch[]>;
  readonly gatewayPorts: GatewayPorts;
  /** What becomes of routes that are part of a listener. */
  readonly routes: (configuration: RouteConfiguration, run: PatchRun) => RouteConfiguration;
}

/** Undefined when it is removed. */
export function patchListener(before: Listener, patches: ListenerPatches, run: PatchRun): Listener | undefined {
  const of = (place: PatchPlace, listener: Listener): readonly ScopedPatch[] =>
    (patches.byPlace.get(place) ?? []).filter(({ patch }) => listenerMatches(listener, patch, patches.gatewayPorts));
  let listener = before;
  for (const scoped of of('listener', listener)) {
    if (scoped.patch.operation === 'remove') {
      run.matched(scoped);
      return undefined;
    }
    if (!isMerge(scoped.patch)) continue;
    listener = run.apply(scoped, listener, {
      to: () => merged<Listener>(Listener, listener, scoped.patch),
      broken: (after) => brokenValue<Listener>(Listener, after) ?? brokenListener(after),
    });
  }
  listener = patchListenerFilters(listener, of('listener-filter', listener), run);
  return patchChains(listener, { of, routes: patches.routes }, run);
}

function patchListenerFilters(before: Listener, patches: readonly ScopedPatch[], run: PatchRun): Listener {
  let listener = before;
  for (const scoped of patches) {
    const { patch } = scoped;
    const name = namedFilter(patch, patch.listener?.listenerFilter);
    const matches = name === undefined ? undefined : (one: ListenerFilter): boolean => isNamed(one, name);
    const filters = listener.listenerFilters ?? [];
    listener = run.apply(scoped, listener, {
      to: () => {
        const value = valueOf<ListenerFilter>(ListenerFilter, patch);
        const listenerFilters = editList(filters, { operation: patch.operation, value, matches });
        return listenerFilters === filters ? listener : { ...listener, listenerFilters };
      },
    });
  }
  return listener;
}

interface ChainPatches {
  readonly of: (place: PatchPlace, listener: Listener) => readonly ScopedPatch[];
  readonly routes: ListenerPatches['routes'];
}

function patchChains(before: Listener, { of, routes }: ChainPatches, run: PatchRun): Listener {
  const own = of('filter-chain', before);
  const network = of('network-filter', before);
  const http = of('http-filter', before);
  const chains = [...(before.filterChains ?? []), ...(before.defaultFilterChain ? [before.defaultFilterChain] : [])];
  let left = chains.length;
  const patched = chains.map((chain) => {
    const matching = (list: readonly ScopedPatch[]): readonly ScopedPatch[] =>
      list.filter(({ patch }) => chainMatches(before, chain, patch));
    const changed = patchChain(chain, matching(own), { run, isLast: left === 1 });
    if (changed !== undefined) {
      return patchNetworkFilters(changed, { network: matching(network), http: matching(http), routes }, run);
    }
    left -= 1;
    return undefined;
  });
  let listener = withChains(before, patched);
  for (const scoped of own) {
    if (scoped.patch.operation !== 'add') continue;
    listener = run.apply(scoped, listener, {
      to: () => {
        const chain = valueOf<FilterChain>(FilterChain, scoped.patch);
        return chain === undefined
          ? listener
          : { ...listener, filterChains: [...(listener.filterChains ?? []), chain] };
      },
      broken: brokenListener,
    });
  }
  return listener;
}

/** The same listener when none of them is another. The default chain comes last, where there is one. */
function withChains(listener: Listener, patched: readonly (FilterChain | undefined)[]): Listener {
  const { filterChains = [], defaultFilterChain, ...rest } = listener;
  const changedDefault = defaultFilterChain === undefined ? undefined : patched.at(-1);
  const changed = patched.slice(0, filterChains.length);
  if (changedDefault === defaultFilterChain && changed.every((chain, index) => chain === filterChains[index])) {
    return listener;
  }
  return {
    ...rest,
    ...(filterChains.length === 0 ? {} : { filterChains: changed.filter((chain) => chain !== undefined) }),
    ...(changedDefault === undefined ? {} : { defaultFilterChain: changedDefault }),
  };
}

/** Undefined when it is removed. Of the last one nothing is removed: Envoy takes no listener without any. */
function patchChain(
  before: FilterChain,
  patches: readonly ScopedPatch[],
  { run, isLast }: { readonly run: PatchRun; readonly isLast: boolean },
): FilterChain | undefined {
  let chain: FilterChain | undefined = before;
  for (const scoped of patches) {
    const current: FilterChain = chain;
    chain = run.apply<FilterChain | undefined>(scoped, current, {
      to: () => {
        if (scoped.patch.operation === 'remove') return undefined;
        return isMerge(scoped.patch) ? merged<FilterChain>(FilterChain, current, scoped.patch) : current;
      },
      broken: (after) => {
        if (after === current) return undefined;
        if (after === undefined) return isLast ? 'no filter chain is left' : undefined;
        return brokenValue<FilterChain>(FilterChain, after) ?? brokenChains([after]);
      },
    });
    if (chain === undefined) return undefined;
  }
  return chain;
}

interface FilterPatches {
  readonly network: readonly ScopedPatch[];
  readonly http: readonly ScopedPatch[];
  readonly routes: ListenerPatches['routes'];
}

function patchNetworkFilters(before: FilterChain, patches: FilterPatches, run: PatchRun): FilterChain {
  const added = new Map<Filter, EnvoyPatch['filterClass']>();
  const original = before.filters ?? [];
  let filters = original;
  for (const scoped of patches.network) {
    const { patch } = scoped;
    if (isMerge(patch)) continue;
    filters = run.apply(scoped, filters, {
      to: () => edited(filters, patch, added),
      broken: (after) => (after === filters ? undefined : brokenFilterOrder(after)),
    });
  }
  for (const scoped of patches.network) {
    if (!isMerge(scoped.patch)) continue;
    const name = namedFilter(scoped.patch, scoped.patch.listener?.chain?.filter);
    if (name === undefined) continue;
    filters = filters.map((filter) => (isNamed(filter, name) ? mergeFilter(filter, scoped, run) : filter));
  }
  filters = filters.map((filter) =>
    patchConnectionManager(
      filter,
      { filters: patches.http, routes: (configuration) => patches.routes(configuration, run) },
      run,
    ),
  );
  const isSame = filters.length === original.length && filters.every((filter, index) => filter === original[index]);
  return isSame ? before : { ...before, filters };
}

function edited(
  filters: readonly Filter[],
  patch: EnvoyPatch,
  added: Map<Filter, EnvoyPatch['filterClass']>,
): readonly Filter[] {
  const value = valueOf<Filter>(Filter, patch);
  if (patch.operation === 'add' && value !== undefined) {
    const after = addFilter(filters, value, patch, added);
    added.set(value, patch.filterClass);
    return after;
  }
  const name = namedFilter(patch, patch.listener?.chain?.filter);
  const matches = name === undefined ? undefined : (filter: Filter): boolean => isNamed(filter, name);
  return editList(filters, { operation: patch.operation, value, matches });
}

function mergeFilter(filter: Filter, scoped: ScopedPatch, run: PatchRun): Filter {
  return run.apply(scoped, filter, {
    to: () => merged<Filter>(Filter, filter, scoped.patch),
    broken: (after) => otherType(filter, after) ?? brokenValue<Filter>(Filter, after) ?? brokenManager(after),
  });
}

/** HTTP filters that were merged into a connection manager. */
function brokenManager(filter: Filter): string | undefined {
  return brokenChains([{ filters: [filter] }]);
}
