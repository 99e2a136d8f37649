// Istio's certificate service: `istio.v1.auth.IstioCertificateService/CreateCertificate`. A thin adapter:
// credentials out of the call, the authenticator and the issuer do the work, errors become gRPC statuses.
import type { AuthCall, Authenticator } from '../ca/authenticate.ts';
import { CaError } from '../ca/ca-error.ts';
import type { IssuedCertificate, Issuer } from '../ca/issuer.ts';
import { formatSpiffeId, type Identity } from '../ca/spiffe.ts';
import { certificateService } from '../proto/ca-service.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../proto/generated/istio.v1.auth.ts';
import type { Call, CallHandler } from './grpc/call.ts';
import type { GrpcStatus } from './grpc/status.ts';
import { serveUnary } from './grpc/unary-call.ts';

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

/** What stands in a request, as far as a call's caller is concerned. */
type Credentials = Pick<Call, 'header' | 'certificate'>;

/** The handlers by path, for `GrpcPort.open`. */
export function caMethods(options: CaServiceOptions): ReadonlyMap<string, CallHandler> {
  const { path, requestDeserialize, responseSerialize } = certificateService.createCertificate;
  const answer = async (call: Call, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array | GrpcStatus> => {
    const request = decoded(requestDeserialize, bytes);
    if (request === undefined) return { code: 'INVALID_ARGUMENT', message: 'the bytes are no certificate request' };
    const result = await respond({ call, request, signal }, options);
    return 'code' in result ? result : responseSerialize(result);
  };
  const serve: CallHandler = (call) =>
    serveUnary(
      call,
      (bytes, signal) => answer(call, bytes, signal),
      (error) => internal(error, options),
    );
  return new Map([[path, serve]]);
}

function decoded<Request>(decode: (bytes: Buffer) => Request, bytes: Uint8Array): Request | undefined {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    return undefined;
  }
}

interface Asked {
  readonly call: Credentials;
  readonly request: IstioCertificateRequest;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

async function respond(
  { call, request, signal }: Asked,
  options: CaServiceOptions,
): Promise<IstioCertificateResponse | GrpcStatus> {
  const { issuer, authenticator, counters } = options;
  counters.csr_count.inc();
  const caller = await authenticator.authenticate(authCallOf(call));
  if (caller instanceof CaError) {
    if (caller.code === 'authentication-failed') {
      options.onInternalError(caller);
      // Agents try again after this status, and give up after most others.
      return { code: 'UNAVAILABLE', message: caller.message };
    }
    counters.authentication_failure_count.inc();
    return { code: 'UNAUTHENTICATED', message: caller.message };
  }
  const impersonation = impersonationFailure(request, caller);
  if (impersonation !== undefined) return impersonation;
  const issued = await issuer.issue({
    csr: request.csr ?? '',
    identity: caller,
    // Seconds; a number too large for a date is cut by the issuer's longest life.
    ttlMs: (request.validityDuration ?? 0) * 1000,
    signal,
  });
  return outcome(issued, options);
}

function outcome(
  issued: IssuedCertificate | CaError,
  options: CaServiceOptions,
): IstioCertificateResponse | GrpcStatus {
  if (!(issued instanceof CaError)) {
    options.counters.success_cert_issuance_count.inc();
    return { certChain: issued.chain };
  }
  switch (issued.code) {
    case 'csr-unreadable':
    case 'csr-bad-signature':
    case 'csr-weak-key':
    case 'csr-unsupported':
      return { code: 'INVALID_ARGUMENT', message: issued.message };
    case 'overloaded':
      return { code: 'RESOURCE_EXHAUSTED', message: issued.message };
    case 'cancelled':
      return { code: 'CANCELLED', message: issued.message };
    default:
      return internal(issued, options);
  }
}

/**
 * What a call of any service on the TLS port proves itself with: `authorization: Bearer …`, the client certificate if
 * the TLS layer verified it, and the `clusterid` that Istio's proxies send.
 */
export function authCallOf(call: Credentials): AuthCall {
  const token = /^(?:Bearer|Istio) +(\S+)$/i.exec(call.header('authorization') ?? '')?.[1];
  const { certificate } = call;
  return {
    clusterId: call.header('clusterid') ?? '',
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { clientCertificate: { der: certificate.der, verified: true } }),
  };
}

// A proxy of a node may ask for the workloads on it in Istio; here a caller gets its own name only.
function impersonationFailure(request: IstioCertificateRequest, caller: Identity): GrpcStatus | undefined {
  const asked = request.metadata?.fields?.['ImpersonatedIdentity']?.stringValue ?? '';
  if (asked === '' || asked === formatSpiffeId(caller)) return undefined;
  return { code: 'PERMISSION_DENIED', message: 'A caller gets a certificate for its own identity only.' };
}

function internal(error: unknown, options: CaServiceOptions): GrpcStatus {
  options.onInternalError(error);
  return { code: 'INTERNAL', message: 'The certificate could not be issued; the reason is in the log.' };
}
