// Asks a certificate authority over Istio's CA service for a certificate. In: where it is, how it is recognised, who asks, the
// request. Out: the chain as it was answered, or an AgentError that tells "said no" from "not there".

import grpc from '@grpc/grpc-js';
import { certificateService } from '../../proto/ca-service.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../../proto/generated/istio.v1.auth.ts';
import { AgentError, reasonOf } from '../agent-error.ts';

export type CertificateAuthority = {
  /** `host:port` */
  readonly address: string;
  /** The name that has to be in the server's certificate. */
  readonly serverName: string;
  /** The roots under which the server's certificate has to be. */
  readonly rootsPem: string;
  readonly clusterId: string;
};

export type CertificateCaller = {
  readonly csrPem: string;
  readonly ttlMs: number;
  /** Proof of who asks: a token, else the certificate that is being renewed. */
  readonly token?: string | undefined;
  readonly certificate?: { readonly keyPem: string; readonly chainPem: string } | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

// Answers that trying again does not change by itself; an operator has to do something.
const refusals: ReadonlySet<grpc.status> = new Set([
  grpc.status.INVALID_ARGUMENT,
  grpc.status.UNAUTHENTICATED,
  grpc.status.PERMISSION_DENIED,
  grpc.status.UNIMPLEMENTED,
]);

/** Throws AgentError `certificate-refused` or `authority-unreachable`. */
export async function createCertificate(
  authority: CertificateAuthority,
  caller: CertificateCaller,
): Promise<readonly string[]> {
  const client = connect(authority, caller);
  try {
    const response = await call(client, authority, caller);
    return response.certChain ?? [];
  } finally {
    client.close(); // Once in half a day: a connection is not worth keeping.
  }
}

function connect(
  { address, serverName, rootsPem }: CertificateAuthority,
  { certificate }: CertificateCaller,
): grpc.Client {
  try {
    const own = certificate === undefined ? [] : [Buffer.from(certificate.keyPem), Buffer.from(certificate.chainPem)];
    const credentials = grpc.credentials.createSsl(Buffer.from(rootsPem), ...own);
    return new grpc.Client(address, credentials, {
      'grpc.ssl_target_name_override': serverName,
      'grpc.default_authority': serverName,
      // The mesh's control plane is never behind a forward proxy.
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
    });
  } catch (error) {
    throw new AgentError('unreadable-file', `the roots for ${address} can't be used: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

function call(
  client: grpc.Client,
  { address, clusterId }: CertificateAuthority,
  { csrPem, ttlMs, token, timeoutMs, signal }: CertificateCaller,
): Promise<IstioCertificateResponse> {
  const { path, requestSerialize, responseDeserialize } = certificateService.createCertificate;
  const request: IstioCertificateRequest = { csr: csrPem, validityDuration: Math.round(ttlMs / 1000) };
  const metadata = new grpc.Metadata();
  metadata.set('clusterid', clusterId);
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + timeoutMs };
    const pending = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      options,
      done,
    );
    const cancel = (): void => pending.cancel();
    function done(error: grpc.ServiceError | null, response?: IstioCertificateResponse): void {
      signal.removeEventListener('abort', cancel);
      if (error !== null) reject(translated(error, address));
      else resolve(response ?? {});
    }
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
  });
}

function translated(error: grpc.ServiceError, address: string): AgentError {
  const words = `${address}: ${grpc.status[error.code]}: ${plainDetails(error.details)}`;
  return refusals.has(error.code)
    ? new AgentError('certificate-refused', words, { cause: error })
    : new AgentError('authority-unreachable', words, { cause: error });
}

/** Without what grpc-js says around the reason that a connection was not made. */
function plainDetails(details: string): string {
  const reason = /Last error: (?:Error: )?(.*?)\s*\. Resolution note: *$/s.exec(details)?.[1];
  if (reason === undefined) return details;
  return reason.includes('wrong version number') ? 'the port does not speak TLS (the default is 15012)' : reason;
}
