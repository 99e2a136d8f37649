// Istio's certificate service for grpc-js: `istio.v1.auth.IstioCertificateService/CreateCertificate`. A thin adapter:
// credentials out of the call, the authenticator and the issuer do the work, errors become gRPC statuses.
import {
  status,
  type Metadata,
  type sendUnaryData,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { AuthCall, Authenticator } from '../ca/authenticate.ts';
import { CaError } from '../ca/ca-error.ts';
import type { IssuedCertificate, Issuer } from '../ca/issuer.ts';
import { formatSpiffeId, type Identity } from '../ca/spiffe.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../proto/generated/istio.v1.auth.ts';

/** Something that counts up. */
export interface Counter {
  inc(): void;
}

/** Named as Istio's dashboards know them, with the prefix `citadel_server_`. */
export interface CaCounters {
  readonly csr_count: Counter;
  readonly success_cert_issuance_count: Counter;
  readonly authentication_failure_count: Counter;
}

export interface CaServiceOptions {
  readonly issuer: Pick<Issuer, 'issue'>;
  readonly authenticator: Authenticator;
  readonly counters: CaCounters;
  /** Told of every failure that is ours, whose cause the caller does not get to see. */
  readonly onInternalError: (error: unknown) => void;
}

type CreateCertificateCall = ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>;

interface Failure {
  readonly code: status;
  readonly details: string;
}

/** The handlers for `server.addService(certificateService, …)`. */
export function caServiceHandlers(options: CaServiceOptions): UntypedServiceImplementation {
  return {
    createCertificate: (call: CreateCertificateCall, callback: sendUnaryData<IstioCertificateResponse>) => {
      void answer(call, callback, options);
    },
  };
}

async function answer(
  call: CreateCertificateCall,
  callback: sendUnaryData<IstioCertificateResponse>,
  options: CaServiceOptions,
): Promise<void> {
  const gone = new AbortController();
  call.once('cancelled', () => gone.abort());
  let result: IstioCertificateResponse | Failure;
  try {
    result = await respond(call, options, gone.signal);
  } catch (error) {
    result = internal(error, options);
  }
  if ('code' in result) callback(result);
  else callback(null, result);
}

async function respond(
  call: CreateCertificateCall,
  options: CaServiceOptions,
  signal: AbortSignal,
): Promise<IstioCertificateResponse | Failure> {
  const { issuer, authenticator, counters } = options;
  counters.csr_count.inc();
  const caller = await authenticator.authenticate(authCallOf(call));
  if (caller instanceof CaError) {
    if (caller.code === 'authentication-failed') {
      options.onInternalError(caller);
      // Agents try again after this status, and give up after most others.
      return { code: status.UNAVAILABLE, details: caller.message };
    }
    counters.authentication_failure_count.inc();
    return { code: status.UNAUTHENTICATED, details: caller.message };
  }
  const impersonation = impersonationFailure(call.request, caller);
  if (impersonation !== undefined) return impersonation;
  const issued = await issuer.issue({
    csr: call.request.csr ?? '',
    identity: caller,
    // Seconds; a number too large for a date is cut by the issuer's longest life.
    ttlMs: (call.request.validityDuration ?? 0) * 1000,
    signal,
  });
  return outcome(issued, options);
}

function outcome(issued: IssuedCertificate | CaError, options: CaServiceOptions): IstioCertificateResponse | Failure {
  if (!(issued instanceof CaError)) {
    options.counters.success_cert_issuance_count.inc();
    return { certChain: issued.chain };
  }
  switch (issued.code) {
    case 'csr-unreadable':
    case 'csr-bad-signature':
    case 'csr-weak-key':
    case 'csr-unsupported':
      return { code: status.INVALID_ARGUMENT, details: issued.message };
    case 'overloaded':
      return { code: status.RESOURCE_EXHAUSTED, details: issued.message };
    case 'cancelled':
      return { code: status.CANCELLED, details: issued.message };
    default:
      return internal(issued, options);
  }
}

/**
 * What a call of any service on the TLS port proves itself with: `authorization: Bearer …`, the client certificate if
 * the TLS layer verified it, and the `clusterid` that Istio's proxies send.
 */
export function authCallOf(call: Pick<CreateCertificateCall, 'metadata' | 'getAuthContext'>): AuthCall {
  const token = /^(?:Bearer|Istio) +(\S+)$/i.exec(first(call.metadata, 'authorization'))?.[1];
  // grpc-js gives a certificate only when the socket is authorized, that is, verified against the port's roots.
  const certificate = call.getAuthContext().sslPeerCertificate;
  return {
    clusterId: first(call.metadata, 'clusterid'),
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { clientCertificate: { der: certificate.raw, verified: true } }),
  };
}

// A proxy of a node may ask for the workloads on it in Istio; here a caller gets its own name only.
function impersonationFailure(request: IstioCertificateRequest, caller: Identity): Failure | undefined {
  const asked = request.metadata?.fields?.['ImpersonatedIdentity']?.stringValue ?? '';
  if (asked === '' || asked === formatSpiffeId(caller)) return undefined;
  return { code: status.PERMISSION_DENIED, details: 'A caller gets a certificate for its own identity only.' };
}

function internal(error: unknown, options: CaServiceOptions): Failure {
  options.onInternalError(error);
  return { code: status.INTERNAL, details: 'The certificate could not be issued; the reason is in the log.' };
}

function first(metadata: Metadata, key: string): string {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : '';
}
