// A certificate authority on a real TLS port, for tests of the agent: Istio's CA service in front of our issuer, without a control plane. Tests
// read what was asked and can have it refuse.

import grpc from '@grpc/grpc-js';
import { createServer } from 'node:net';
import { byKnownToken, tokenTable } from '../../ca/authenticate-token.ts';
import type { KnownToken } from '../../ca/authenticate-token.ts';
import { CaError } from '../../ca/ca-error.ts';
import { systemClock } from '../../ca/clock.ts';
import { Issuer } from '../../ca/issuer.ts';
import { parseCertificate } from '../../ca/parsed-certificate.ts';
import { identity, parseSpiffeId } from '../../ca/spiffe.ts';
import type { Identity } from '../../ca/spiffe.ts';
import { certificateService } from '../../proto/ca-service.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../../proto/generated/istio.v1.auth.ts';
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
  refusal: { readonly code: grpc.status; readonly details: string } | undefined;
  #server: grpc.Server;
  #stop: AbortController;
  #port = 0;

  constructor(parts: {
    readonly authority: TestAuthority;
    readonly server: grpc.Server;
    readonly stop: AbortController;
  }) {
    this.authority = parts.authority;
    this.#server = parts.server;
    this.#stop = parts.stop;
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get rootsPem(): string {
    return this.authority.root.certificatePem;
  }

  async listen(address: string, credentials: grpc.ServerCredentials): Promise<void> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#server.forceShutdown();
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
  const server = new grpc.Server();
  const stop = new AbortController();
  const running = new AuthorityServer({ authority, server, stop });

  const answer = async (call: Call): Promise<IstioCertificateResponse> => {
    const asked = whatWasAsked(call);
    running.asked.push(asked);
    if (running.refusal !== undefined) throw statusError(running.refusal);
    const { token, clusterId, clientSpiffeId } = asked;
    const caller: Identity | CaError =
      token === undefined && clientSpiffeId !== undefined
        ? parseSpiffeId(clientSpiffeId)
        : await tokens.authenticate({ ...(token && { token }), ...(clusterId && { clusterId }) });
    if (caller instanceof CaError) throw statusError({ code: grpc.status.UNAUTHENTICATED, details: caller.message });
    const ttlMs = (asked.ttlSeconds ?? 0) * 1000;
    const issued = await issuer.issue({ csr: call.request.csr ?? '', identity: ok(identity(caller)), ttlMs });
    if (issued instanceof CaError) throw statusError({ code: grpc.status.INVALID_ARGUMENT, details: issued.message });
    return { certChain: issued.chain };
  };
  const respond = async (call: Call, done: grpc.sendUnaryData<IstioCertificateResponse>): Promise<void> => {
    try {
      done(null, await answer(call));
    } catch (error) {
      done(error as grpc.ServiceError);
    }
  };
  server.addService(
    { ...certificateService },
    {
      createCertificate: (call: Call, done: grpc.sendUnaryData<IstioCertificateResponse>) => void respond(call, done),
    },
  );
  const tls = await renewingTlsCredentials({
    issuer,
    dnsNames: ['istiod.istio-system.svc'],
    clock: systemClock,
    signal: stop.signal,
    onFailure: () => {},
  });
  await running.listen(options.listen ?? '127.0.0.1:0', tls.credentials);
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

type Call = grpc.ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>;

function whatWasAsked(call: Call): AskedCertificate {
  const first = (name: string): string | undefined => call.metadata.get(name)[0]?.toString();
  const der = call.getAuthContext().sslPeerCertificate?.raw;
  const certificate = der === undefined ? undefined : ok(parseCertificate(der, 'the call'));
  return {
    token: first('authorization')?.replace('Bearer ', ''),
    clusterId: first('clusterid'),
    clientSpiffeId: certificate?.uris[0],
    ttlSeconds: call.request.validityDuration,
  };
}

function statusError(status: { readonly code: grpc.status; readonly details: string }): grpc.ServiceError {
  return Object.assign(new Error(status.details), { ...status, metadata: new grpc.Metadata() });
}
