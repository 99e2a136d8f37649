// Headers that a route adds, replaces and removes. What Envoy would refuse (`host`, pseudo headers) is left out here;
// the host is set by `hostRewriteLiteral`.

import type { HeaderOperation, HeaderOperations } from '../../discovery/model/policy.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import {
  HeaderValueOption_HeaderAppendAction,
  type HeaderValueOption,
} from '../../proto/generated/envoy.config.core.v3.ts';
import { formatSafe } from './header-format.ts';

export interface HeaderFields {
  readonly requestHeadersToAdd?: readonly HeaderValueOption[];
  readonly requestHeadersToRemove?: readonly string[];
  readonly responseHeadersToAdd?: readonly HeaderValueOption[];
  readonly responseHeadersToRemove?: readonly string[];
}

/** The same fields serve a route and a weighted cluster. */
export function headerFields(operations: HeaderOperations | undefined): HeaderFields {
  if (operations === undefined) return {};
  const { request, response } = operations;
  const [requestAdd, requestRemove] = [additions(request), removals(request)];
  const [responseAdd, responseRemove] = [additions(response), removals(response)];
  return {
    ...(requestAdd.length > 0 ? { requestHeadersToAdd: requestAdd } : {}),
    ...(requestRemove.length > 0 ? { requestHeadersToRemove: requestRemove } : {}),
    ...(responseAdd.length > 0 ? { responseHeadersToAdd: responseAdd } : {}),
    ...(responseRemove.length > 0 ? { responseHeadersToRemove: responseRemove } : {}),
  };
}

/** Both, of which the second has the last word. */
export function joinHeaders(first: HeaderFields, second: HeaderFields): HeaderFields {
  const entries = {
    requestHeadersToAdd: join(first.requestHeadersToAdd, second.requestHeadersToAdd),
    requestHeadersToRemove: [...new Set(join(first.requestHeadersToRemove, second.requestHeadersToRemove))],
    responseHeadersToAdd: join(first.responseHeadersToAdd, second.responseHeadersToAdd),
    responseHeadersToRemove: [...new Set(join(first.responseHeadersToRemove, second.responseHeadersToRemove))],
  };
  return {
    ...(entries.requestHeadersToAdd.length > 0 ? { requestHeadersToAdd: entries.requestHeadersToAdd } : {}),
    ...(entries.requestHeadersToRemove.length > 0 ? { requestHeadersToRemove: entries.requestHeadersToRemove } : {}),
    ...(entries.responseHeadersToAdd.length > 0 ? { responseHeadersToAdd: entries.responseHeadersToAdd } : {}),
    ...(entries.responseHeadersToRemove.length > 0 ? { responseHeadersToRemove: entries.responseHeadersToRemove } : {}),
  };
}

function join<T>(a: readonly T[] = [], b: readonly T[] = []): readonly T[] {
  return [...a, ...b];
}

/** The authority that setting the request header `host` or `:authority` asks for. */
export function declaredAuthority(operations: HeaderOperations | undefined): string | undefined {
  for (const [name, value] of Object.entries(operations?.request.set ?? {})) {
    if (isAuthority(name)) return value;
  }
  return undefined;
}

function additions({ set, add }: HeaderOperation): readonly HeaderValueOption[] {
  const { OVERWRITE_IF_EXISTS_OR_ADD, APPEND_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction;
  return [...options(set, OVERWRITE_IF_EXISTS_OR_ADD), ...options(add, APPEND_IF_EXISTS_OR_ADD)];
}

// Objects have no order that two replicas agree on: by name.
function options(
  headers: Readonly<Record<string, string>>,
  appendAction: HeaderValueOption_HeaderAppendAction,
): readonly HeaderValueOption[] {
  return Object.entries(headers)
    .filter(([name]) => !isRefused(name))
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([key, value]) => ({ header: { key, value: formatSafe(value) }, appendAction }));
}

function removals({ remove }: HeaderOperation): readonly string[] {
  return [...new Set(remove)].filter((name) => !isRefused(name)).toSorted((a, b) => compareText(a, b));
}

function isAuthority(name: string): boolean {
  return name.toLowerCase() === 'host' || name.toLowerCase() === ':authority';
}

function isRefused(name: string): boolean {
  return name.startsWith(':') || isAuthority(name);
}
