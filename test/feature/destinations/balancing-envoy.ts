// A real Envoy with the clusters, the assignments and the routes of port 80 that were generated for a sidecar. The endpoints of the
// mesh are servers on the loopback; those behind a gateway are reached with mesh mTLS.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerOptions } from 'node:https';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { packAny } from '../../../proto/codec.ts';
import { Bootstrap } from '../../../proto/generated/envoy.config.bootstrap.v3.ts';
import { Cluster_DiscoveryType, type Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { Router } from '../../../proto/generated/envoy.extensions.filters.http.router.v3.ts';
import { HttpConnectionManager } from '../../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { toJson, type JsonValue } from '../../../proto/json.ts';
import { socketAddress } from '../../../server/generate/address.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { freePort } from '../../support/authority-server.ts';
import { makeAuthority } from '../../support/certificate-authority.ts';
import { envoyPath } from '../../support/envoy.ts';
import { generateAll, type Generated } from '../../support/generate-all.ts';
import { certificateFor, staticSecrets, withStaticSecrets } from '../../support/mesh-certificate.ts';
import { startProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

/** `backend` is the server's name; `flags` say why Envoy answered in its stead, as its access log does. */
export interface Answer {
  readonly status: number;
  readonly backend: string | undefined;
  readonly flags: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

export interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  /** The client's own address, of 127.0.0.0/8. */
  readonly from?: string;
}

export interface BalancingEnvoy extends AsyncDisposable {
  /** One request to a service of namespace `default`. */
  ask(service: string, asking?: Asking): Promise<Answer>;
  /** How many of `count` requests, one after the other, each backend got. */
  shares(service: string, count: number): Promise<Readonly<Record<string, number>>>;
  /** A counter or gauge of a service's cluster. */
  stat(service: string, name: string): Promise<number>;
}

/** What workloads of the mesh have: for TLS servers that stand for gateways. */
export interface MeshIdentity {
  readonly serverTls: ServerOptions;
  readonly secrets: JsonValue;
  readonly rootPem: string;
}

export async function meshIdentity(): Promise<MeshIdentity> {
  const authority = await makeAuthority();
  const issuer = new Issuer({ material: authority.material, clock: systemClock });
  const certificate = await certificateFor(issuer, 'cluster.local/default/default');
  const root = authority.root.certificatePem;
  return {
    serverTls: {
      cert: certificate.chain,
      key: certificate.key,
      ca: root,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['istio'],
    },
    secrets: staticSecrets(certificate, root),
    rootPem: root,
  };
}

export interface BalancingOptions {
  readonly proxy: Proxy;
  readonly mesh: MeshSnapshot;
  /** A new one if left out. */
  readonly identity?: MeshIdentity;
}

export async function balanceInEnvoy(options: BalancingOptions): Promise<BalancingEnvoy> {
  const { proxy, mesh, identity = await meshIdentity() } = options;
  const [port, adminPort] = [await freePort(), await freePort()];
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-destinations-'));
  const file = join(directory, 'bootstrap.json');
  await writeFile(file, JSON.stringify(bootstrapOf(generateAll(proxy, mesh), { port, adminPort, identity })));
  // One thread: a cluster's turns are counted on each thread for itself.
  const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'error'];
  const envoy = startProcess([await envoyPath(), '-c', file, ...flags]);
  const agent = new Agent({ keepAlive: true });
  const host = (service: string): string => `${service}.default.svc.cluster.local`;
  const ask = (service: string, asking: Asking = {}): Promise<Answer> => send({ port, agent }, host(service), asking);
  const dispose = async (): Promise<void> => {
    agent.destroy();
    await envoy.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await waitFor(
      () => ask('nobody'),
      ({ status }) => status > 0,
      { what: 'an Envoy that answers' },
    );
  } catch (error) {
    await dispose();
    throw new Error(`Envoy said: ${envoy.output}`, { cause: error });
  }
  return {
    ask,
    shares: async (service, count) => {
      const counts: Record<string, number> = {};
      for (let sent = 0; sent < count; sent += 1) {
        const { backend, status, flags: why } = await ask(service);
        const name = backend ?? `${String(status)} ${String(why)}`;
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    },
    stat: async (service, name) => {
      const whole = `cluster.outbound|80||${host(service)}.${name}`;
      const response = await fetch(`http://127.0.0.1:${String(adminPort)}/stats?filter=${encodeURIComponent(name)}`);
      const line = (await response.text()).split('\n').find((text) => text.startsWith(`${whole}: `));
      return Number(line?.slice(whole.length + 2));
    },
    [Symbol.asyncDispose]: dispose,
  };
}

interface Wiring {
  readonly port: number;
  readonly adminPort: number;
  readonly identity: MeshIdentity;
}

function bootstrapOf({ clusters, assignments, wholeRoutes }: Generated, wiring: Wiring): JsonValue {
  const assigned = ({ edsClusterConfig, ...cluster }: Cluster): Cluster => {
    if (edsClusterConfig === undefined) return cluster;
    const loadAssignment = assignments.find(({ name }) => name === edsClusterConfig.serviceName)?.message;
    return { ...cluster, type: Cluster_DiscoveryType.STATIC, loadAssignment };
  };
  const manager = packAny(HttpConnectionManager, {
    statPrefix: 'destinations',
    routeConfig: wholeRoutes.find(({ name }) => name === '80')?.message,
    localReplyConfig: { bodyFormat: { textFormatSource: { inlineString: '%RESPONSE_FLAGS%' } } },
    httpFilters: [{ name: 'router', typedConfig: packAny(Router, {}) }],
  });
  const bootstrap = toJson(Bootstrap, {
    admin: { address: socketAddress('127.0.0.1', wiring.adminPort) },
    staticResources: {
      clusters: clusters
        .map(({ message }) => message)
        .filter(({ name }) => name?.startsWith('outbound|'))
        .map(assigned),
      listeners: [
        {
          name: 'destinations',
          address: socketAddress('127.0.0.1', wiring.port),
          filterChains: [{ filters: [{ name: 'http', typedConfig: manager }] }],
        },
      ],
    },
  }) as { readonly staticResources: Record<string, JsonValue> };
  const staticResources = { ...bootstrap.staticResources, secrets: wiring.identity.secrets };
  return withStaticSecrets({ ...bootstrap, staticResources });
}

function send(
  { port, agent }: { readonly port: number; readonly agent: Agent },
  host: string,
  { headers = {}, path = '/', from }: Asking,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path,
      headers: { ...headers, host },
      ...(from === undefined ? { agent } : { localAddress: from, agent: false }),
    };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const backend = response.headers['x-backend'];
        const body = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          backend: typeof backend === 'string' ? backend : undefined,
          flags: body === '' ? undefined : body,
          headers: response.headers,
        });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
