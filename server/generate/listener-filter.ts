// Listener filters: what is found out about a connection before a filter chain is chosen.

import type { ListenerFilter } from '../../proto/generated/envoy.config.listener.v3.ts';
import { HttpInspector } from '../../proto/generated/envoy.extensions.filters.listener.http_inspector.v3.ts';
import { OriginalDst } from '../../proto/generated/envoy.extensions.filters.listener.original_dst.v3.ts';
import { OriginalSrc } from '../../proto/generated/envoy.extensions.filters.listener.original_src.v3.ts';
import { TlsInspector } from '../../proto/generated/envoy.extensions.filters.listener.tls_inspector.v3.ts';
import { packAny } from '../../proto/codec.ts';

// Of `istio-iptables` and `isthmus iptables`, unless told otherwise.
const transparentMark = 1337;

/** Where a redirected connection was going. */
export function originalDestination(): ListenerFilter {
  return { name: 'envoy.filters.listener.original_dst', typedConfig: packAny(OriginalDst, {}) };
}

/**
 * The connection to the workload comes from the caller's own address, and its packets carry the mark by which the redirection rules
 * know them.
 */
export function originalSource(): ListenerFilter {
  return { name: 'envoy.filters.listener.original_src', typedConfig: packAny(OriginalSrc, { mark: transparentMark }) };
}

/** TLS or not, server name, ALPN. */
export function tlsInspector(): ListenerFilter {
  return { name: 'envoy.filters.listener.tls_inspector', typedConfig: packAny(TlsInspector, {}) };
}

/** HTTP or not. */
export function httpInspector(): ListenerFilter {
  return { name: 'envoy.filters.listener.http_inspector', typedConfig: packAny(HttpInspector, {}) };
}
