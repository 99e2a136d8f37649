// A certificate authority on a real TLS port, for tests of the agent: Istio's CA service in front of our issuer, without a control plane. Tests
// read what was asked and can have it refuse.

import { createServer } from 'node:net';
import { byKnownToken, tokenTable } from '../../ca/authenticate-token.ts';
import type { KnownToken } from '../../ca/authenticate-token.ts';
import { CaError } from '../../ca/ca-error.ts';
import { systemClock } from '../../ca/clock.ts';
import { Issuer } from '../../ca/issuer.ts';
import { identity, parseSpiffeId } from '../../ca/spiffe.ts';
import type { Identity } from '../../ca/spiffe.ts';
import { certificateService } from '../../proto/ca-service.ts';
import type { IstioCertificateRequest } from '../../proto/generated/istio.v1.auth.ts';
import type { Call } from '../../server/grpc/call.ts';
import { GrpcPort, type GrpcPortOptions } from '../../server/grpc/grpc-port.ts';
import { serveUnary } from '../../server/grpc/unary-call.ts';
import type { GrpcStatus } from '../../server/grpc/status.ts';
import { renewingTlsCredentials } from '../../server/tls-credentials.ts';
import { makeAuthority, ok } from './certificate-authority.ts';
import type { TestAuthority } from './certificate-authority.ts';

export type AskedCertificate = {
  readonly token: string | undefined;
  readonly clusterId: string | undefined;
  readonly clientSpiffeId: string | undefined;
  readonly ttlSeconds: number | undefined;
};

export class AuthorityServer implements AsyncDisposable {
  readonly authority: TestAuthority;
  readonly asked: AskedCertificate[] = [];
  /** While set, every request is answered with this status. */
  refusal: GrpcStatus | undefined;
  readonly #stop = new AbortController();
  #port: GrpcPort | undefined;

  constructor(authority: TestAuthority) {
    this.authority = authority;
  }

  /** Aborts when the server is to stop. */
  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  get port(): number {
    return this.#port?.port ?? 0;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get rootsPem(): string {
    return this.authority.root.certificatePem;
  }

  async listen(options: GrpcPortOptions): Promise<void> {
    this.#port = await GrpcPort.open(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#port?.close(AbortSignal.abort());
  }
}

/** Listens, on a free port of 127.0.0.1 unless told otherwise, with a certificate for `istiod.istio-system.svc`. */
export async function startAuthorityServer(
  options: {
    readonly tokens?: readonly KnownToken[];
    readonly authority?: TestAuthority;
    readonly listen?: string;
  } = {},
): Promise<AuthorityServer> {
  const authority = options.authority ?? (await makeAuthority());
  const issuer = new Issuer({ material: authority.material, clock: systemClock });
  const tokens = byKnownToken({
    lookup: tokenTable(options.tokens ?? [{ token: 'sleep-token', namespace: 'sample', serviceAccount: 'sleep' }]),
    trustDomain: 'cluster.local',
    clusterId: 'cluster-1',
  });
  const running = new AuthorityServer(authority);
  const { path, requestDeserialize, responseSerialize } = certificateService.createCertificate;

  const answer = async (call: Call, bytes: Uint8Array): Promise<Uint8Array | GrpcStatus> => {
    const request = requestDeserialize(Buffer.from(bytes));
    const asked = whatWasAsked(call, request);
    running.asked.push(asked);
    if (running.refusal !== undefined) return running.refusal;
    const { token, clusterId, clientSpiffeId } = asked;
    const caller: Identity | CaError =
      token === undefined && clientSpiffeId !== undefined
        ? parseSpiffeId(clientSpiffeId)
        : await tokens.authenticate({ ...(token && { token }), ...(clusterId && { clusterId }) });
    if (caller instanceof CaError) return { code: 'UNAUTHENTICATED', message: caller.message };
    const ttlMs = (asked.ttlSeconds ?? 0) * 1000;
    const issued = await issuer.issue({ csr: request.csr ?? '', identity: ok(identity(caller)), ttlMs });
    if (issued instanceof CaError) return { code: 'INVALID_ARGUMENT', message: issued.message };
    return responseSerialize({ certChain: issued.chain });
  };
  const { tls } = await renewingTlsCredentials({
    issuer,
    dnsNames: ['istiod.istio-system.svc'],
    clock: systemClock,
    signal: running.stopping,
    onFailure: () => {},
  });
  const unserved = (error: unknown): GrpcStatus => ({ code: 'INTERNAL', message: String(error) });
  await running.listen({
    address: options.listen ?? '127.0.0.1:0',
    tls,
    methods: new Map([[path, (call: Call) => serveUnary(call, (bytes) => answer(call, bytes), unserved)]]),
    onError: () => {},
  });
  return running;
}

/** A port of 127.0.0.1 that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

function whatWasAsked(call: Call, request: IstioCertificateRequest): AskedCertificate {
  return {
    token: call.header('authorization')?.replace('Bearer ', ''),
    clusterId: call.header('clusterid'),
    clientSpiffeId: call.certificate?.uris[0],
    ttlSeconds: request.validityDuration,
  };
}
