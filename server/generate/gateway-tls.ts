// TLS of clients that ends at a gateway: certificates from Secrets over the aggregated stream, or from the agent: the mesh's own, and
// those in files beside the proxy. In: a server. Out: its transport socket.

import type { GatewayServer, ServerTls, TlsVersion } from '../../discovery/model/policy.ts';
import { packAny } from '../../proto/codec.ts';
import { ApiVersion, type ConfigSource, type TransportSocket } from '../../proto/generated/envoy.config.core.v3.ts';
import {
  DownstreamTlsContext,
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
  type CertificateValidationContext,
  type CommonTlsContext,
  type SdsSecretConfig,
  type SubjectAltNameMatcher,
} from '../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import { agentSecret, fileSecret } from './config-source.ts';
import { certificateFileName, clientRootsResourceName, credentialResourceName, rootsFileName } from './names.ts';
import { duration, isFalse, isTrue } from './well-known-types.ts';

/**
 * How long a listener waits for a certificate. Without an end to it one missing Secret would keep every change from the other
 * servers of the port; connections for the names of that certificate are closed until it comes.
 */
const credentialWaitMs = 5_000;

const streamed: ConfigSource = Object.freeze({
  ads: {},
  initialFetchTimeout: duration(credentialWaitMs),
  resourceApiVersion: ApiVersion.V3,
});

export interface GatewayTlsOptions {
  readonly server: GatewayServer;
  /** Whether requests are read; otherwise the bytes are passed on. */
  readonly http: boolean;
  /** Trust domains whose workloads are let in, in mode `istio-mutual`. */
  readonly trustDomains: readonly string[];
}

export function gatewayTls({ server, http, trustDomains }: GatewayTlsOptions): TransportSocket {
  const tls = server.tls ?? noSettings;
  const isMesh = server.tlsMode === 'istio-mutual';
  const alpn = http ? ['h2', 'http/1.1'] : isMesh ? ['istio-peer-exchange', 'h2', 'http/1.1'] : [];
  const commonTlsContext: CommonTlsContext = {
    tlsParams: {
      tlsMinimumProtocolVersion: protocols[tls.minVersion ?? '1.2'],
      ...(tls.maxVersion === undefined ? {} : { tlsMaximumProtocolVersion: protocols[tls.maxVersion] }),
      cipherSuites: tls.cipherSuites,
    },
    alpnProtocols: alpn,
    ...(isMesh ? { tlsCertificateSdsSecretConfigs: [agentSecret('default')] } : certificates(tls)),
    ...(isMesh ? meshRoots(tls, trustDomains) : clientRoots(tls)),
  };
  const needsCertificate = server.tlsMode === 'mutual' || isMesh;
  return {
    name: 'envoy.transport_sockets.tls',
    typedConfig: packAny(DownstreamTlsContext, {
      commonTlsContext,
      requireClientCertificate: needsCertificate ? isTrue : isFalse,
    }),
  };
}

/** Whether certificates of clients are asked for. */
export function asksForCertificate({ tlsMode }: GatewayServer): boolean {
  return tlsMode === 'mutual' || tlsMode === 'optional-mutual' || tlsMode === 'istio-mutual';
}

const noSettings: ServerTls = {
  certificates: { kind: 'files', pairs: [] },
  subjectAltNames: [],
  certificateSpkis: [],
  certificateHashes: [],
  cipherSuites: [],
} as const;

const protocols: Readonly<Record<TlsVersion, TlsParameters_TlsProtocol>> = {
  '1.0': TlsParameters_TlsProtocol.TLSv1_0,
  '1.1': TlsParameters_TlsProtocol.TLSv1_1,
  '1.2': TlsParameters_TlsProtocol.TLSv1_2,
  '1.3': TlsParameters_TlsProtocol.TLSv1_3,
};

function certificates({ certificates: from }: ServerTls): Pick<CommonTlsContext, 'tlsCertificateSdsSecretConfigs'> {
  if (from.kind === 'secrets') {
    return { tlsCertificateSdsSecretConfigs: from.names.map((name) => credential(credentialResourceName(name))) };
  }
  return {
    tlsCertificateSdsSecretConfigs: from.pairs.map(({ certificate, key }) =>
      fileSecret(certificateFileName(certificate, key)),
    ),
  };
}

function clientRoots(tls: ServerTls): Pick<CommonTlsContext, 'combinedValidationContext'> {
  const { clientRoots: roots } = tls;
  if (roots === undefined) return {};
  const validationContextSdsSecretConfig =
    roots.kind === 'file' ? fileSecret(rootsFileName(roots.path)) : credential(clientRootsResourceName(roots.name));
  return { combinedValidationContext: { defaultValidationContext: validation(tls), validationContextSdsSecretConfig } };
}

/** The mesh's roots; any workload of the mesh, unless names are given. */
function meshRoots(
  tls: ServerTls,
  trustDomains: readonly string[],
): Pick<CommonTlsContext, 'combinedValidationContext'> {
  const anyWorkload = trustDomains.map((domain) => ({
    sanType: SubjectAltNameMatcher_SanType.URI,
    matcher: { prefix: `spiffe://${domain}/` },
  }));
  const checks = validation(tls);
  return {
    combinedValidationContext: {
      defaultValidationContext:
        tls.subjectAltNames.length > 0 ? checks : { ...checks, matchTypedSubjectAltNames: anyWorkload },
      validationContextSdsSecretConfig: agentSecret('ROOTCA'),
    },
  };
}

function validation(tls: ServerTls): CertificateValidationContext {
  return {
    verifyCertificateSpki: tls.certificateSpkis,
    verifyCertificateHash: tls.certificateHashes,
    matchTypedSubjectAltNames: tls.subjectAltNames.flatMap((name) => nameMatchers(name)),
  };
}

/** A name is not said to be of a kind: it is looked for among all of them. */
function nameMatchers(exact: string): readonly SubjectAltNameMatcher[] {
  const { DNS, URI, EMAIL, IP_ADDRESS } = SubjectAltNameMatcher_SanType;
  return [DNS, URI, EMAIL, IP_ADDRESS].map((sanType) => ({ sanType, matcher: { exact } }));
}

function credential(name: string): SdsSecretConfig {
  return { name, sdsConfig: streamed };
}
