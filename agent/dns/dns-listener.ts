// Listens for DNS over UDP and TCP. In: addresses, a port, and what gives the response to a packet. Out: a running listener; what
// one client does is bounded, and its errors are its own.

import { createSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { DnsCounters } from './dns-counters.ts';
import { FrameReader, frame } from './tcp-frames.ts';
import type { Transport } from './upstream-resolver.ts';

export type DnsListenerOptions = {
  /** The first one has to work; another that the machine does not have is left out. */
  readonly addresses: readonly string[];
  /** 0 for any free one. */
  readonly port: number;
  /** Undefined: no response. Never rejects. */
  readonly respond: (packet: Buffer, transport: Transport) => Promise<Buffer | undefined>;
  readonly counters: DnsCounters;
};

export type DnsListener = {
  readonly port: number;
  /** Those that are listened on. */
  readonly addresses: readonly string[];
  stop(): Promise<void>;
};

const maxConnections = 256;
/** Questions of one connection at once. */
const maxPipelined = 16;
const idleMs = 10_000;
/** Datagrams that are being answered; more are dropped, and asked again by who cares. */
const maxDatagrams = 4096;

/** Throws AgentError `socket-unavailable`. */
export async function listenForDns(options: DnsListenerOptions): Promise<DnsListener> {
  const opened: Opened[] = [];
  let { port } = options;
  for (const address of options.addresses) {
    try {
      const one = await open(address, port, options);
      port = one.port;
      opened.push({ ...one, address });
    } catch (error) {
      if (opened.length > 0 && isMissing(error)) continue;
      await Promise.all(opened.map((one) => one.stop()));
      throw new AgentError('socket-unavailable', `DNS can't be served on ${address} port ${port}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }
  return {
    port,
    addresses: opened.map(({ address }) => address),
    stop: async () => {
      await Promise.all(opened.map((one) => one.stop()));
    },
  };
}

type Opened = { readonly address: string; readonly port: number; readonly stop: () => Promise<void> };

/** The machine has no IPv6. */
function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}

async function open(address: string, wanted: number, options: DnsListenerOptions): Promise<Omit<Opened, 'address'>> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => serveConnection(socket, connections, options));
  // Streams first: of a port that is free for them, the one for datagrams is seldom taken.
  const port = await listenForStreams(server, address, wanted);
  try {
    const closeDatagrams = await bindForDatagrams(address, port, options);
    return {
      port,
      stop: async () => {
        await closeDatagrams();
        await closeServer(server, connections);
      },
    };
  } catch (error) {
    await closeServer(server, connections);
    throw error;
  }
}

function listenForStreams(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: isIPv6(host) }, () => {
      server.off('error', reject);
      // A connection that could not be accepted is that client's loss.
      server.on('error', () => undefined);
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}

function closeServer(server: Server, connections: ReadonlySet<Socket>): Promise<void> {
  for (const socket of connections) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Resolves with what closes it. */
function bindForDatagrams(address: string, port: number, options: DnsListenerOptions): Promise<() => Promise<void>> {
  const { respond, counters } = options;
  const family = isIPv6(address) ? ({ type: 'udp6', ipv6Only: true } as const) : ({ type: 'udp4' } as const);
  const socket = createSocket({ ...family, recvBufferSize: 1 << 20 });
  let isOpen = true;
  let answering = 0;
  const answer = async (packet: Buffer, client: { readonly port: number; readonly address: string }): Promise<void> => {
    answering += 1;
    const response = await respond(packet, 'udp');
    answering -= 1;
    // A client that is gone is no error of ours.
    if (response !== undefined && isOpen) socket.send(response, client.port, client.address, () => undefined);
  };
  socket.on('message', (packet, client) => {
    if (answering >= maxDatagrams) counters.add('overflow_total');
    else void answer(packet, client);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(() => {
        // At once: what is still being answered has nobody to be sent by.
        isOpen = false;
        return new Promise((closed) => socket.close(closed));
      });
    });
  });
}

function serveConnection(socket: Socket, connections: Set<Socket>, { respond, counters }: DnsListenerOptions): void {
  if (connections.size >= maxConnections) {
    counters.add('overflow_total');
    socket.destroy();
    return;
  }
  connections.add(socket);
  const reader = new FrameReader();
  let pending = 0;
  const answer = async (packet: Buffer): Promise<void> => {
    pending += 1;
    if (pending >= maxPipelined) socket.pause();
    const response = await respond(packet, 'tcp');
    pending -= 1;
    if (socket.destroyed) return;
    if (response === undefined) socket.destroy();
    else socket.write(frame(response));
    if (pending < maxPipelined && socket.writableLength === 0) socket.resume();
  };
  socket.on('data', (bytes) => {
    for (const packet of reader.take(bytes)) void answer(packet);
  });
  // Who does not read its answers is not read from.
  socket.on('drain', () => {
    if (pending < maxPipelined) socket.resume();
  });
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('close', () => connections.delete(socket));
}
