// Headers that a route adds, replaces and removes. What Envoy would refuse (`host`, pseudo headers) is left out here;
// the host is set by `hostRewriteLiteral`.

import type { HeaderOperation, HeaderOperations } from '../../discovery/model/policy.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import {
  HeaderValueOption_HeaderAppendAction,
  type HeaderValueOption,
} from '../../proto/generated/envoy.config.core.v3.ts';

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

// Envoy reads `%NAME%` in a value as a command. A percent sign that starts none, or one that Envoy does not know, must be
// doubled, or the route is refused, and with it whatever shares its response.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators
function formatSafe(value: string): string {
  const withoutCommands = value
    .replaceAll('%%', '')
    .replaceAll(/%([A-Z_0-9]+)(?:\([\w:?./-]*\))?(?::\d+)?%/g, (text, name: string) =>
      commands.has(name) ? '' : text,
    );
  return withoutCommands.includes('%') ? value.replaceAll('%', '%%') : value;
}

const commands: ReadonlySet<string> = new Set(
  `REQ RESP START_TIME PROTOCOL HOSTNAME ROUTE_NAME REQUESTED_SERVER_NAME RESPONSE_FLAGS RESPONSE_CODE
  RESPONSE_CODE_DETAILS BYTES_RECEIVED BYTES_SENT DURATION CONNECTION_ID DYNAMIC_METADATA UPSTREAM_METADATA
  CLUSTER_METADATA FILTER_STATE ENVIRONMENT STREAM_ID DOWNSTREAM_REMOTE_ADDRESS
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT
  DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_LOCAL_SUBJECT
  DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_CERT
  DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CERT_V_END
  DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_VERSION UPSTREAM_HOST UPSTREAM_CLUSTER
  UPSTREAM_REMOTE_ADDRESS UPSTREAM_LOCAL_ADDRESS UPSTREAM_REQUEST_ATTEMPT_COUNT`.split(/\s+/),
);
