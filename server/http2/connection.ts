// The server side of one HTTP/2 connection (RFC 9113): the client's frames in, its streams to whoever takes them, and what they
// write onto the socket, in turns and within the client's windows. What it holds is bounded: one frame and one header block
// being received, a window of unread data, one piece being written, and answers to pings and settings up to a limit.
// It serves gRPC alone: nothing is pushed, and priorities are not followed.

import type { Socket } from 'node:net';
import { connectionPeer } from '../grpc/connection-peer.ts';
import type { ConnectionPeer, HttpStream, OpenStream } from '../grpc/http-stream.ts';
import type { TransportLimits } from '../grpc/transport-limits.ts';
import { ClientFrames, type FrameCarrier } from './client-frames.ts';
import { ControlFrames } from './control-frames.ts';
import { Departure } from './departure.ts';
import type { Fault } from './faults.ts';
import { FloodBudget } from './flood-budget.ts';
import { FrameReader, type Frame, type FrameReceiver } from './frame-reader.ts';
import { defaultWindowBytes, settingIds, type ErrorCode } from './frame-types.ts';
import { goAwayFrame, pingFrame, resetFrame, settingsFrame, windowUpdateFrame } from './frames.ts';
import { Output } from './output.ts';
import { Pings } from './pings.ts';
import { ReceiveWindow } from './receive-window.ts';
import { StreamTable } from './stream-table.ts';
import type { Http2Stream } from './stream.ts';

export interface ConnectionOptions {
  readonly limits: TransportLimits;
  /** At most so much is written at once. */
  readonly maxPieceBytes: number;
  /** Takes a stream that the client has opened. */
  readonly begin: (stream: HttpStream) => OpenStream;
  readonly onClose: () => void;
}

/** What a client may have sent that its streams' handlers did not read yet. */
const connectionWindowBytes = 512 * 1024;

/** After the farewell a client gets this long to read it. */
const farewellMs = 1000;

/** Read and thrown away after the farewell, which a client does not get when the socket closes on what it had on its way. */
const maxDiscardedBytes = connectionWindowBytes;

export class Http2Connection implements FrameCarrier, FrameReceiver {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader = new FrameReader();
  readonly output: Output;
  readonly #window = new ReceiveWindow(connectionWindowBytes);
  readonly #budget = new FloodBudget();
  readonly #streams = new StreamTable();
  readonly #pings: Pings;
  readonly #departure: Departure;
  readonly #control: ControlFrames;
  readonly #frames: ClientFrames;
  #peer: ConnectionPeer | undefined;
  /** Until the client's settings have come. */
  #greeting: NodeJS.Timeout | undefined;
  /** Until it has read the farewell. */
  #ending: NodeJS.Timeout | undefined;
  #over = false;
  #discardedBytes = 0;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { limits } = options;
    const { maxHeaderBytes, maxConcurrentStreams } = limits;
    this.output = new Output(socket, {
      maxPieceBytes: options.maxPieceBytes,
      budget: this.#budget,
      onStuck: () => this.destroy(),
    });
    // What went wrong shows as the end of the connection.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#closed());
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.once('end', () => this.destroy());
    const settings = settingsFrame([
      [settingIds.maxConcurrentStreams, maxConcurrentStreams],
      [settingIds.maxHeaderListSize, maxHeaderBytes],
    ]);
    this.output.hold();
    this.output.control(settings);
    this.output.control(windowUpdateFrame(0, connectionWindowBytes - defaultWindowBytes));
    this.output.flush();
    this.#greeting = setTimeout(() => this.destroy(), limits.handshakeTimeoutMs);
    this.#pings = new Pings({
      everyMs: limits.keepaliveMs,
      timeoutMs: limits.keepaliveTimeoutMs,
      send: (payload) => this.output.control(pingFrame(payload)),
      onGone: () => this.destroy(),
    });
    this.#departure = new Departure({
      limits,
      streams: this.#streams,
      pings: this.#pings,
      output: this.output,
      end: () => this.#end(),
    });
    const shared = { streams: this.#streams, budget: this.#budget };
    this.#control = new ControlFrames({ ...shared, output: this.output, pings: this.#pings });
    this.#frames = new ClientFrames({
      ...shared,
      carrier: this,
      limits,
      control: this.#control,
      window: this.#window,
      departure: this.#departure,
      begin: options.begin,
    });
  }

  get peer(): ConnectionPeer {
    return (this.#peer ??= connectionPeer(this.#socket));
  }

  get maxFrameBytes(): number {
    return this.#control.maxFrameBytes;
  }

  read(stream: Http2Stream, bytes: number): void {
    if (this.#over) return;
    this.giveBack(bytes);
    const increment = stream.remoteEnded || stream.closed ? 0 : stream.receiveWindow.read(bytes);
    if (increment > 0) this.output.control(windowUpdateFrame(stream.id, increment));
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    this.tellReset(stream.id, code);
    this.finished(stream);
  }

  finished(stream: Http2Stream): void {
    this.#streams.remove(stream.id);
    this.output.forget(stream);
    this.giveBack(stream.close());
    this.#departure.endWhenIdle();
  }

  /** Tells the client to open nothing more here; the connection closes when its streams have ended. */
  leave(): void {
    if (!this.#over) this.#departure.begin();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Returns what ends the connection. */
  takeFrame(frame: Frame): Fault | undefined {
    return this.#over ? undefined : this.#frames.take(frame);
  }

  greeted(): void {
    clearTimeout(this.#greeting);
    this.#greeting = undefined;
  }

  giveBack(bytes: number): void {
    const increment = this.#window.read(bytes);
    if (increment > 0) this.output.control(windowUpdateFrame(0, increment));
  }

  tellReset(streamId: number, code: ErrorCode): void {
    this.output.control(resetFrame(streamId, code));
    this.#streams.rememberReset(streamId);
  }

  #receive(chunk: Buffer): void {
    if (this.#over) return this.#discard(chunk.length);
    this.output.hold();
    const fault = this.#reader.push(chunk, this);
    if (fault !== undefined) this.#fail(fault);
    this.output.flush();
  }

  /** The client is told why, and the connection ends. */
  #fail({ code, reason }: Fault): void {
    if (this.#over) return;
    // "Endpoints MUST NOT increase the value they send in the last stream identifier" (RFC 9113, 6.8)
    this.output.control(goAwayFrame(Math.min(this.#streams.last, this.#departure.lastServed), code, reason));
    this.output.flush();
    this.#end();
  }

  /** What was written still goes; nothing that comes is looked at any more. */
  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop();
    this.#socket.end();
    this.#ending = setTimeout(() => this.destroy(), farewellMs);
  }

  #discard(bytes: number): void {
    this.#discardedBytes += bytes;
    // What is behind it stays with the system: the client has time to read why it is stopped.
    if (this.#discardedBytes > maxDiscardedBytes) this.#socket.pause();
  }

  #closed(): void {
    this.#over = true;
    clearTimeout(this.#greeting);
    clearTimeout(this.#ending);
    this.#stop();
    this.#options.onClose();
  }

  #stop(): void {
    this.#departure.stop();
    this.#pings.stop();
    for (const stream of this.#streams.clear()) stream.close();
  }
}
