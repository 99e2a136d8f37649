// What a kubeconfig may say, what it is refused for, and that no message ever shows a credential.

import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClusterAccess } from '../../../discovery/source/kube/cluster-access.ts';
import { KubeClient } from '../../../discovery/source/kube/kube-client.ts';
import { readConnection, type Allowances, type KubeCredentials } from '../../../discovery/source/kube/kube-config.ts';
import { KubeError } from '../../../discovery/source/kube/kube-error.ts';
import { runOrThrow } from '../../support/process.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'kube-config-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

type Fields = Readonly<Record<string, unknown>>;

function kubeconfig(user: Fields, cluster: Fields = {}): string {
  return JSON.stringify({
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server: 'https://api.example:6443', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  });
}

const inline = (text: string): KubeCredentials => ({ kind: 'text', kubeconfig: text });

async function refusal(credentials: KubeCredentials, allow: Allowances = {}): Promise<string> {
  const error: unknown = await readConnection(credentials, allow).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KubeError)) throw new Error(`it was not refused with a sentence: ${String(error)}`);
  expect(error.code).toBe('credentials');
  return error.message;
}

describe('a kubeconfig', () => {
  it('with an inline token leads to an address and a header', async () => {
    const connection = await readConnection(
      inline(kubeconfig({ token: 't0ken' }, { 'tls-server-name': 'other.example' })),
    );
    expect(connection).toMatchObject({
      server: 'https://api.example:6443',
      headers: { Authorization: 'Bearer t0ken' },
      servername: 'other.example',
      skipVerify: false,
    });
  });

  it('may have a path behind its address, and a user name with a password', async () => {
    const text = kubeconfig({ username: 'me', password: 'pass' }, { server: 'https://api.example/k8s/clusters/c-1/' });
    const connection = await readConnection(inline(text));
    expect(connection.server).toBe('https://api.example/k8s/clusters/c-1');
    expect(connection.headers['Authorization']).toBe(`Basic ${Buffer.from('me:pass').toString('base64')}`);
  });

  it('that is a file may name others, relative to itself', async () => {
    const file = path.join(directory, 'config');
    await writeFile(path.join(directory, 'token'), ' from-file \n');
    await writeFile(path.join(directory, 'ca.pem'), 'the authority');
    await writeFile(file, kubeconfig({ tokenFile: 'token', token: 'inline' }, { 'certificate-authority': 'ca.pem' }));
    const connection = await readConnection({ kind: 'file', path: file });
    expect(connection.headers['Authorization']).toBe('Bearer from-file');
    expect(connection.ca).toBe('the authority');
    expect(connection.files).toEqual([file, path.join(directory, 'ca.pem'), path.join(directory, 'token')]);
  });

  it.each([
    [
      'runs a program',
      { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: ['/tmp/never'] } },
    ],
    ['uses an auth provider', { 'auth-provider': { name: 'gcp', config: {} } }],
  ])('that %s is refused unless that is allowed', async (what, user) => {
    expect(await refusal(inline(kubeconfig(user)))).toContain(what);
  });

  it('that runs a program is taken where that is allowed', async () => {
    const status = { token: 'from-program' };
    const answer = JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status });
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'echo', args: [answer] };
    const connection = await readConnection(inline(kubeconfig({ exec })), { programs: true });
    expect(connection.headers['Authorization']).toBe('Bearer from-program');
  });

  it.each([
    ['a token', { tokenFile: '/etc/hostname' }, {}],
    ['a token in an unknown field', { 'token-file': '/etc/hostname' }, {}],
    ['a certificate', { 'client-certificate': '/etc/hostname', 'client-key': '/etc/hostname' }, {}],
    ['an authority', { token: 't' }, { 'certificate-authority': '/etc/hostname' }],
  ])('that came as text is refused when it names a file of %s', async (_what, user, cluster) => {
    expect(await refusal(inline(kubeconfig(user, cluster)))).toMatch(/names files|token-file/);
  });

  it.each([
    ['empty text', ''],
    ['YAML that is broken', 'users:\n- name: u\n  user: {token: s3cr3t, [\n'],
    ['something else', 'token: s3cr3t'],
    ['a list', '[s3cr3t]'],
    [
      'a cluster without an address',
      '{"current-context":"c","contexts":[{"name":"c","context":{"cluster":"c"}}],"clusters":[{"name":"c","cluster":{}}],"users":[{"name":"u","user":{"token":"s3cr3t"}}]}',
    ],
    [
      'a context that leads nowhere',
      kubeconfig({ token: 's3cr3t' }).replace('"current-context":"c"', '"current-context":"x"'),
    ],
    ['an address that is none', kubeconfig({ token: 's3cr3t' }, { server: 'api.example' })],
    ['an address of another kind', kubeconfig({ token: 's3cr3t' }, { server: 'ftp://api.example' })],
    ['an address without TLS', kubeconfig({ token: 's3cr3t' }, { server: 'http://api.example' })],
    ['a token of two lines', kubeconfig({ token: 's3cr3t\ns3cr3t' })],
  ])('that is %s is refused with a sentence that shows no credential', async (_what, text) => {
    const sentence = await refusal(inline(text));
    expect(sentence).toMatch(/^the kubeconfig can't be used, .+: .+/);
    expect(sentence).not.toContain('s3cr3t');
  });

  it('that is missing is refused by name', async () => {
    expect(await refusal({ kind: 'file', path: '/does/not/exist' })).toContain('/does/not/exist');
  });

  it('of a pod has the token of its service account, read afresh each time', async () => {
    const secrets = path.join(directory, 'var/run/secrets/kubernetes.io/serviceaccount');
    await mkdir(secrets, { recursive: true });
    await writeFile(path.join(secrets, 'ca.crt'), 'the authority');
    vi.stubEnv('KUBERNETES_SERVICE_HOST', 'fd00::1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    for (const token of ['first', 'second']) {
      await writeFile(path.join(secrets, 'token'), token);
      const connection = await readConnection({ kind: 'in-cluster', root: directory });
      expect(connection).toMatchObject({
        server: 'https://[fd00::1]:443',
        ca: 'the authority',
        headers: { Authorization: `Bearer ${token}` },
      });
    }
    vi.unstubAllEnvs();
  });

  it('of a pod is refused outside of one', async () => {
    expect(await refusal({ kind: 'in-cluster' })).toContain('not a pod');
  });
});

describe('a client certificate', () => {
  let server: Server;
  let seen: string[];

  beforeEach(async () => {
    await makeCertificate('server', 'localhost');
    seen = [];
    server = createServer(
      {
        cert: await readFile(path.join(directory, 'server.pem')),
        key: await readFile(path.join(directory, 'server.key')),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        const socket = request.socket;
        seen.push(socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject?.CN) : 'none');
        response.setHeader('Content-Type', 'application/json').end('{}');
      },
    );
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  async function makeCertificate(file: string, name: string): Promise<void> {
    const to = path.join(directory, file);
    await runOrThrow(
      [
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ].concat([
        '-subj',
        `/CN=${name}`,
        '-addext',
        `subjectAltName=DNS:${name},IP:127.0.0.1`,
        '-keyout',
        `${to}.key`,
        '-out',
        `${to}.pem`,
      ]),
    );
  }

  async function use(file: string): Promise<void> {
    for (const end of ['pem', 'key'])
      await rename(path.join(directory, `${file}.${end}`), path.join(directory, `client.${end}`));
  }

  it('that was replaced is used from the next request on, and one that is half written is not', async () => {
    await makeCertificate('first', 'first');
    await makeCertificate('second', 'second');
    await use('first');
    const file = path.join(directory, 'config');
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const user = { 'client-certificate': 'client.pem', 'client-key': 'client.key' };
    await writeFile(file, kubeconfig(user, { server: address, 'certificate-authority': 'server.pem' }));
    const access = new ClusterAccess({ kind: 'file', path: file });
    const client = new KubeClient({ access, answerTimeoutMs: 5_000 });
    const ask = (): Promise<unknown> => client.getJson('/', { maxBytes: 100, signal: new AbortController().signal });
    await ask();
    await use('second');
    await ask();
    await writeFile(file, 'half of a kubec');
    await ask();
    access.close();
    expect(seen).toEqual(['first', 'second', 'second']);
  });

  it('of a server under another authority is not trusted, with a sentence', async () => {
    await makeCertificate('other', 'other');
    const file = path.join(directory, 'config');
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await writeFile(file, kubeconfig({ token: 't' }, { server: address, 'certificate-authority': 'other.pem' }));
    const access = new ClusterAccess({ kind: 'file', path: file });
    const client = new KubeClient({ access, answerTimeoutMs: 5_000 });
    const answer = client.getJson('/', { maxBytes: 100, signal: new AbortController().signal });
    await expect(answer).rejects.toThrow(/its certificate is .* not trusted/);
    access.close();
  });
});
