// A real Envoy with what was generated for the inbound side of several workloads, one listener each, on ports of the loopback: HTTP
// and TCP, plain and under mutual TLS with certificates of a test's own authority. Behind it are servers that echo.

import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { Issuer } from '../../../ca/issuer.ts';
import { systemClock } from '../../../ca/clock.ts';
import type { MeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { Bootstrap } from '../../../proto/generated/envoy.config.bootstrap.v3.ts';
import { Cluster_DiscoveryType, type Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import type { Listener } from '../../../proto/generated/envoy.config.listener.v3.ts';
import { toJson } from '../../../proto/json.ts';
import { socketAddress } from '../../../server/generate/address.ts';
import { packAny } from '../../../proto/codec.ts';
import { HttpProtocolOptions } from '../../../proto/generated/envoy.extensions.upstreams.http.v3.ts';
import { generateInbound } from '../../../server/generate/inbound.ts';
import { tlsInspector } from '../../../server/generate/listener-filter.ts';
import { buildInboundView } from '../../../server/view/inbound-view.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import { makeAuthority } from '../../support/certificate-authority.ts';
import { envoyPath } from '../../support/envoy.ts';
import { certificateFor, withStaticSecrets } from '../../support/mesh-certificate.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import { startProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { exchange, send, type Answered, type Asked } from './guarded-client.ts';

/** One workload: whose policies hold for it. */
export interface GuardedWorkload {
  readonly policies: readonly Policy[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly config?: Partial<MeshConfig>;
  /** What the control plane knows beside the policies. */
  readonly known?: Partial<MeshSnapshot>;
}

export interface GuardedEnvoy extends AsyncDisposable {
  /** Asks the HTTP port of a workload. */
  ask(workload: string, asked?: Asked): Promise<Answered>;
  /** What the TCP port of a workload says to `hello`; empty when the connection is closed. */
  pass(workload: string, asked?: Pick<Asked, 'as' | 'sni'>): Promise<string>;
  httpPort(workload: string): number;
  tcpPort(workload: string): number;
  /** Lines of the access log. */
  accessLog(): readonly string[];
  /** A counter or gauge by its whole name. */
  stat(name: string): Promise<number>;
}

export interface GuardedEnvoyOptions {
  readonly workloads: Readonly<Record<string, (ports: Ports) => GuardedWorkload>>;
  /** Of the mesh of all workloads. */
  readonly config?: Partial<MeshConfig>;
  /** Servers beside the workloads: their ports by the names of clusters. `h2`: spoken to with HTTP/2. */
  readonly clusters?: Readonly<Record<string, { readonly port: number; readonly h2?: boolean }>>;
}

export interface Ports {
  readonly http: number;
  readonly tcp: number;
}

export async function guardInEnvoy({ workloads, clusters = {} }: GuardedEnvoyOptions): Promise<GuardedEnvoy> {
  const servers: (HttpServer | Server)[] = [];
  const echo = await listen(echoHttp(), servers);
  const tcpEcho = await listen(echoTcp(), servers);
  const ports = new Map<string, Ports>();
  const names = Object.keys(workloads);
  const [adminPort = 0, ...free] = await freePorts(1 + 2 * names.length);
  for (const [index, name] of names.entries()) {
    ports.set(name, { http: free[2 * index] ?? 0, tcp: free[2 * index + 1] ?? 0 });
  }
  const portsOf = (name: string): Ports => {
    const found = ports.get(name);
    if (found === undefined) throw new Error(`no workload ${name}`);
    return found;
  };
  const made = Object.entries(workloads).map(([name, describe]) => {
    const own = portsOf(name);
    return { name, own, listener: listenerOf(name, own, describe(own)) };
  });
  const cluster = (name: string, port: number, h2 = false): Cluster => ({
    name,
    type: Cluster_DiscoveryType.STATIC,
    ...(h2 ? { typedExtensionProtocolOptions: overHttp2 } : {}),
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ endpoint: { address: socketAddress('127.0.0.1', port) } }] }],
    },
  });
  const authority = await makeAuthority();
  const issuer = new Issuer({ material: authority.material, clock: systemClock });
  const certificates = new Map<string, ReturnType<typeof certificateFor>>();
  const certificate = (text: string) => {
    const known = certificates.get(text) ?? certificateFor(issuer, text);
    certificates.set(text, known);
    return known;
  };
  const server = await certificate('cluster.local/default/web');
  const bootstrap = withStaticSecrets(
    toJson(Bootstrap, {
      admin: { address: socketAddress('127.0.0.1', adminPort) },
      staticResources: {
        clusters: [
          ...made.flatMap(({ own }) => [
            cluster(`inbound|${own.http}||`, echo),
            cluster(`inbound|${own.tcp}||`, tcpEcho),
          ]),
          cluster('InboundPassthroughCluster', tcpEcho),
          cluster('BlackHoleCluster', 1),
          ...Object.entries(clusters).map(([name, { port, h2 }]) => cluster(name, port, h2)),
        ],
        listeners: made.map(({ listener }) => listener),
        secrets: [
          {
            name: 'default',
            tlsCertificate: {
              certificateChain: { inlineString: server.chain },
              privateKey: { inlineString: server.key },
            },
          },
          { name: 'ROOTCA', validationContext: { trustedCa: { inlineString: authority.root.certificatePem } } },
        ],
      },
    }),
  );
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-security-'));
  const file = join(directory, 'bootstrap.json');
  await writeFile(file, JSON.stringify(bootstrap));
  const flags = [
    '--use-dynamic-base-id',
    '--concurrency',
    '1',
    '--log-level',
    'error',
    '--file-flush-interval-msec',
    '20',
  ];
  const lines: string[] = [];
  const envoy = startProcess([await envoyPath(), '-c', file, ...flags], { onLine: (line) => lines.push(line) });
  const tlsOf = async (as: string, sni?: string): Promise<ConnectionOptions> => {
    const { chain, key } = await certificate(as);
    return {
      host: '127.0.0.1',
      cert: chain,
      key,
      ca: authority.root.certificatePem,
      ALPNProtocols: ['istio', 'http/1.1'],
      // A SPIFFE certificate names no host.
      checkServerIdentity: () => undefined,
      ...(sni === undefined ? {} : { servername: sni }),
    };
  };
  const guarded: GuardedEnvoy = {
    ask: async (workload, asked = {}) => {
      const { http } = portsOf(workload);
      const tls = asked.as === undefined ? undefined : { ...(await tlsOf(asked.as, asked.sni)), port: http };
      return send(http, asked, tls);
    },
    pass: async (workload, asked = {}) => {
      const { tcp } = portsOf(workload);
      const tls = asked.as === undefined ? undefined : { ...(await tlsOf(asked.as, asked.sni)), port: tcp };
      return exchange(tcp, tls);
    },
    httpPort: (workload) => portsOf(workload).http,
    tcpPort: (workload) => portsOf(workload).tcp,
    accessLog: () => lines.filter((line) => line.startsWith('[2')),
    stat: async (name) => {
      const { body } = await send(adminPort, {
        path: `/stats?filter=^${encodeURIComponent(name.replaceAll('.', String.raw`\.`))}$`,
      });
      const value = /: (\d+)/.exec(body)?.[1];
      if (value === undefined) throw new Error(`there is no statistic ${name}`);
      return Number(value);
    },
    [Symbol.asyncDispose]: async () => {
      await envoy.stop();
      for (const server of servers) server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await waitFor(
      () => send(adminPort, { path: '/ready' }),
      ({ status }) => status === 200,
      { what: 'an Envoy that is ready' },
    );
  } catch (error) {
    await guarded[Symbol.asyncDispose]();
    throw new Error(`Envoy said: ${lines.join('\n')}`, { cause: error });
  }
  return guarded;
}

const overHttp2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': packAny(HttpProtocolOptions, {
    explicitHttpConfig: { http2ProtocolOptions: {} },
  }),
};

/** What the product generated for the workload, where the redirection of its connections is left out: each port is listened on. */
function listenerOf(name: string, ports: Ports, workload: GuardedWorkload): Listener {
  const { policies, labels = {}, config = {}, known = {} } = workload;
  const made = mesh({
    config: { accessLogFile: '/dev/stdout', ...config },
    services: [service('web', ['http:80', 'tcp-data:81'], { addresses: { 'cluster-1': ['10.96.0.40'] } })],
    endpoints: {
      'web.default.svc.cluster.local': [
        endpoint('cluster-1/network1', '10.1.0.9', { http: ports.http, 'tcp-data': ports.tcp }),
      ],
    },
    policies,
  });
  const proxy = sidecar({ labels: { app: 'web', ...labels } });
  const snapshot = { ...made, ...known };
  const { listeners } = generateInbound(buildInboundView(viewKeysOf(proxy, snapshot).inboundScope, snapshot));
  const inbound = listeners.find((listener) => listener.name === 'virtualInbound')?.message;
  if (inbound === undefined) throw new Error('no inbound listener was generated');
  return {
    name,
    address: socketAddress('127.0.0.1', ports.http),
    additionalAddresses: [{ address: socketAddress('127.0.0.1', ports.tcp) }],
    listenerFilters: [tlsInspector()],
    filterChains: inbound.filterChains,
    accessLog: inbound.accessLog,
    defaultFilterChain: inbound.defaultFilterChain,
  };
}

function echoHttp(): HttpServer {
  return createHttpServer((asked, response) => {
    response.setHeader('x-echo', 'yes');
    response.end(JSON.stringify({ path: asked.url, headers: asked.headers }));
  });
}

function echoTcp(): Server {
  return createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.end(`echo ${String(data)}`));
  });
}

function listen<T extends HttpServer | Server>(server: T, into: T[]): Promise<number> {
  into.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** All taken before the first is given back, so that each is another one. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  const ports = await Promise.all(Array.from({ length: count }, () => listen(createServer(), servers)));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
