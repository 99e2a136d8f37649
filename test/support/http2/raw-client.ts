// A client of HTTP/2 that sends exactly the bytes it is told to, and keeps what comes back as frames. It acknowledges settings
// and answers pings unless told otherwise, and keeps the books of flow control, so that a server that overdraws a window is seen.

import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { FlowLedger } from './flow-ledger.ts';
import {
  clientPreface,
  dataFrame,
  errorCodes,
  flags,
  frameTypes,
  pingFrame,
  settingsAck,
  settingsFrame,
  splitFrames,
  type Frame,
  type Settings,
} from './raw-frames.ts';

/** What every peer takes in one frame. */
const maxPieceBytes = 16_384;

export interface RawClientOptions {
  /** Absent: plaintext. */
  readonly tls?: ConnectionOptions | undefined;
  /** Sent behind the preface; `none` sends neither, and acknowledges nothing. */
  readonly settings?: Settings | 'none' | undefined;
  /** Default true. */
  readonly answersPings?: boolean | undefined;
}

/** How a connection ended: the error code of the last GOAWAY, if one was sent. */
export interface ConnectionEnd {
  readonly code: keyof typeof errorCodes | undefined;
}

/** Failure bound of every wait. */
const deadlineMs = 15_000;

export class RawClient implements Disposable {
  readonly socket: Socket;
  /** All that came, in order. */
  readonly frames: Frame[] = [];
  readonly ledger = new FlowLedger();
  readonly #answersPings: boolean;
  readonly #answersSettings: boolean;
  readonly #watchers = new Set<() => void>();
  #rest: Buffer = Buffer.alloc(0);
  #closed = false;
  #pings = 0;

  private constructor(socket: Socket, { answersPings = true, settings }: RawClientOptions) {
    this.socket = socket;
    this.#answersPings = answersPings;
    this.#answersSettings = settings !== 'none';
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.once('close', () => {
      this.#closed = true;
      this.#changed();
    });
  }

  /** Resolves when the connection is made; the server's settings may be still on their way. */
  static async connect(port: number, options: RawClientOptions = {}): Promise<RawClient> {
    const { tls, settings = {} } = options;
    const socket =
      tls === undefined
        ? connectTcp(port, '127.0.0.1')
        : connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], ...tls });
    const client = new RawClient(socket, options);
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    if (settings !== 'none') {
      client.write(clientPreface);
      client.sendSettings(settings);
    }
    return client;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** In one write, which the socket may cut. */
  write(...bytes: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes));
  }

  /** Resolves when the system has taken it, or the connection is gone. */
  async flush(...bytes: readonly Uint8Array[]): Promise<void> {
    if (this.socket.destroyed) return;
    await new Promise<void>((resolve) => this.socket.write(Buffer.concat(bytes), () => resolve()));
  }

  sendSettings(settings: Settings): void {
    this.ledger.announce(settings);
    this.write(settingsFrame(settings));
  }

  /** Of the frames so far. */
  find(matches: (frame: Frame) => boolean): Frame | undefined {
    return this.frames.find((frame) => matches(frame));
  }

  /** Bytes of DATA of a stream, without padding. */
  received(streamId: number): Buffer {
    return Buffer.concat(
      this.frames
        .filter((frame) => frame.type === frameTypes.data && frame.streamId === streamId)
        .map(({ payload }) => payload),
    );
  }

  /** True when the server has ended the stream without an error. */
  ended(streamId: number): boolean {
    return this.frames.some(
      (frame) =>
        frame.streamId === streamId &&
        (frame.type === frameTypes.data || frame.type === frameTypes.headers) &&
        (frame.flags & flags.endStream) !== 0,
    );
  }

  /** The code of RST_STREAM that came for the stream. */
  resetCode(streamId: number): number | undefined {
    const frame = this.find(({ type, streamId: id }) => type === frameTypes.rstStream && id === streamId);
    return frame?.payload.readUInt32BE(0);
  }

  /** Resolves when it holds, looked at after each piece that comes; rejects when the connection ends or takes too long. */
  async until(holds: () => boolean, what: string): Promise<void> {
    await this.#watch(() => {
      if (holds()) return true;
      if (this.#closed) throw new Error(`the connection ended before: ${what}\n${this.#story()}`);
      return false;
    }, what);
  }

  /** The last data of a stream, in frames that the windows have room for, as it comes. */
  async finish(streamId: number, data: Buffer): Promise<void> {
    for (let at = 0; at < data.length;) {
      await this.until(() => this.ledger.room(streamId) > 0, `room on stream ${streamId}`);
      const piece = data.subarray(at, at + Math.min(maxPieceBytes, this.ledger.room(streamId)));
      at += piece.length;
      this.ledger.spend(streamId, piece.length);
      this.write(dataFrame(streamId, piece, at === data.length));
    }
  }

  /** The first frame that matches, come or coming. */
  async frame(matches: (frame: Frame) => boolean, what: string): Promise<Frame> {
    await this.until(() => this.find(matches) !== undefined, what);
    const found = this.find(matches);
    if (found === undefined) throw new Error(`gone: ${what}`);
    return found;
  }

  async streamEnded(streamId: number): Promise<void> {
    await this.until(() => this.ended(streamId), `the end of stream ${streamId}`);
  }

  /** Behind all that the server does with what was sent before. */
  async roundTrip(): Promise<void> {
    this.#pings += 1;
    const payload = Buffer.from(String(this.#pings).padStart(8, '-'));
    this.write(pingFrame(payload));
    const isAnswer = (frame: Frame): boolean =>
      frame.type === frameTypes.ping && (frame.flags & flags.ack) !== 0 && frame.payload.equals(payload);
    await this.frame(isAnswer, `the answer to ping ${this.#pings}`);
  }

  /** Resolves when the connection is gone. */
  async end(): Promise<ConnectionEnd> {
    await this.#watch(() => this.#closed, 'the end of the connection');
    return { code: this.goawayCode };
  }

  get goawayCode(): keyof typeof errorCodes | undefined {
    const frame = this.frames.findLast(({ type }) => type === frameTypes.goaway);
    if (frame === undefined) return undefined;
    const code = frame.payload.readUInt32BE(4);
    return (Object.keys(errorCodes) as (keyof typeof errorCodes)[]).find((name) => errorCodes[name] === code);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const { frames, rest } = splitFrames(Buffer.concat([this.#rest, chunk]));
    this.#rest = rest;
    for (const frame of frames) {
      this.frames.push(frame);
      this.ledger.received(frame);
      const isAck = (frame.flags & flags.ack) !== 0;
      if (frame.type === frameTypes.settings && !isAck && this.#answersSettings) this.write(settingsAck());
      if (frame.type === frameTypes.ping && !isAck && this.#answersPings) {
        this.write(pingFrame(frame.payload, flags.ack));
      }
    }
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #watch(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        settle();
      };
      const look = (): void => {
        try {
          if (holds()) finish(resolve);
        } catch (error) {
          finish(() => reject(error instanceof Error ? error : new Error(String(error))));
        }
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`waited ${deadlineMs} ms for ${what}\n${this.#story()}`))),
        deadlineMs,
      );
      this.#watchers.add(look);
      look();
    });
  }

  /** The last frames, for whoever reads why it failed. */
  #story(): string {
    const names = Object.keys(frameTypes);
    const lines = this.frames.slice(-20).map(({ type, flags: bits, streamId, payload }) => {
      const start = payload.subarray(0, 24).toString('hex');
      return `${names[type] ?? type} flags=${bits} stream=${streamId} length=${payload.length} ${start}`;
    });
    return `${this.frames.length} frames, the last:\n${lines.join('\n')}`;
  }
}
