// The TLS port: who may open a stream, and a certificate that is replaced while the port serves.

import grpc from '@grpc/grpc-js';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RotatingServerTls, type ServerCertificate } from '../../../server/grpc/rotating-server-tls.ts';
import { createPeerAuthenticator } from '../../../server/stream/peer-authenticator.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { loadServices } from '../../../proto/loader.ts';
import { Openssl } from '../../support/openssl.ts';
import { waitFor } from '../../support/wait-for.ts';
import { testWorkers } from '../../support/worker-pool.ts';
import { XdsClient, type XdsStream } from '../../support/xds-client.ts';
import { startXdsServer, type XdsServer } from '../../support/xds-server.ts';

const { cluster } = typeUrls;
const delta = { title: 'aggregated delta', delta: true, aggregated: true };
const sleep = 'spiffe://cluster.local/ns/default/sa/sleep';
const services = loadServices();

interface KeyPair {
  readonly chain: string;
  readonly key: string;
}

class Authority {
  readonly #openssl: Openssl;
  root = '';

  private constructor(openssl: Openssl) {
    this.#openssl = openssl;
  }

  static async create(): Promise<Authority> {
    const authority = new Authority(await Openssl.create());
    authority.root = (await authority.#make('root', ['-subj', '/O=root'])).chain;
    return authority;
  }

  async issue(name: string, alternativeName: string): Promise<KeyPair> {
    const signer = ['-CA', 'root.pem', '-CAkey', 'root.key'];
    const constraints = ['-addext', 'basicConstraints=critical,CA:FALSE'];
    return this.#make(name, [
      '-subj',
      `/CN=${name}`,
      ...signer,
      '-addext',
      `subjectAltName=${alternativeName}`,
      ...constraints,
    ]);
  }

  async #make(name: string, options: readonly string[]): Promise<KeyPair> {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
    await this.#openssl.run('req', '-x509', '-days', '2', ...key, '-out', `${name}.pem`, ...options);
    return {
      chain: await this.#openssl.run('x509', '-in', `${name}.pem`),
      key: await this.#openssl.run('pkey', '-in', `${name}.key`),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#openssl[Symbol.asyncDispose]();
  }
}

describe('the TLS port', () => {
  let authority: Authority;
  let stranger: Authority;
  let server: XdsServer;
  let tls: RotatingServerTls;
  let first: KeyPair;
  const clients: XdsClient[] = [];

  const certificateOf = (pair: KeyPair): ServerCertificate => ({ ...pair, clientRoots: authority.root });

  /** A stream that presents the certificate or the token. */
  function openStream(options: { readonly certificate?: KeyPair; readonly token?: string }): XdsStream {
    const { certificate, token } = options;
    const channel = grpc.credentials.createSsl(
      Buffer.from(authority.root),
      certificate === undefined ? null : Buffer.from(certificate.key),
      certificate === undefined ? null : Buffer.from(certificate.chain),
    );
    const client = new XdsClient(server.address, services, channel);
    clients.push(client);
    const metadata = new grpc.Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const stream = client.open(delta, cluster, metadata);
    stream.send({ typeUrl: cluster });
    return stream;
  }

  beforeAll(async () => {
    authority = await Authority.create();
    stranger = await Authority.create();
    first = await authority.issue('first', 'IP:127.0.0.1');
    tls = new RotatingServerTls(certificateOf(first));
    const authenticator = createPeerAuthenticator((token) => Promise.resolve(token === 'good' ? sleep : undefined));
    server = await startXdsServer({ tls, authenticator });
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await server.stop();
    await authority[Symbol.asyncDispose]();
    await stranger[Symbol.asyncDispose]();
  });

  test('takes the identity from a client certificate under the mesh roots', async () => {
    const stream = openStream({ certificate: await authority.issue('sleep', `URI:${sleep}`) });
    await stream.next(cluster);
    expect(server.source.openings.at(-1)?.peer).toMatchObject({ identity: sleep, authenticated: true });
  });

  test('takes the identity from a token', async () => {
    await openStream({ token: 'good' }).next(cluster);
    expect(server.source.openings.at(-1)?.peer).toMatchObject({ identity: sleep, authenticated: true });
  });

  test.each([
    ['without certificate and token', {}],
    ['with a token that is not accepted', { token: 'bad' }],
  ])('refuses a client %s with UNAUTHENTICATED', async (_how, options) => {
    expect(await openStream(options).status()).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
  });

  test('refuses a client whose certificate is of another root, whatever identity it claims', async () => {
    const stream = openStream({ certificate: await stranger.issue('sleep', `URI:${sleep}`) });
    expect(await stream.status()).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
  });

  test('shows a new certificate to the next client, while streams under the old one go on', async () => {
    const before = openStream({ token: 'good' });
    await before.accept(cluster);
    const second = await authority.issue('second', 'IP:127.0.0.1');
    expect(await shownName()).toBe('first');
    tls.replace(certificateOf(second));
    // Workers are told by a message, so that the very next client of one may come before it.
    const once = testWorkers() === undefined ? { timeoutMs: 0 } : {};
    await waitFor(shownName, (name) => name === 'second', { what: 'the new certificate', ...once });
    server.source.change({ [cluster]: { a: '1' } });
    expect((await before.next(cluster)).resources).toEqual({ a: '1' });
  });

  async function shownName(): Promise<string | undefined> {
    const [host = '', port = ''] = server.address.split(':');
    const socket = connect({ host, port: Number(port), ca: authority.root, ALPNProtocols: ['h2'] });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    await promise;
    const name = socket.getPeerCertificate().subject.CN;
    socket.destroy();
    return Array.isArray(name) ? name[0] : name;
  }
});
