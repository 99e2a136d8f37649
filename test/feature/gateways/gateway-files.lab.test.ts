// Certificates that Gateways and DestinationRules name as files beside the proxy, in a real Envoy: TLS that ends at a gateway, and TLS that
// a gateway begins towards a host outside. Files are missing, arrive, and are replaced.

import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeOutsideAuthority, type OutsideAuthority } from '../../support/server-certificate.ts';
import { waitFor } from '../../support/wait-for.ts';
import { ask, startGatewayScene, type Answer, type Asking, type GatewayScene } from './gateway-scene.ts';

let scene: GatewayScene;
let authority: OutsideAuthority;
let outside: Server;
/** Serial numbers of the certificates that the host outside was shown. */
const shown: string[] = [];

const file = (name: string): string => join(scene.directory, name);

async function writePair(name: string, dnsName: string): Promise<void> {
  const { certificatePem, keyPem } = await authority.leaf(dnsName);
  await writeFile(file(`${name}.key`), keyPem);
  await writeFile(file(`${name}.crt`), certificatePem);
}

beforeAll(async () => {
  [scene, authority] = await Promise.all([startGatewayScene(), makeOutsideAuthority()]);
  const { certificatePem: cert, keyPem: key } = await authority.leaf('api.outside.example');
  const tls = { cert, key, ca: authority.rootPem, requestCert: true, rejectUnauthorized: true };
  outside = createServer(tls, (request, response) => {
    shown.push((request.socket as TLSSocket).getPeerCertificate().serialNumber);
    response.end('outside');
  });
  await new Promise<void>((done) => {
    outside.listen(0, '127.0.0.1', done);
  });
  await writeFile(file('roots.crt'), authority.rootPem);
  await writePair('early', 'early.example.com');
  await writePair('client', 'client.example.com');
  await scene.declare('files', objects((outside.address() as AddressInfo).port));
});

afterAll(async () => {
  await Promise.all([scene, authority].map((one) => one?.[Symbol.asyncDispose]()));
  outside?.close();
});

const secure = (host: string): Asking => ({ port: scene.ports.https, host, tls: { ca: authority.rootPem } });
const answered = (asking: Asking): Promise<Answer> =>
  waitFor(
    () => ask(asking),
    ({ status }) => status === 200,
    { what: `${asking.host} to be answered`, timeoutMs: 30_000 },
  );

test('a gateway shows the certificate of the file, and one whose file is missing keeps no other from being served', async () => {
  expect(await answered(secure('early.example.com'))).toMatchObject({ certificate: 'early.example.com' });
  await expect(ask(secure('late.example.com'))).rejects.toThrow(/hang up|ECONNRESET|alert|disconnected/);
  expect(await scene.stat('listener_manager.lds.update_rejected')).toBe(0);
});

test('a file that arrives later is used as soon as it is there, and one that is replaced by the next connections', async () => {
  const before = await scene.stat('listener_manager.lds.update_attempt');
  await writePair('late', 'late.example.com');
  expect(await answered(secure('late.example.com'))).toMatchObject({ certificate: 'late.example.com' });
  await writePair('early', 'renewed.example.com');
  // The name of the new certificate is another, so that clients tell the two apart.
  await waitFor(
    () => ask({ ...secure('early.example.com') }).then(String, String),
    (said) => said.includes('renewed.example.com'),
    { what: 'the new certificate' },
  );
  expect(await scene.stat('listener_manager.lds.update_attempt')).toBe(before);
});

test('a gateway begins TLS to a host outside with the certificate of its files, also after they are replaced', async () => {
  const out: Asking = { port: scene.ports.http, host: 'api.outside.example' };
  expect((await answered(out)).text).toBe('outside');
  const first = shown.at(-1);
  const before = await scene.stat('cluster_manager.cds.update_attempt');
  await writePair('client', 'client.example.com');
  await waitFor(
    async () => {
      await ask({ ...out, headers: { connection: 'close' } });
      return shown.at(-1);
    },
    (serial) => serial !== first,
    { what: 'the new certificate at the host outside' },
  );
  expect(await scene.stat('cluster_manager.cds.update_attempt')).toBe(before);
  expect(await scene.stat('cluster_manager.cds.update_rejected')).toBe(0);
});

function objects(outsidePort: number): string {
  const server = (name: string): string =>
    `    - { port: { number: ${scene.ports.https}, name: ${name}, protocol: HTTPS }, hosts: ["${name}.example.com"], ` +
    `tls: { mode: SIMPLE, serverCertificate: ${file(`${name}.crt`)}, privateKey: ${file(`${name}.key`)} } }`;
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public, namespace: edge }
spec:
  selector: { istio: ingress }
  servers:
${server('early')}
${server('late')}
    - { port: { number: ${scene.ports.http}, name: http, protocol: HTTP }, hosts: ["api.outside.example"] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all, namespace: sample }
spec:
  gateways: [edge/public]
  hosts: ["*.example.com"]
  http: [{ route: [{ destination: { host: app, port: { number: 80 } } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: edge }
spec:
  hosts: [api.outside.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${outsidePort} }]
  endpoints: [{ address: 127.0.0.1 }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: outside, namespace: edge }
spec:
  host: api.outside.example
  trafficPolicy:
    connectionPool: { http: { maxRequestsPerConnection: 1 } }
    tls:
      mode: MUTUAL
      sni: api.outside.example
      clientCertificate: ${file('client.crt')}
      privateKey: ${file('client.key')}
      caCertificates: ${file('roots.crt')}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: outside, namespace: edge }
spec:
  gateways: [public]
  hosts: [api.outside.example]
  http: [{ route: [{ destination: { host: api.outside.example, port: { number: 80 } } }] }]
`;
}
