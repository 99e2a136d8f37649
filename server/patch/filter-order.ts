// What Envoy wants of the order of filters, and where one belongs that is added without a place: every list ends with the one filter
// that passes on what it gets, and what decides about callers stands where `filterClass` says.

import type { EnvoyPatch } from '../../discovery/model/policy.ts';
import type { Any } from '../../proto/generated/google.protobuf.ts';
import { fullNameOfTypeUrl } from '../../proto/message-type.ts';

interface AnyFilter {
  readonly name?: string | undefined;
  readonly typedConfig?: Any | undefined;
  readonly configDiscovery?: object | undefined;
}

const network = 'envoy.extensions.filters.network.';

const terminal: ReadonlySet<string> = new Set([
  'envoy.extensions.filters.http.router.v3.Router',
  `${network}http_connection_manager.v3.HttpConnectionManager`,
  `${network}tcp_proxy.v3.TcpProxy`,
  `${network}redis_proxy.v3.RedisProxy`,
  `${network}thrift_proxy.v3.ThriftProxy`,
  `${network}dubbo_proxy.v3.DubboProxy`,
  `${network}generic_proxy.v3.GenericProxy`,
  `${network}echo.v3.Echo`,
  `${network}direct_response.v3.Config`,
]);

function isTerminal({ typedConfig }: AnyFilter): boolean {
  return terminal.has(fullNameOfTypeUrl(typedConfig?.typeUrl ?? ''));
}

/** Why Envoy would refuse the filters, in their order; undefined when it would not. */
export function brokenFilterOrder(filters: readonly AnyFilter[]): string | undefined {
  for (const { name = '', typedConfig, configDiscovery } of filters) {
    if (typedConfig === undefined && configDiscovery === undefined) return `the filter ${name} has no typed_config`;
  }
  const last = filters.at(-1);
  if (last === undefined || !isTerminal(last)) return 'the last filter is not one that passes on what it gets';
  const early = filters.slice(0, -1).find(isTerminal);
  return early === undefined ? undefined : `${early.name ?? ''} passes on what it gets, and filters come after it`;
}

/** The list with the filter at the place of its class; after others that were added to the same class. */
export function addFilter<T extends AnyFilter>(
  filters: readonly T[],
  value: T,
  { filterClass }: EnvoyPatch,
  added: ReadonlyMap<T, EnvoyPatch['filterClass']>,
): readonly T[] {
  const end = filters.findLastIndex(isTerminal);
  const beforeEnd = end === -1 ? filters.length : end;
  const afterAuthn = lastOf(filters, (filter) => isOf(filter, ['.jwt_authn.v3.']) || added.get(filter) === 'authn');
  if (filterClass === 'authn') return filters.toSpliced(afterAuthn, 0, value);
  if (filterClass !== 'authz') return filters.toSpliced(beforeEnd, 0, value);
  const afterAuthz = lastOf(
    filters,
    (filter) => isOf(filter, ['.rbac.v3.', '.ext_authz.v3.']) || added.get(filter) === 'authz',
  );
  return filters.toSpliced(Math.max(afterAuthn, afterAuthz), 0, value);
}

function isOf({ typedConfig }: AnyFilter, parts: readonly string[]): boolean {
  return parts.some((part) => typedConfig?.typeUrl?.includes(part) === true);
}

/** The place after the last one. */
function lastOf<T>(list: readonly T[], is: (entry: T) => boolean): number {
  return list.findLastIndex(is) + 1;
}
