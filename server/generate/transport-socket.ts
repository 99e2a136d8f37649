// Transport sockets: the mesh's mutual TLS with certificates from the agent, plain TLS, plain text.

import { isIP } from 'node:net';
import type { MeshTraffic } from '../../discovery/model/mesh-config.ts';
import type { ClientTls } from '../../discovery/model/policy.ts';
import type { TransportSocket } from '../../proto/generated/envoy.config.core.v3.ts';
import {
  DownstreamTlsContext,
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
  UpstreamTlsContext,
  type CertificateValidationContext,
  type CommonTlsContext,
  type SubjectAltNameMatcher,
} from '../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import { RawBuffer } from '../../proto/generated/envoy.extensions.transport_sockets.raw_buffer.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { agentSecret, fileSecret } from './config-source.ts';
import { certificateFileName, rootsFileName } from './names.ts';
import { isTrue } from './well-known-types.ts';

const tlsSocketName = 'envoy.transport_sockets.tls';

/** What an Istio inbound listener takes as a sign of mesh mTLS; the last three come from Istio's own proxies. */
export const meshAlpnProtocols: readonly string[] = [
  'istio',
  'istio-peer-exchange',
  'istio-http/1.0',
  'istio-http/1.1',
  'istio-h2',
];

export interface UpstreamMtlsOptions {
  readonly sni: string;
  /** SPIFFE ids of which the server must have one, where one that ends in `/` is a prefix. Empty: any under the mesh's roots. */
  readonly identities: readonly string[];
  readonly http2: boolean;
}

/** Mutual TLS towards another workload, whoever of `identities` it is. */
export function upstreamMtls({ sni, identities, http2 }: UpstreamMtlsOptions): TransportSocket {
  const validation: CertificateValidationContext = {
    matchTypedSubjectAltNames: identities.map((identity) => ({
      sanType: SubjectAltNameMatcher_SanType.URI,
      matcher: identity.endsWith('/') ? { prefix: identity } : { exact: identity },
    })),
  };
  return {
    name: tlsSocketName,
    typedConfig: packAny(UpstreamTlsContext, {
      commonTlsContext: meshContext(validation, http2 ? ['istio', 'h2'] : ['istio'], undefined),
      sni,
    }),
  };
}

export interface DownstreamMtlsOptions {
  /** Trust domains whose workloads are let in. */
  readonly trustDomains: readonly string[];
  readonly http: boolean;
  /** Absent: 1.2. */
  readonly minTls?: MeshTraffic['minTls'];
}

/** Mutual TLS from other workloads of the mesh. */
export function downstreamMtls({ trustDomains, http, minTls }: DownstreamMtlsOptions): TransportSocket {
  const validation: CertificateValidationContext = {
    matchTypedSubjectAltNames: trustDomains.map((domain) => ({
      sanType: SubjectAltNameMatcher_SanType.URI,
      matcher: { prefix: `spiffe://${domain}/` },
    })),
  };
  const alpn = http ? ['h2', 'http/1.1'] : ['istio-peer-exchange', 'h2', 'http/1.1'];
  return {
    name: tlsSocketName,
    typedConfig: packAny(DownstreamTlsContext, {
      commonTlsContext: meshContext(validation, alpn, minTls),
      requireClientCertificate: isTrue,
    }),
  };
}

export interface UpstreamTlsOptions {
  readonly tls: Pick<
    ClientTls,
    'subjectAltNames' | 'insecureSkipVerify' | 'clientCertificate' | 'caCertificates' | 'caCrl'
  >;
  readonly sni: string | undefined;
  readonly alpn: readonly string[];
}

/** TLS to a server outside the mesh, as the DestinationRule modes SIMPLE and MUTUAL say. Files are those beside the proxy. */
export function upstreamTls({ tls, sni, alpn }: UpstreamTlsOptions): TransportSocket {
  const { clientCertificate } = tls;
  return {
    name: tlsSocketName,
    typedConfig: packAny(UpstreamTlsContext, {
      commonTlsContext: {
        alpnProtocols: alpn,
        ...(clientCertificate === undefined
          ? {}
          : {
              tlsCertificateSdsSecretConfigs: [
                fileSecret(certificateFileName(clientCertificate.certificateChain, clientCertificate.privateKey)),
              ],
            }),
        ...serverValidation(tls),
      },
      sni,
    }),
  };
}

/** Of the server's certificate: under a file's roots, else the machine's. */
function serverValidation({
  subjectAltNames,
  insecureSkipVerify,
  caCertificates,
  caCrl,
}: UpstreamTlsOptions['tls']): CommonTlsContext {
  if (insecureSkipVerify) return {};
  const checks: CertificateValidationContext = {
    ...(subjectAltNames.length === 0 ? {} : { matchTypedSubjectAltNames: subjectAltNames.map(exactName) }),
    // The agents serve no revocation lists. It is read when the cluster is made, and again with every change of the roots.
    ...(caCrl === undefined ? {} : { crl: { filename: caCrl } }),
  };
  const roots =
    caCertificates === undefined ? agentSecret('file-root:system') : fileSecret(rootsFileName(caCertificates));
  if (Object.keys(checks).length === 0) return { validationContextSdsSecretConfig: roots };
  return {
    combinedValidationContext: { defaultValidationContext: checks, validationContextSdsSecretConfig: roots },
  };
}

function exactName(name: string): SubjectAltNameMatcher {
  const types = SubjectAltNameMatcher_SanType;
  const other = isIP(name) === 0 ? types.DNS : types.IP_ADDRESS;
  return { sanType: name.includes('://') ? types.URI : other, matcher: { exact: name } };
}

export function plainText(): TransportSocket {
  return { name: 'envoy.transport_sockets.raw_buffer', typedConfig: packAny(RawBuffer, {}) };
}

function meshContext(
  validation: CertificateValidationContext,
  alpnProtocols: readonly string[],
  minTls: MeshTraffic['minTls'],
): CommonTlsContext {
  return {
    tlsParams: {
      tlsMinimumProtocolVersion:
        minTls === '1.3' ? TlsParameters_TlsProtocol.TLSv1_3 : TlsParameters_TlsProtocol.TLSv1_2,
      tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    },
    alpnProtocols,
    tlsCertificateSdsSecretConfigs: [agentSecret('default')],
    combinedValidationContext: {
      defaultValidationContext: validation,
      validationContextSdsSecretConfig: agentSecret('ROOTCA'),
    },
  };
}
