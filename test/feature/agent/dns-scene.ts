// An instance with a remote cluster, a resolver that knows the rest of the world, and an agent that answers DNS between the two. Out:
// resolvers as programs have them, and the parts to stop.

import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import dns from 'node:dns/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { decode, encode, type Answer, type DecodedPacket } from 'dns-packet';
import { stringify } from 'yaml';
import { frame, FrameReader } from '../../../agent/dns/tcp-frames.ts';
import { makeAuthorities } from '../../demo/identity-files.ts';
import { freePort } from '../../support/authority-server.ts';
import { podManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { startProcess, type RunningProcess } from '../../support/process.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';

export interface DnsScene extends AsyncDisposable {
  readonly instance: ServeProcess;
  readonly agent: RunningProcess;
  readonly upstream: UpstreamServer;
  /** Where the agent answers DNS. */
  readonly port: number;
  readonly resolver: dns.Resolver;
  /** Writes objects into the directory of the primary or of the remote. */
  write(cluster: 'primary' | 'remote', name: string, ...manifests: readonly Manifest[]): void;
}

export async function startDnsScene(): Promise<DnsScene> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-dns-'));
  const places = { primary: join(directory, 'one'), remote: join(directory, 'two'), ca: join(directory, 'ca') };
  await Promise.all(Object.values(places).map((place) => mkdir(place)));
  const authorities = await makeAuthorities(places.ca, ['cluster-1']);
  const write: DnsScene['write'] = (cluster, name, ...manifests) =>
    writeFileSync(join(places[cluster], name), manifests.map((manifest) => stringify(manifest)).join('---\n'));
  write('primary', 'token.yaml', tokenSecret());
  write(
    'primary',
    'services.yaml',
    serviceManifest('helloworld', { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] }),
    serviceManifest('web', { clusterIP: 'None', clusterIPs: ['None'] }),
    podManifest('sleep-1', '127.0.0.1', 'sleep'),
    ...Array.from({ length: 40 }, (_, index) => podManifest(`web-${index}`, `10.1.1.${index + 1}`, 'web')),
  );
  write(
    'remote',
    'services.yaml',
    serviceManifest('only-there', { clusterIP: '10.97.0.10', clusterIPs: ['10.97.0.10'] }),
  );
  const instance = await startServe({
    argv: Object.entries({
      '--cluster-id': 'cluster-1',
      '--network': 'network-1',
      '--registry': places.primary,
      '--remote': `cluster-2=${places.remote}`,
      '--ca-dir': authorities.directories.get('cluster-1') ?? '',
      '--state-dir': join(directory, 'state'),
    }).flat(),
    monitoring: true,
  });
  const upstream = await UpstreamServer.start();
  const port = await freePort();
  writeFileSync(join(directory, 'token'), 'sleep-token');
  writeFileSync(
    join(directory, 'resolv.conf'),
    'nameserver 127.0.0.1\nsearch sample.svc.cluster.local svc.cluster.local\n',
  );
  const options = {
    '--discovery-address': instance.xdsTls,
    '--root-cert': authorities.rootFile,
    '--token': join(directory, 'token'),
    '--cluster-id': 'cluster-1',
    '--network': 'network-1',
    '--namespace': 'sample',
    '--service-account': 'sleep',
    '--pod-name': 'sleep-1',
    '--pod-ip': '127.0.0.1',
    '--dns': 'on',
    '--dns-port': String(port),
    '--dns-upstream': `127.0.0.1:${upstream.port}`,
    '--resolv-conf': join(directory, 'resolv.conf'),
  };
  const program = [
    process.execPath,
    resolve(import.meta.dirname, 'run-agent.ts'),
    '--no-envoy',
    '--log-level',
    'debug',
  ];
  const agent = startProcess([...program, ...Object.entries(options).flat()], { name: 'agent' });
  await agent.waitForLine('name table received', { timeoutMs: 60_000 });
  const resolver = new dns.Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return {
    instance,
    agent,
    upstream,
    port,
    resolver,
    write,
    [Symbol.asyncDispose]: async () => {
      resolver.cancel();
      await agent.stop();
      await upstream.stop();
      await instance[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

function tokenSecret(): Manifest {
  const annotations = { 'kubernetes.io/service-account.name': 'sleep' };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name: 'sleep-token', namespace: 'sample', annotations },
    data: { token: Buffer.from('sleep-token').toString('base64') },
  };
}

/** A resolver that knows `outside.example.com` (203.0.113.7) and `many.example.com` (too many for a datagram), and denies the rest. */
export class UpstreamServer {
  readonly port: number;
  readonly asked: string[] = [];
  /** Packets are taken and not answered. */
  isSilent = false;
  readonly #stop: () => Promise<void>;

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port;
    this.#stop = stop;
  }

  static async start(): Promise<UpstreamServer> {
    const socket = createSocket('udp4');
    const connections = new Set<Socket>();
    const server = createServer((connection) => {
      connections.add(connection);
      const reader = new FrameReader();
      connection.on('error', () => undefined);
      connection.on('data', (bytes) => {
        for (const packet of reader.take(bytes)) connection.write(frame(made.#respond(packet, 65_535)));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
    const made = new UpstreamServer(port, async () => {
      for (const connection of connections) connection.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => socket.close(resolve));
    });
    socket.on('message', (packet, client) => {
      const response = made.#respond(packet, 512);
      if (!made.isSilent) socket.send(response, client.port, client.address);
    });
    return made;
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  #respond(packet: Buffer, maxBytes: number): Buffer {
    const question = decode(packet);
    const [{ name, type } = { name: '', type: 'A' }] = question.questions ?? [];
    this.asked.push(`${name} ${type}`);
    const answers = recordsOf(name.toLowerCase(), type);
    const response = this.#write(question, { flags: answers === undefined ? 3 : 0, answers: answers ?? [] });
    return response.length <= maxBytes ? response : this.#write(question, { flags: 0x02_00, answers: [] });
  }

  #write(
    { id = 0, questions = [] }: DecodedPacket,
    more: { readonly flags: number; readonly answers: Answer[] },
  ): Buffer {
    return encode({ type: 'response', id, questions, ...more });
  }
}

function recordsOf(name: string, type: string): Answer[] | undefined {
  const record = (data: string): Answer => ({ type: 'A', name, ttl: 60, data });
  if (name === 'outside.example.com') return type === 'A' ? [record('203.0.113.7')] : [];
  if (name === 'many.example.com') return Array.from({ length: 50 }, (_, index) => record(`203.0.113.${index + 1}`));
  return undefined;
}
