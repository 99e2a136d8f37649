// A real Envoy that routes by what was generated for one port: its clusters lead to small servers on the loopback that say
// which cluster they are and what reached them.

import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { packAny } from '../../../proto/codec.ts';
import { Bootstrap } from '../../../proto/generated/envoy.config.bootstrap.v3.ts';
import { Cluster_DiscoveryType, type Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { Router } from '../../../proto/generated/envoy.extensions.filters.http.router.v3.ts';
import { HttpConnectionManager } from '../../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { toJson } from '../../../proto/json.ts';
import { socketAddress } from '../../../server/generate/address.ts';
import { routeFilters } from '../../../server/generate/route-filters.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { envoyPath } from '../../support/envoy.ts';
import { generateAll } from '../../support/generate-all.ts';
import { startProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

/** What came back. `cluster`, `path` and `headers` are what the server behind the route saw; absent when none was asked. */
export interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly responseHeaders: IncomingHttpHeaders;
  readonly body: string;
  readonly cluster: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

export interface Question {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RoutingEnvoy extends AsyncDisposable {
  ask(question: Question): Promise<Answer>;
  /** Paths and hosts of the requests that a cluster's server was sent, `HOST PATH`. */
  received(cluster: string): readonly string[];
}

/** Starts it with the routes that `proxy` has for `port`. */
export async function routeInEnvoy(proxy: Proxy, mesh: MeshSnapshot, port: number): Promise<RoutingEnvoy> {
  const generated = generateAll(proxy, mesh);
  const routes = generated.wholeRoutes.find(({ name }) => name === String(port));
  const names = generated.clusters.map(({ name }) => name).filter((name) => name.startsWith('outbound|'));
  const servers = await Promise.all(
    names.map(async (name) => {
      const received: string[] = [];
      return { name, received, server: await startServer(name, received) };
    }),
  );
  const listenPort = await freePort();
  const clusters = servers.map(({ name, server }): Cluster => ({
    name,
    type: Cluster_DiscoveryType.STATIC,
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ endpoint: { address: socketAddress('127.0.0.1', portOf(server)) } }] }],
    },
  }));
  const manager = packAny(HttpConnectionManager, {
    statPrefix: 'routes',
    routeConfig: routes?.message,
    httpFilters: [...routeFilters(), { name: 'router', typedConfig: packAny(Router, {}) }],
  });
  const bootstrap = toJson(Bootstrap, {
    staticResources: {
      clusters,
      listeners: [
        {
          name: 'routes',
          address: socketAddress('127.0.0.1', listenPort),
          filterChains: [{ filters: [{ name: 'http', typedConfig: manager }] }],
        },
      ],
    },
  });
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-routes-'));
  const file = join(directory, 'bootstrap.json');
  await writeFile(file, JSON.stringify(bootstrap));
  const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'error'];
  const envoy = startProcess([await envoyPath(), '-c', file, ...flags]);
  const ask = (question: Question) => send(listenPort, question);
  const dispose = async () => {
    await envoy.stop();
    for (const { server } of servers) {
      server.closeAllConnections();
      server.close();
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await waitFor(
      () => ask({ host: 'nobody.example.com' }),
      ({ status }) => status > 0,
      { what: 'an Envoy that answers' },
    );
  } catch (error) {
    await dispose();
    throw error;
  }
  const received = (cluster: string) => servers.find(({ name }) => name === cluster)?.received ?? [];
  return { ask, received, [Symbol.asyncDispose]: dispose };
}

/** Answers, unless the request asks for something else: `x-fail-times` failures before an answer, or none at all (`x-stall`). */
function startServer(cluster: string, received: string[]): Promise<Server> {
  const server = createServer((asked, response) => {
    received.push(`${asked.headers.host} ${asked.url}`);
    if (asked.headers['x-stall'] !== undefined) return;
    if (Number(asked.headers['x-envoy-attempt-count']) <= Number(asked.headers['x-fail-times'])) {
      response.statusCode = 500;
      response.setHeader('x-attempts', String(asked.headers['x-envoy-attempt-count']));
      response.end();
      return;
    }
    response.setHeader('x-cluster', encodeURIComponent(cluster));
    response.end(JSON.stringify({ path: asked.url, headers: asked.headers }));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

async function freePort(): Promise<number> {
  const server = await startServer('', []);
  const port = portOf(server);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function send(port: number, { host, path = '/', method = 'GET', headers = {} }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers: { ...headers, host } };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const cluster = response.headers['x-cluster'];
        const seen = (cluster === undefined ? {} : JSON.parse(body)) as {
          path?: string;
          headers?: IncomingHttpHeaders;
        };
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          responseHeaders: response.headers,
          body,
          cluster: typeof cluster === 'string' ? decodeURIComponent(cluster) : undefined,
          path: seen.path,
          headers: seen.headers ?? {},
        });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
