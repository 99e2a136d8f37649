// Asks other resolvers what the mesh does not know. The packet goes as it came, under an id and from a port of its own. In:
// packets and the servers in their order. Out: the first usable answer, or undefined when there is none in time.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { DnsCounters } from './dns-counters.ts';
import { isResponseTo, rcodeOf, rcodes } from './dns-message.ts';
import { FrameReader, frame } from './tcp-frames.ts';
import type { NameServer } from './resolver-file.ts';

export type UpstreamOptions = {
  readonly servers: readonly NameServer[];
  readonly counters: DnsCounters;
  /** For one try at one server. Clients wait five seconds by default. */
  readonly timeoutMs: number;
  /** Times that each server is tried. */
  readonly rounds: number;
  /** Questions at once, each of which has a socket. */
  readonly maxActive: number;
  /** Questions that wait for their turn. */
  readonly maxWaiting: number;
  readonly signal: AbortSignal;
};

export type Transport = 'udp' | 'tcp';

/** Codes that say something of the server, not of the name: another one may know. */
const unhelpful: ReadonlySet<number> = new Set([rcodes.serverFailure, rcodes.notImplemented, rcodes.refused]);

export class UpstreamResolver {
  readonly #options: UpstreamOptions;
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** The response to `packet` with the packet's own id. Never rejects. */
  async ask(packet: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const { counters, maxActive, maxWaiting, signal } = this.#options;
    if (this.#active >= maxActive) {
      if (this.#waiting.length >= maxWaiting) {
        counters.add('overflow_total');
        return undefined;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#active += 1;
    try {
      if (signal.aborted) return undefined;
      counters.add('upstream_requests_total');
      return await this.#tryAll(packet, transport);
    } finally {
      // The place is handed on, so that nobody gets in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#active -= 1;
      else next();
    }
  }

  async #tryAll(packet: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const { servers, rounds, counters, signal } = this.#options;
    let last: Buffer | undefined;
    for (let round = 0; round < rounds; round += 1) {
      for (const server of servers) {
        if (signal.aborted) return undefined;
        const response = await this.#tryOne(packet, server, transport);
        if (response !== undefined && !unhelpful.has(rcodeOf(response))) return response;
        counters.add('upstream_failures_total');
        last = response ?? last;
      }
      // Who answered will not answer otherwise a moment later.
      if (last !== undefined) return last;
    }
    return undefined;
  }

  async #tryOne(packet: Buffer, server: NameServer, transport: Transport): Promise<Buffer | undefined> {
    const id = randomInt(65_536);
    const sent = Buffer.from(packet);
    sent.writeUInt16BE(id, 0);
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(this.#options.timeoutMs)]);
    const accept = (response: Buffer): boolean => isResponseTo(response, sent, id);
    const exchange = transport === 'udp' ? exchangeDatagram : exchangeStream;
    const response = await exchange(sent, server, { accept, signal });
    if (response === undefined) return undefined;
    const own = Buffer.from(response);
    own.writeUInt16BE(packet.readUInt16BE(0), 0);
    return own;
  }
}

type Exchange = {
  /** Packets that are not accepted are not what was asked for, and ignored. */
  readonly accept: (response: Buffer) => boolean;
  readonly signal: AbortSignal;
};

function exchangeDatagram(
  packet: Buffer,
  server: NameServer,
  { accept, signal }: Exchange,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let isOpen = true;
    const end = (response?: Buffer): void => {
      if (!isOpen) return;
      isOpen = false;
      signal.removeEventListener('abort', onAbort);
      socket.close();
      resolve(response);
    };
    const onAbort = (): void => end();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', () => end());
    socket.on('message', (response) => {
      if (accept(response)) end(response);
    });
    // Connected, so that the kernel drops what others send, and tells when nobody listens there.
    socket.connect(server.port, server.address, () => {
      if (isOpen) socket.send(packet, (error) => (error === null ? undefined : end()));
    });
    if (signal.aborted) end();
  });
}

function exchangeStream(packet: Buffer, server: NameServer, { accept, signal }: Exchange): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port });
    const reader = new FrameReader();
    const end = (response?: Buffer): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(response);
    };
    const onAbort = (): void => end();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', () => end()).on('close', () => end());
    socket.on('data', (bytes) => {
      for (const response of reader.take(bytes)) if (accept(response)) end(response);
    });
    socket.on('connect', () => socket.write(frame(packet)));
    if (signal.aborted) end();
  });
}
