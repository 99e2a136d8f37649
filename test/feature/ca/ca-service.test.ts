// The certificate service on a real TLS port, asked by a real gRPC client.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import {
  credentials,
  makeClientConstructor,
  Metadata,
  status,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { byClientCertificate } from '../../../ca/authenticate-certificate.ts';
import { byKnownToken, tokenTable } from '../../../ca/authenticate-token.ts';
import { inOrder, type Authenticator } from '../../../ca/authenticate.ts';
import { CaError } from '../../../ca/ca-error.ts';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer, type IssuerOptions } from '../../../ca/issuer.ts';
import { certificateService } from '../../../proto/ca-service.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../../../proto/generated/istio.v1.auth.ts';
import { caMethods } from '../../../server/ca-service.ts';
import { openGrpcPort } from '../../../server/workers/worker-port.ts';
import { testWorkers } from '../../support/worker-pool.ts';
import { renewingTlsCredentials } from '../../../server/tls-credentials.ts';
import { makeAuthority, ok, type TestAuthority } from '../../support/certificate-authority.ts';
import { makeCsr, makeKeyPair } from '../../support/make-csr.ts';
import { waitFor } from '../../support/wait-for.ts';

const host = 'istiod.istio-system.svc';
const sleep = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };
const sleepUri = 'URI:spiffe://cluster.local/ns/default/sa/sleep';

interface Instance extends AsyncDisposable {
  readonly port: number;
  readonly issuer: Issuer;
  readonly counts: Record<'csr_count' | 'success_cert_issuance_count' | 'authentication_failure_count', number>;
  readonly internalErrors: unknown[];
}

interface InstanceOptions extends Partial<IssuerOptions> {
  readonly authenticator?: Authenticator;
}

async function startInstance(authority: TestAuthority, options: InstanceOptions = {}): Promise<Instance> {
  const clock = systemClock;
  const issuer = new Issuer({ material: authority.material, clock, ...options });
  const stop = new AbortController();
  const internalErrors: unknown[] = [];
  const counts = { csr_count: 0, success_cert_issuance_count: 0, authentication_failure_count: 0 };
  const lookup = tokenTable([{ token: 'token-of-sleep', namespace: 'default', serviceAccount: 'sleep' }]);
  const authenticator = inOrder([
    byClientCertificate({ material: () => issuer.material, trustDomains: ['cluster.local'], clock }),
    byKnownToken({ lookup, trustDomain: 'cluster.local', clusterId: 'cluster-1' }),
  ]);
  const tls = await renewingTlsCredentials({
    issuer,
    clock,
    dnsNames: [host],
    signal: stop.signal,
    onFailure: (error) => internalErrors.push(error),
  });
  const counter = (name: keyof typeof counts) => ({ inc: () => void counts[name]++ });
  const server = await openGrpcPort(
    {
      address: '127.0.0.1:0',
      tls: tls.tls,
      methods: caMethods({
        issuer,
        authenticator: options.authenticator ?? authenticator,
        onInternalError: (error) => internalErrors.push(error),
        counters: {
          csr_count: counter('csr_count'),
          success_cert_issuance_count: counter('success_cert_issuance_count'),
          authentication_failure_count: counter('authentication_failure_count'),
        },
      }),
      onError: (error) => internalErrors.push(error),
    },
    testWorkers(),
  );
  const { port } = server;
  const dispose = async () => {
    stop.abort();
    await server.close(AbortSignal.abort());
    await tls.stopped;
  };
  return { port, issuer, counts, internalErrors, [Symbol.asyncDispose]: dispose };
}

type Caller = InstanceType<ReturnType<typeof makeClientConstructor>> & {
  createCertificate(
    request: IstioCertificateRequest,
    metadata: Metadata,
    callback: (error: ServiceError | null, response?: IstioCertificateResponse) => void,
  ): void;
};

class Client implements Disposable {
  readonly #caller: Caller;

  constructor(port: number, channel: ChannelCredentials) {
    const Constructor = makeClientConstructor({ ...certificateService }, 'CertificateService');
    const options = { 'grpc.ssl_target_name_override': host, 'grpc.use_local_subchannel_pool': 1 };
    this.#caller = new Constructor(`127.0.0.1:${port}`, channel, options) as unknown as Caller;
  }

  /** The chain, or the status that the call ended with. */
  ask(request: IstioCertificateRequest, headers: Record<string, string> = {}): Promise<readonly string[]> {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    return new Promise((resolve, reject) => {
      this.#caller.createCertificate(request, metadata, (error, response) => {
        if (error === null) resolve(response?.certChain ?? []);
        else reject(error);
      });
    });
  }

  [Symbol.dispose](): void {
    this.#caller.close();
  }
}

const withToken = { authorization: 'Bearer token-of-sleep', clusterid: 'cluster-1' };

describe('the certificate service', () => {
  let authority: TestAuthority;
  let csr: string;
  let instance: Instance;
  let anonymous: Client;

  beforeAll(async () => {
    authority = await makeAuthority();
    csr = await makeCsr({ type: 'ecdsa-p256' });
  });
  beforeEach(async () => {
    instance = await startInstance(authority);
    anonymous = new Client(instance.port, credentials.createSsl(Buffer.from(authority.material.rootsPem)));
  });
  afterEach(async () => {
    anonymous[Symbol.dispose]();
    await instance[Symbol.asyncDispose]();
  });

  /** A client whose certificate a (possibly other) authority signed, together with its chain. */
  async function clientOf(signer: TestAuthority, port = instance.port): Promise<Client> {
    const key = await makeKeyPair('ecdsa-p256');
    const issuer = new Issuer({ material: signer.material, clock: systemClock });
    const issued = ok(await issuer.issue({ csr: await makeCsr({ type: 'ecdsa-p256', key }), identity: sleep }));
    const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' });
    return new Client(
      port,
      credentials.createSsl(
        Buffer.from(authority.material.rootsPem),
        Buffer.from(keyPem),
        Buffer.from(issued.chain.slice(0, -1).join('')),
      ),
    );
  }

  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)(
    'signs a request with a key of %s for the owner of the token',
    async (type) => {
      const chain = await anonymous.ask({ csr: await makeCsr({ type }), validityDuration: 3600 }, withToken);
      expect(chain).toHaveLength(3);
      const leaf = new X509Certificate(chain[0] ?? '');
      expect(leaf.subjectAltName).toBe(sleepUri);
      const lifeMs = Date.parse(leaf.validTo) - Date.parse(leaf.validFrom);
      expect(lifeMs).toBe(3600_000 + 120_000);
      expect(instance.counts).toEqual({
        csr_count: 1,
        success_cert_issuance_count: 1,
        authentication_failure_count: 0,
      });
    },
  );

  it('signs a request that claims another identity for the authenticated one only', async () => {
    const claimedUri = 'spiffe://cluster.local/ns/kube-system/sa/admin';
    const chain = await anonymous.ask({ csr: await makeCsr({ type: 'ecdsa-p256', claimedUri }) }, withToken);
    expect(new X509Certificate(chain[0] ?? '').subjectAltName).toBe(sleepUri);
  });

  it('signs for the holder of a client certificate of this instance or of another under the root', async () => {
    const sibling = await makeAuthority({ root: authority.root, clusterId: 'cluster-2' });
    for (const signer of [authority, sibling]) {
      using client = await clientOf(signer);
      const [leaf = ''] = await client.ask({ csr });
      expect(new X509Certificate(leaf).subjectAltName).toBe(sleepUri);
    }
  });

  it('takes a client certificate under another root for none', async () => {
    using client = await clientOf(await makeAuthority());
    await expect(client.ask({ csr })).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    expect(await client.ask({ csr }, withToken)).toHaveLength(3);
  });

  it.each([
    ['nothing', {}],
    ['an unknown token', { authorization: 'Bearer nobody' }],
    ['a token with another scheme', { authorization: 'Basic token-of-sleep' }],
    ['a token for another cluster', { ...withToken, clusterid: 'cluster-2' }],
  ])('does not answer a caller who shows %s', async (_what, headers) => {
    await expect(anonymous.ask({ csr }, headers)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    expect(instance.counts.authentication_failure_count).toBe(1);
    expect(instance.counts.success_cert_issuance_count).toBe(0);
  });

  it('answers bad requests with INVALID_ARGUMENT and what is wrong, and goes on', async () => {
    const other = await makeKeyPair('ecdsa-p256');
    const bad: [string, RegExp][] = [
      ['', /can't be read/],
      ['garbage', /can't be read/],
      [await makeCsr({ type: 'ecdsa-p256', signedBy: other.privateKey }), /not signed by the private key/],
      [await makeCsr({ type: 'rsa-1024' }), /1024 bits/],
      [await makeCsr({ type: 'ed25519' }), /neither RSA nor EC/],
    ];
    for (const [request, details] of bad) {
      await expect(anonymous.ask({ csr: request }, withToken)).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: expect.stringMatching(details),
      });
    }
    expect(await anonymous.ask({ csr }, withToken)).toHaveLength(3);
    expect(instance.internalErrors).toEqual([]);
  });

  it('does not sign for an identity that the caller only asks to impersonate', async () => {
    const stringValue = 'spiffe://cluster.local/ns/default/sa/other';
    const metadata = { fields: { ImpersonatedIdentity: { stringValue } } };
    await expect(anonymous.ask({ csr, metadata }, withToken)).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
  });

  it('answers RESOURCE_EXHAUSTED when its queue is full, and signs the rest', async () => {
    await using busy = await startInstance(authority, { maxInFlight: 1, maxWaiting: 1 });
    using client = new Client(busy.port, credentials.createSsl(Buffer.from(authority.material.rootsPem)));
    const rsa = await makeCsr({ type: 'rsa-2048' });
    const results = await Promise.allSettled(Array.from({ length: 30 }, () => client.ask({ csr: rsa }, withToken)));
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(30);
    expect(new Set(refused.map(({ reason }) => (reason as ServiceError).code))).toEqual(
      new Set([status.RESOURCE_EXHAUSTED]),
    );
  });

  it('answers UNAVAILABLE while nobody can say who is calling, so that agents try again', async () => {
    const down = new CaError('authentication-failed', 'The token could not be checked.');
    const authenticator = { authenticate: () => Promise.resolve(down) };
    await using cut = await startInstance(authority, { authenticator });
    using client = new Client(cut.port, credentials.createSsl(Buffer.from(authority.material.rootsPem)));
    await expect(client.ask({ csr }, withToken)).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: 'The token could not be checked.',
    });
    expect(cut.counts.authentication_failure_count).toBe(0);
    expect(cut.internalErrors).toEqual([down]);
  });

  it('tells the caller nothing of a failure that is its own', async () => {
    const authenticator = { authenticate: () => Promise.reject(new Error('password of the database')) };
    await using broken = await startInstance(authority, { authenticator });
    using client = new Client(broken.port, credentials.createSsl(Buffer.from(authority.material.rootsPem)));
    await expect(client.ask({ csr }, withToken)).rejects.toMatchObject({
      code: status.INTERNAL,
      details: 'The certificate could not be issued; the reason is in the log.',
    });
    expect(broken.internalErrors).toEqual([new Error('password of the database')]);
  });

  it('shows a new server certificate on the same port, and keeps the connections it has', async () => {
    const shown = async () => {
      const options = { ca: authority.material.rootsPem, servername: host, ALPNProtocols: ['h2'] };
      const socket = connect(instance.port, '127.0.0.1', options);
      await once(socket, 'secureConnect');
      const { serialNumber } = socket.getPeerCertificate();
      const { authorized } = socket;
      socket.destroy();
      return { serialNumber, authorized };
    };
    expect(await anonymous.ask({ csr }, withToken)).toHaveLength(3);
    const before = await shown();
    expect(before.authorized).toBe(true);
    const sibling = await makeAuthority({ root: authority.root, clusterId: 'renewed' });
    instance.issuer.replace(sibling.material);
    const after = await waitFor(shown, ({ serialNumber }) => serialNumber !== before.serialNumber, {
      what: 'a new server certificate',
    });
    expect(after.authorized).toBe(true);
    // The same connection, and already the new authority.
    const chain = await anonymous.ask({ csr }, withToken);
    expect(chain[1]).toBe(sibling.files['ca-cert.pem']);
  });
});
