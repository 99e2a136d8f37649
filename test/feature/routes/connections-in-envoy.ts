// A real Envoy that passes connections on as one generated listener says: its clusters lead to small servers on the loopback
// that say which cluster they are.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { Bootstrap } from '../../../proto/generated/envoy.config.bootstrap.v3.ts';
import { Cluster_DiscoveryType, type Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import type { Listener } from '../../../proto/generated/envoy.config.listener.v3.ts';
import { toJson } from '../../../proto/json.ts';
import { socketAddress } from '../../../server/generate/address.ts';
import { envoyPath } from '../../support/envoy.ts';
import type { Generated } from '../../support/generate-all.ts';
import { startProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

export interface ConnectionEnvoy extends AsyncDisposable {
  /** The cluster that a connection to the listener ends at, empty when it is closed; with a server name it begins with a TLS hello. */
  reach(listener: string, serverName?: string): Promise<string>;
}

/** Starts it with these listeners of what was generated, each on a port of its own. */
export async function passInEnvoy(generated: Generated, listenerNames: readonly string[]): Promise<ConnectionEnvoy> {
  const names = generated.clusters.map(({ name }) => name).filter((name) => name.startsWith('outbound|'));
  const servers = await Promise.all(names.map(async (name) => ({ name, server: await startServer(name) })));
  const ports = new Map<string, number>();
  for (const name of listenerNames) ports.set(name, await freePort());
  const listeners = listenerNames.map((name): Listener => {
    const found = generated.listeners.find((listener) => listener.name === name);
    if (found === undefined) throw new Error(`no listener ${name} was generated`);
    const { listenerFilters, listenerFiltersTimeout, filterChains, defaultFilterChain } = found.message;
    const address = socketAddress('127.0.0.1', ports.get(name) ?? 0);
    return { name, address, listenerFilters, listenerFiltersTimeout, filterChains, defaultFilterChain };
  });
  const clusters = servers.map(({ name, server }): Cluster => ({
    name,
    type: Cluster_DiscoveryType.STATIC,
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ endpoint: { address: socketAddress('127.0.0.1', portOf(server)) } }] }],
    },
  }));
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-connections-'));
  const file = join(directory, 'bootstrap.json');
  await writeFile(file, JSON.stringify(toJson(Bootstrap, { staticResources: { clusters, listeners } })));
  const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'error'];
  const envoy = startProcess([await envoyPath(), '-c', file, ...flags]);
  const dispose = async () => {
    await envoy.stop();
    for (const { server } of servers) server.close();
    await rm(directory, { recursive: true, force: true });
  };
  const hellos = new Map<string, Promise<Buffer>>();
  const reach = async (listener: string, serverName?: string) => {
    const port = ports.get(listener);
    if (port === undefined) throw new Error(`no listener ${listener}`);
    if (serverName === undefined) return exchange(port, Buffer.from('hello'));
    const hello = hellos.get(serverName) ?? helloOf(serverName);
    hellos.set(serverName, hello);
    return exchange(port, await hello);
  };
  try {
    for (const name of listenerNames) {
      const opens = () =>
        reach(name).then(
          () => true,
          () => false,
        );
      await waitFor(opens, (isOpen) => isOpen, { what: `an Envoy that listens for ${name}` });
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { reach, [Symbol.asyncDispose]: dispose };
}

/** The first bytes of a TLS client that names this server. */
function helloOf(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const write = (chunk: Buffer, _: BufferEncoding, done: () => void) => {
      resolve(chunk);
      done();
    };
    const wire = new Duplex({ read: () => undefined, write });
    connectTls({ socket: wire, servername }).on('error', () => undefined);
  });
}

function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    let failed: NodeJS.ErrnoException | undefined;
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', (error) => (failed = error));
    socket.on('close', () => {
      if (failed?.code === 'ECONNREFUSED') reject(failed);
      else resolve(Buffer.concat(chunks).toString());
    });
  });
}

function startServer(text: string): Promise<Server> {
  // It answers once it was spoken to, so that nothing is lost on the way.
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(text));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

async function freePort(): Promise<number> {
  const server = await startServer('');
  const port = portOf(server);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
