// Traffic that leaves the mesh by an egress gateway, in two real Envoys: an application's sidecar, the gateway, a host outside.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../support/authority-server.ts';
import { waitFor } from '../../support/wait-for.ts';
import { ask, startGatewayScene, type GatewayScene } from './gateway-scene.ts';

let scene: GatewayScene;
let outside: Server;
/** Of the host outside as the mesh names it, and of the sidecar's listener. */
let port: number;

beforeAll(async () => {
  scene = await startGatewayScene();
  outside = createServer((request, response) => {
    response.setHeader('x-client', String(request.headers['x-forwarded-client-cert'] ?? ''));
    response.end(`outside asked for ${request.headers.host ?? ''}`);
  });
  await new Promise<void>((done) => {
    outside.listen(0, '127.0.0.1', done);
  });
  port = await freePort();
  await scene.declare('egress', egress((outside.address() as AddressInfo).port));
  await scene.join({
    type: 'sidecar',
    namespace: 'sample',
    account: 'sleep',
    podName: 'sleep-1',
    address: '127.0.0.2',
    label: ['app', 'sleep'],
  });
});

afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  outside?.close();
});

const host = 'api.outside.example';
const throughSidecar = () => ask({ port, host });
const answered = () =>
  waitFor(throughSidecar, ({ status }) => status === 200, { what: 'an answer from outside', timeoutMs: 30_000 });
const requestsOut = () => scene.stat(`cluster.outbound|${port}||${host}.upstream_rq_total`);

test('a request of the mesh goes through the egress gateway over mutual TLS and from there to the host outside', async () => {
  const answer = await answered();
  expect(answer.text).toContain(`outside asked for ${host}`);
  expect(answer.headers['x-client']).toContain('URI=spiffe://cluster.local/ns/sample/sa/sleep');
  const before = await requestsOut();
  expect(before).toBeGreaterThan(0);
  expect((await throughSidecar()).status).toBe(200);
  await waitFor(requestsOut, (count) => count === before + 1, { what: 'the request in the statistics of the gateway' });
});

test('the gateway takes nobody who is not of the mesh', async () => {
  await answered();
  const stranger = ask({ port: scene.ports.tls, host });
  await expect(stranger).rejects.toThrow(/hang up|ECONNRESET/);
  await expect(askWithoutCertificate()).rejects.toThrow(/certificate required|ECONNRESET|closed/);
});

/** Whoever answers, by TLS and without a certificate of its own. */
function askWithoutCertificate(): Promise<string> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port: scene.ports.tls, servername: host, rejectUnauthorized: false };
    const socket = connect(to, () => socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`));
    socket.on('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an answer')));
  });
}

function egress(outsidePort: number): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: sample }
spec:
  hosts: [${host}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: ${port}, name: http, protocol: HTTP, targetPort: ${outsidePort} }]
  endpoints: [{ address: 127.0.0.1 }]
---
apiVersion: v1
kind: Service
metadata: { name: egress, namespace: edge }
spec: { clusterIP: 10.96.0.20, selector: { istio: ingress }, ports: [{ name: https, port: 443, targetPort: ${scene.ports.tls} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: egress-1, namespace: edge, labels: { kubernetes.io/service-name: egress } }
addressType: IPv4
ports: [{ name: https, port: ${scene.ports.tls}, protocol: TCP }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: egress, namespace: edge }
spec:
  selector: { istio: ingress }
  servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: [${host}], tls: { mode: ISTIO_MUTUAL } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: egress, namespace: sample }
spec: { host: egress.edge.svc.cluster.local, trafficPolicy: { tls: { mode: ISTIO_MUTUAL, sni: ${host} } } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: outside, namespace: sample }
spec:
  hosts: [${host}]
  gateways: [mesh, edge/egress]
  http:
    - match: [{ gateways: [mesh] }]
      route: [{ destination: { host: egress.edge.svc.cluster.local, port: { number: 443 } } }]
    - match: [{ gateways: [edge/egress] }]
      route: [{ destination: { host: ${host}, port: { number: ${port} } } }]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: sleep, namespace: sample }
spec:
  workloadSelector: { labels: { app: sleep } }
  egress:
    - { port: { number: ${port}, name: http, protocol: HTTP }, bind: 127.0.0.1, captureMode: NONE, hosts: ["*/*"] }
`;
}
