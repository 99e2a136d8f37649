// A real Envoy as an ingress gateway, with credentials from Secrets of a directory: what clients outside the mesh see.

import { createServer as createTlsServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rememberedClusters, SnapshotFile } from '../../../discovery/source/remembered/snapshot-file.ts';
import { makeOutsideAuthority, type OutsideAuthority } from '../../support/server-certificate.ts';
import { waitFor } from '../../support/wait-for.ts';
import { ask, secretYaml, startGatewayScene, type Answer, type Asking, type GatewayScene } from './gateway-scene.ts';

let scene: GatewayScene;
let outside: OutsideAuthority;
let clients: OutsideAuthority;
let strangers: OutsideAuthority;

beforeAll(async () => {
  [scene, outside, clients, strangers] = await Promise.all([
    startGatewayScene(),
    makeOutsideAuthority(),
    makeOutsideAuthority(),
    makeOutsideAuthority(),
  ]);
  const { http, https } = scene.ports;
  for (const [name, host] of [
    ['shop', 'shop.example.com'],
    ['blog', 'blog.example.com'],
  ] as const) {
    const { certificatePem, keyPem } = await outside.leaf(host);
    await scene.declare(`secret-${name}`, secretYaml(name, { 'tls.crt': certificatePem, 'tls.key': keyPem }));
  }
  const { certificatePem, keyPem } = await outside.leaf('bank.example.com');
  const bank = { cert: certificatePem, key: keyPem, cacert: clients.rootPem };
  await scene.declare('secret-bank', secretYaml('bank', bank, { type: 'Opaque' }));
  await scene.declare('secret-elsewhere', secretYaml('hidden', bank, { type: 'Opaque', namespace: 'other' }));
  await scene.declare(
    'gateway',
    `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public, namespace: edge }
spec:
  selector: { istio: ingress }
  servers:
    - { port: { number: ${http}, name: http, protocol: HTTP }, hosts: ["plain.example.com", "sample/*.example.org"] }
    - { port: { number: ${http}, name: redirect, protocol: HTTP }, hosts: ["shop.example.com"], tls: { httpsRedirect: true } }
    - { port: { number: ${https}, name: shop, protocol: HTTPS }, hosts: ["shop.example.com"], tls: { mode: SIMPLE, credentialName: shop } }
    - { port: { number: ${https}, name: blog, protocol: HTTPS }, hosts: ["blog.example.com"], tls: { mode: SIMPLE, credentialName: "kubernetes://blog", minProtocolVersion: TLSV1_3 } }
    - { port: { number: ${https}, name: bank, protocol: HTTPS }, hosts: ["bank.example.com"], tls: { mode: MUTUAL, credentialName: bank } }
    - { port: { number: ${https}, name: own, protocol: TLS }, hosts: ["own.example.com"], tls: { mode: PASSTHROUGH } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all, namespace: sample }
spec:
  gateways: [edge/public]
  hosts: [plain.example.com, "*.example.com"]
  http: [{ route: [{ destination: { host: app, port: { number: 80 } } }] }]
`,
  );
});

afterAll(async () => {
  await Promise.all([scene, outside, clients, strangers].map((one) => one?.[Symbol.asyncDispose]()));
});

const plain = (host: string): Asking => ({ port: scene.ports.http, host });
const secure = (host: string, client: { readonly cert?: string; readonly key?: string } = {}): Asking => ({
  port: scene.ports.https,
  host,
  tls: { ca: outside.rootPem, ...client },
});
const answered = (asking: Asking, status = 200): Promise<Answer> =>
  waitFor(
    () => ask(asking),
    (answer) => answer.status === status,
    { what: `${asking.host} to be answered with ${status}`, timeoutMs: 30_000 },
  );

test('plain HTTP goes to the hosts that both the Gateway and a VirtualService have', async () => {
  expect((await answered(plain('plain.example.com'))).text).toBe('application asked for plain.example.com');
  expect((await ask(plain('nobody.example.net'))).status).toBe(404);
  expect((await ask(plain('blog.example.com'))).status).toBe(404);
});

test('a server that redirects sends clients to HTTPS, with routes or without', async () => {
  const answer = await answered(plain('shop.example.com'), 301);
  expect(answer.headers.location).toBe('https://shop.example.com/');
});

test('each server name has the certificate of its own Secret', async () => {
  expect(await answered(secure('shop.example.com'))).toMatchObject({ certificate: 'shop.example.com' });
  expect(await answered(secure('blog.example.com'))).toMatchObject({ certificate: 'blog.example.com' });
});

test('mutual TLS takes clients under the roots of the Secret, tells the application who they are, and no others', async () => {
  const friend = await clients.leaf('friend');
  const answer = await answered(secure('bank.example.com', { cert: friend.certificatePem, key: friend.keyPem }));
  expect(answer.headers['x-client']).toContain('Subject="CN=friend"');
  await expect(ask(secure('bank.example.com'))).rejects.toThrow(/hang up|ECONNRESET|alert|disconnected/);
  const stranger = await strangers.leaf('friend');
  const refused = ask(secure('bank.example.com', { cert: stranger.certificatePem, key: stranger.keyPem }));
  await expect(refused).rejects.toThrow(/hang up|ECONNRESET|alert|disconnected/);
});

test('TLS is passed through by server name beside servers that end it on the same port', async () => {
  const leaf = await outside.leaf('own.example.com');
  const server = createTlsServer({ cert: leaf.certificatePem, key: leaf.keyPem }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nown'));
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const { port } = server.address() as AddressInfo;
  await scene.declare(
    'own',
    `
apiVersion: v1
kind: Service
metadata: { name: own, namespace: sample }
spec: { clusterIP: 10.96.0.10, ports: [{ name: tls, port: 443, targetPort: ${port} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: own-1, namespace: sample, labels: { kubernetes.io/service-name: own } }
addressType: IPv4
ports: [{ name: tls, port: ${port}, protocol: TCP }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: own, namespace: sample }
spec:
  gateways: [edge/public]
  hosts: [own.example.com]
  tls: [{ match: [{ sniHosts: [own.example.com] }], route: [{ destination: { host: own } }] }]
`,
  );
  expect(await answered(secure('own.example.com'))).toMatchObject({ certificate: 'own.example.com', text: 'own' });
  server.close();
});

test('a Secret that is replaced reaches the gateway alone and without a failed request', async () => {
  const updates = async (secret: string): Promise<number> => scene.stat(`sds.kubernetes_//${secret}.update_success`);
  await answered(secure('shop.example.com'));
  const before = { listeners: await scene.stat('listener_manager.lds.update_attempt'), blog: await updates('blog') };
  const load = { asking: true };
  const failures: unknown[] = [];
  let asked = 0;
  const traffic = (async () => {
    while (load.asking) {
      await ask(secure('shop.example.com')).then(
        ({ status }) => status !== 200 && failures.push(status),
        (error: unknown) => failures.push(error),
      );
      asked += 1;
    }
  })();
  const { certificatePem, keyPem } = await outside.leaf('shop.example.com');
  const serialBefore = await serialOf('shop.example.com');
  await scene.declare('secret-shop', secretYaml('shop', { 'tls.crt': certificatePem, 'tls.key': keyPem }));
  await waitFor(
    () => serialOf('shop.example.com'),
    (serial) => serial !== serialBefore,
    { what: 'the new certificate' },
  );
  load.asking = false;
  await traffic;
  expect(asked).toBeGreaterThan(0);
  expect(failures).toEqual([]);
  expect(await scene.stat('listener_manager.lds.update_attempt')).toBe(before.listeners);
  expect(await updates('blog')).toBe(before.blog);
});

test('a bad replacement is a finding, and the last good one stays', async () => {
  const other = await outside.leaf('shop.example.com');
  const { certificatePem } = await outside.leaf('shop.example.com');
  const serial = await serialOf('shop.example.com');
  await scene.declare('secret-shop', secretYaml('shop', { 'tls.crt': certificatePem, 'tls.key': other.keyPem }));
  const problems = await waitFor(
    () => scene.problems(),
    (found) => found.some(({ code }) => code === 'invalid-secret'),
    { what: 'a finding' },
  );
  expect(problems).toContainEqual(
    expect.objectContaining({
      code: 'invalid-secret',
      object: 'Gateway/edge/public',
      field: 'spec.servers[2].tls.credentialName',
      message: expect.stringContaining('edge/shop has a key in tls.key that does not fit') as unknown,
    }),
  );
  expect(await serialOf('shop.example.com')).toBe(serial);
});

test('a Secret of another namespace or none closes its own names only, until there is one', async () => {
  await scene.declare(
    'late',
    `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: late, namespace: edge }
spec:
  selector: { istio: ingress }
  servers:
    - { port: { number: ${scene.ports.https}, name: late, protocol: HTTPS }, hosts: ["late.example.com"], tls: { mode: SIMPLE, credentialName: hidden } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: late, namespace: sample }
spec:
  gateways: [edge/late]
  hosts: [late.example.com]
  http: [{ route: [{ destination: { host: app, port: { number: 80 } } }] }]
`,
  );
  await waitFor(
    () => scene.problems(),
    (found) => found.some(({ code, message }) => code === 'missing-secret' && message.includes('edge/hidden')),
    { what: 'a finding' },
  );
  await expect(ask(secure('late.example.com'))).rejects.toThrow(/hang up|ECONNRESET|alert|disconnected/);
  await answered(secure('blog.example.com'));
  const { certificatePem, keyPem } = await outside.leaf('late.example.com');
  await scene.declare('secret-late', secretYaml('hidden', { 'tls.crt': certificatePem, 'tls.key': keyPem }));
  expect(await answered(secure('late.example.com'))).toMatchObject({ certificate: 'late.example.com' });
  await answered(secure('blog.example.com'));
  expect(await scene.stat('listener_manager.lds.update_rejected')).toBe(0);
});

test('no page, log or file of the control plane has a byte of a key', async () => {
  const pages = await Promise.all(
    ['/debug/config_dump?proxyID=ingress-1.edge', '/debug/configz', '/debug/adsz', '/api/v1/clusters'].map(
      async (path) => (await fetch(`http://${scene.control.http}${path}`)).text(),
    ),
  );
  const kept = await waitFor(
    () => keptUnder(join(scene.directory, 'state')),
    (files) => files.includes('late.example.com'),
    { what: 'the last Gateway in the state that is kept' },
  );
  const everything = [...pages, kept, scene.control.process.output].join('\n');
  expect(everything.length).toBeGreaterThan(1000);
  expect(everything).not.toContain('PRIVATE KEY');
  expect(everything).not.toContain(Buffer.from('-----BEGIN PRIVATE').toString('base64').slice(0, 20));
  expect(scene.control.process.output).not.toContain('rejected-by-proxy');
});

/** Everything that is kept there, as it is and unpacked, except the authority's own key. */
async function keptUnder(directory: string): Promise<string> {
  const clusters = join(directory, 'clusters');
  const readings = (await rememberedClusters(clusters)).map((clusterId) =>
    new SnapshotFile({ directory: clusters, clusterId, scope: 'primary' }).read(Date.now()),
  );
  return `${await filesUnder(directory)}\n${JSON.stringify(await Promise.all(readings))}`;
}

async function filesUnder(directory: string): Promise<string> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const read = files
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('self-signed'))
    .map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1'));
  return (await Promise.all(read)).join('\n');
}

/** Serial number of the certificate that is shown for a name. */
async function serialOf(host: string): Promise<string> {
  const { connect } = await import('node:tls');
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port: scene.ports.https, servername: host, ca: outside.rootPem },
      () => {
        const { serialNumber } = socket.getPeerCertificate();
        socket.destroy();
        resolve(serialNumber);
      },
    );
    socket.on('error', reject);
  });
}
