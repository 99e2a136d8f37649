// A Gateway, converted and checked: what a gateway workload listens for.

import type { PolicyBase } from './policy-base.ts';

export interface GatewayServer {
  readonly port: number;
  /** Of the port; unique among those of its Gateway, or empty. */
  readonly name: string;
  readonly protocol: 'http' | 'https' | 'tls' | 'tcp' | 'http2' | 'grpc' | 'mongo';
  /** As declared: `*.local`, `NAMESPACE/HOST` …; lower case. */
  readonly hosts: readonly string[];
  /** An IP address to listen on; absent: all of the workload's. */
  readonly bind?: string | undefined;
  /** Absent: no TLS. */
  readonly tlsMode?: GatewayTlsMode | undefined;
  /** What TLS is ended with; absent where it is passed on, or is the mesh's own. */
  readonly tls?: ServerTls | undefined;
  /** Requests are answered with a redirect to HTTPS. */
  readonly httpsRedirect?: true | undefined;
}

export type GatewayTlsMode =
  'auto-passthrough' | 'passthrough' | 'simple' | 'mutual' | 'optional-mutual' | 'istio-mutual';

/** How a server ends TLS. */
export interface ServerTls {
  readonly certificates: ServerCertificates;
  /** What certificates of clients are checked against; only of the mutual modes. */
  readonly clientRoots?: ClientRoots | undefined;
  /** Names of which a client's certificate must have one; empty: any. */
  readonly subjectAltNames: readonly string[];
  /** Base64 SHA-256 of public keys, hexadecimal SHA-256 of certificates: a client's must be one of either list. */
  readonly certificateSpkis: readonly string[];
  readonly certificateHashes: readonly string[];
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
  /** As BoringSSL names them; empty: the proxy's own. */
  readonly cipherSuites: readonly string[];
}

export type ServerCertificates =
  /** Secrets of the gateway workload's namespace, with the path of the field that names each. */
  | { readonly kind: 'secrets'; readonly names: readonly string[]; readonly field: string }
  /** Files beside the proxy, read by its agent. */
  | { readonly kind: 'files'; readonly pairs: readonly { readonly certificate: string; readonly key: string }[] };

export type ClientRoots =
  | { readonly kind: 'secret'; readonly name: string; readonly field: string }
  | { readonly kind: 'file'; readonly path: string };

export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3';

export interface GatewayPolicy extends PolicyBase {
  readonly kind: 'Gateway';
  /** Labels of the gateway workloads that serve it. */
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly GatewayServer[];
}
