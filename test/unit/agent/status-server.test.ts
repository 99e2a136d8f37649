// The port that a kubelet and Prometheus ask: answers of real servers passed on.

import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseAppProbes } from '../../../agent/status/app-prober.ts';
import { startStatusServer } from '../../../agent/status/status-server.ts';
import type { StatusServer } from '../../../agent/status/status-server.ts';

let app: Server;
let envoy: Server;
let health: HealthServer;
let status: StatusServer;
let quits = 0;
let envoyReady = true;

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const ask = async (path: string, init: RequestInit = {}): Promise<[number, string]> => {
  const answer = await fetch(`http://127.0.0.1:${status.port}${path}`, init);
  return [answer.status, await answer.text()];
};
const listening = (server: Server, address: string): Promise<Server> =>
  new Promise((resolve) => server.listen(0, address, () => resolve(server)));

/** A real gRPC server: the whole of it serves, and its service `store` does not. */
interface HealthServer {
  readonly port: number;
  stop(): void;
}

async function startHealthServer(): Promise<HealthServer> {
  const server = new grpc.Server();
  const check = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestDeserialize: (bytes: Buffer) => bytes,
    requestSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
  };
  server.addService(
    { check },
    {
      check: ({ request }: { request: Buffer }, answer: (error: null, bytes: Buffer) => void) =>
        answer(null, Buffer.from([0x08, request.includes('store') ? 2 : 1])),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure();
    server.bindAsync('127.0.0.1:0', insecure, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { port, stop: () => server.forceShutdown() };
}

beforeEach(async () => {
  quits = 0;
  envoyReady = true;
  app = await listening(
    createServer((request, response) => {
      const isAsked = request.url === '/health?full' && request.headers['x-probe'] === 'yes';
      if (request.url === '/slow') return;
      response.writeHead(isAsked ? 204 : 418).end();
    }),
    '127.0.0.1',
  );
  envoy = await listening(
    createServer((request, response) => {
      if (request.url === '/ready') response.writeHead(envoyReady ? 200 : 503).end('LIVE');
      else response.end('envoy_up 1\n');
    }),
    '127.0.0.1',
  );
  health = await startHealthServer();
  const port = portOf(app);
  status = await startStatusServer({
    workload: {
      workloadName: 'web-v1',
      namespace: 'shop',
      clusterId: 'c1',
      labels: { app: 'web' },
      spiffeId: 'spiffe://td/ns/shop/sa/web',
    },
    port: 0,
    adminPort: portOf(envoy),
    podAddress: '127.0.0.1',
    onQuit: () => (quits += 1),
    probes: parseAppProbes(
      JSON.stringify({
        '/app-health/web/readyz': {
          httpGet: { port, path: 'health?full', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] },
        },
        '/app-health/web/livez': { httpGet: { port, path: '/other' } },
        '/app-health/web/startupz': { tcpSocket: { port } },
        '/app-health/slow/livez': { httpGet: { port, path: '/slow' }, timeoutSeconds: 1 },
        '/app-health/gone/livez': { tcpSocket: { port: 1 } },
        '/app-health/grpc/livez': { grpc: { port: health.port } },
        '/app-health/grpc/readyz': { grpc: { port: health.port, service: 'store' } },
        '/app-health/grpc/startupz': { grpc: { port: 1 } },
        '/somewhere': { tcpSocket: { port } },
      }),
    ),
  });
});

afterEach(async () => {
  await status.stop();
  health.stop();
  for (const server of [app, envoy]) {
    server.closeAllConnections();
    server.close();
  }
});

test.for<[string, number]>([
  ['/app-health/web/readyz', 204],
  ['/app-health/web/livez', 418],
  ['/app-health/web/startupz', 200],
  ['/app-health/slow/livez', 500],
  ['/app-health/gone/livez', 500],
  ['/app-health/grpc/livez', 200],
  ['/app-health/grpc/readyz', 503],
  ['/app-health/grpc/startupz', 500],
  ['/app-health/unknown/livez', 404],
  ['/somewhere', 404],
])('%s is answered %i', async ([path, expected]) => {
  expect((await ask(path))[0]).toBe(expected);
});

test('readiness and metrics are those of Envoy', async () => {
  expect(await ask('/healthz/ready')).toEqual([200, 'LIVE']);
  expect(await ask('/stats/prometheus')).toEqual([200, 'envoy_up 1\n']);
  envoyReady = false;
  expect((await ask('/healthz/ready'))[0]).toBe(503);
  envoy.closeAllConnections();
  envoy.close();
  expect(await ask('/healthz/ready')).toEqual([503, expect.stringContaining('Envoy does not answer')]);
});

test('the pod itself may end its proxy, by POST', async () => {
  expect((await ask('/quitquitquit'))[0]).toBe(405);
  expect(quits).toBe(0);
  expect((await ask('/quitquitquit', { method: 'POST' }))[0]).toBe(200);
  expect(quits).toBe(1);
});

test('probes that are no JSON mapping are refused', () => {
  expect(() => parseAppProbes('[')).toThrow('ISTIO_KUBE_APP_PROBERS is not JSON like');
  expect(() => parseAppProbes('[]')).toThrow('ISTIO_KUBE_APP_PROBERS is not JSON like');
  expect(parseAppProbes('').size).toBe(0);
});
