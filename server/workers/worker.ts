// A worker: TLS and HTTP/2 of the connections that the main process hands to it. In: sockets, and frames of the main process. Out: frames.
// It knows no configuration, and of a port only what its clients see of it.

import type { Socket } from 'node:net';
import { ClientConnections } from '../grpc/client-connections.ts';
import type { HttpStream, OpenStream } from '../grpc/http-stream.ts';
import { RotatingServerTls } from '../grpc/rotating-server-tls.ts';
import type { FrameSocket } from './frame-socket.ts';
import { payloadFlag, toMain, toWorker } from './frames.ts';
import { decodeCertificate, decodePortSetup } from './port-setup.ts';
import { ServedStream } from './served-stream.ts';
import { encodeUsage } from './usage.ts';

interface ServedPort {
  readonly clients: ClientConnections;
  readonly tls: RotatingServerTls | undefined;
}

/** Parts that came with a message are copied up to this size: what they came with is not held while a client is slow. */
const maxCopiedBytes = 1024;

export class Worker {
  readonly #socket: FrameSocket;
  readonly #ports = new Map<number, ServedPort>();
  readonly #streams = new Map<number, ServedStream>();
  /** What streams share; the main process says when to forget. */
  readonly #payloads = new Map<number, Uint8Array>();
  #lastStream = 0;

  /** `closed` is called when the main process is gone. */
  constructor(socket: FrameSocket, closed: () => void) {
    this.#socket = socket;
    socket.listen({ frame: (kind, about, body) => this.#frame(kind, about, body), closed });
  }

  /** A connection to a port, of which nothing was read yet; undefined when it did not survive the way here. */
  accept(port: number, connection: Socket | undefined): void {
    if (connection === undefined) {
      this.#say(toMain.connectionGone, port);
      return;
    }
    connection.once('close', () => this.#say(toMain.connectionGone, port));
    const served = this.#ports.get(port);
    if (served === undefined) {
      connection.destroy();
      return;
    }
    served.clients.hold(connection);
    served.clients.serve(connection);
  }

  #frame(kind: number, about: number, body: Buffer): void {
    const stream = this.#streams.get(about);
    if (kind === toWorker.message) stream?.message(this.#partsOf(body));
    else if (kind === toWorker.credit) stream?.credit(body.readUInt32BE());
    else if (kind === toWorker.define) this.#payloads.set(about, Buffer.from(body));
    else if (kind === toWorker.forget) this.#payloads.delete(about);
    else if (kind === toWorker.respond) stream?.respond(body);
    else if (kind === toWorker.end) stream?.end(body);
    else if (kind === toWorker.reset) stream?.reset();
    else if (kind === toWorker.leaveConnection) stream?.leaveConnection();
    else if (kind === toWorker.ask) this.#answer();
    else this.#portFrame(kind, about, body);
  }

  #portFrame(kind: number, port: number, body: Buffer): void {
    const served = this.#ports.get(port);
    if (kind === toWorker.openPort) this.#open(port, body);
    else if (kind === toWorker.certificate) served?.tls?.replace(decodeCertificate(body));
    else if (kind === toWorker.leavePort) served?.clients.leave();
    else if (kind === toWorker.destroyPort) served?.clients.destroy();
  }

  #open(port: number, body: Buffer): void {
    const { limits, certificate } = decodePortSetup(body);
    const tls = certificate === undefined ? undefined : new RotatingServerTls(certificate);
    const begin = (stream: HttpStream): OpenStream => this.#begin(port, stream);
    this.#ports.set(port, { clients: new ClientConnections({ tls, limits, begin }), tls });
  }

  #begin(port: number, stream: HttpStream): OpenStream {
    do this.#lastStream = (this.#lastStream + 1) % 2 ** 32;
    while (this.#streams.has(this.#lastStream));
    const id = this.#lastStream;
    const closed = (): void => void this.#streams.delete(id);
    const served = new ServedStream({ id, port, stream, socket: this.#socket, closed });
    this.#streams.set(id, served);
    return served;
  }

  #partsOf(body: Buffer): readonly Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < body.length;) {
      const head = body.readUInt32BE(offset);
      offset += 4;
      if (head >= payloadFlag) {
        parts.push(this.#payloads.get(head - payloadFlag) ?? missing(head - payloadFlag));
        continue;
      }
      const part = body.subarray(offset, offset + head);
      parts.push(head <= maxCopiedBytes ? Buffer.from(part) : part);
      offset += head;
    }
    return parts;
  }

  #answer(): void {
    const { user, system } = process.cpuUsage();
    const usage = {
      cpuMs: (user + system) / 1000,
      residentBytes: process.memoryUsage.rss(),
      queuedBytes: this.#socket.queuedBytes,
    };
    this.#say(toMain.answer, 0, encodeUsage(usage));
  }

  #say(kind: number, about: number, body?: Uint8Array): void {
    this.#socket.batch.add(kind, about, body);
    this.#socket.schedule();
  }
}

/** Going on would send a client something else than was meant: the worker ends, and is replaced. */
function missing(payload: number): never {
  throw new Error(`payload ${payload} is not known`);
}
