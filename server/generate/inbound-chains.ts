// Filter chains of an inbound port by mTLS mode: which connections it takes, and what is checked of them.

import { isIPv6 } from 'node:net';
import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { MtlsMode } from '../../discovery/model/policy.ts';
import type { Filter, FilterChain } from '../../proto/generated/envoy.config.listener.v3.ts';
import { downstreamMtls, meshAlpnProtocols } from './transport-socket.ts';
import { uint32 } from './well-known-types.ts';

export interface InboundChainsOptions {
  readonly config: MeshConfig;
  readonly name: string;
  readonly mode: MtlsMode;
  /** Undefined: every port that has no chains of its own. */
  readonly port: number | undefined;
  /** Only connections to this address; absent: to any. */
  readonly bind?: string | undefined;
  readonly http: boolean;
  readonly filters: readonly Filter[];
}

/**
 * Strict: mesh mTLS only. Disabled: everything as it comes. Permissive: mesh mTLS, told by the ALPN that only proxies of a
 * mesh announce, and plain text; on a port that is not HTTP also TLS of the application's own.
 */
export function inboundChains(options: InboundChainsOptions): readonly FilterChain[] {
  const { config, name, mode, port, bind, http, filters } = options;
  const destination = {
    ...(port === undefined ? {} : { destinationPort: uint32(port) }),
    ...(bind === undefined
      ? {}
      : { prefixRanges: [{ addressPrefix: bind, prefixLen: uint32(isIPv6(bind) ? 128 : 32) }] }),
  };
  const trustDomains = [...new Set([config.trustDomain, ...config.trustDomainAliases])];
  const mtls = (applicationProtocols: readonly string[]): FilterChain => ({
    name: `${name}-mtls`,
    filterChainMatch: { ...destination, transportProtocol: 'tls', applicationProtocols },
    transportSocket: downstreamMtls({ trustDomains, http, minTls: config.traffic?.minTls }),
    filters,
  });
  const plain = (chainName: string, transportProtocol: string): FilterChain => ({
    name: `${name}-${chainName}`,
    filterChainMatch: { ...destination, transportProtocol },
    filters,
  });
  if (mode === 'strict') return [mtls([])];
  if (mode === 'disable') {
    return http ? [plain('plaintext', 'raw_buffer')] : [{ name, filterChainMatch: destination, filters }];
  }
  return [mtls(meshAlpnProtocols), plain('plaintext', 'raw_buffer'), ...(http ? [] : [plain('tls', 'tls')])];
}
