// The server side of one HTTP/2 connection (RFC 9113): the client's frames in, its streams to whoever takes them, and what they
// write onto the socket, in turns and within the client's windows. What it holds is bounded: one frame and one header block
// being received, a window of unread data, one piece being written, and answers to pings and settings up to a limit.
// It serves gRPC alone: nothing is pushed, and priorities are not followed.

import type { Socket } from 'node:net';
import { connectionPeer } from '../grpc/connection-peer.ts';
import type { ConnectionPeer, HttpStream, OpenStream } from '../grpc/http-stream.ts';
import type { TransportLimits } from '../grpc/transport-limits.ts';
import { Departure } from './departure.ts';
import { protocolError, streamFault, tooMuch, type Fault } from './faults.ts';
import { FloodBudget, resetCost } from './flood-budget.ts';
import { FrameReader, type Frame, type FrameReceiver } from './frame-reader.ts';
import { dataOf, headerFragmentOf, settingsOf } from './frame-payloads.ts';
import {
  defaultMaxFrameBytes,
  defaultWindowBytes,
  errorCodes,
  flags,
  frameTypes,
  settingIds,
  type ErrorCode,
} from './frame-types.ts';
import {
  goAwayFrame,
  pingAnswer,
  pingFrame,
  resetFrame,
  settingsAnswer,
  settingsFrame,
  windowUpdateFrame,
} from './frames.ts';
import { HeaderBlocks, type HeaderBlock } from './header-blocks.ts';
import { Output } from './output.ts';
import { Pings } from './pings.ts';
import { ReceiveWindow } from './receive-window.ts';
import { isTrailers, requestHeaders } from './request-headers.ts';
import { StreamTable } from './stream-table.ts';
import { Http2Stream, type StreamCarrier } from './stream.ts';

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

export class Http2Connection implements StreamCarrier, FrameReceiver {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader = new FrameReader();
  readonly #headerBlocks: HeaderBlocks;
  readonly output: Output;
  readonly #window = new ReceiveWindow(connectionWindowBytes);
  readonly #budget = new FloodBudget();
  readonly #streams = new StreamTable();
  readonly #pings: Pings;
  readonly #departure: Departure;
  #initialSendBytes = defaultWindowBytes;
  #peer: ConnectionPeer | undefined;
  /** Until the client's settings have come. */
  #greeting: NodeJS.Timeout | undefined;
  /** Until it has read the farewell. */
  #ending: NodeJS.Timeout | undefined;
  #over = false;
  #discardedBytes = 0;
  maxFrameBytes = defaultMaxFrameBytes;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { limits } = options;
    const { maxHeaderBytes, maxConcurrentStreams } = limits;
    this.#headerBlocks = new HeaderBlocks(maxHeaderBytes);
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
  }

  get peer(): ConnectionPeer {
    return (this.#peer ??= connectionPeer(this.#socket));
  }

  read(stream: Http2Stream, bytes: number): void {
    if (this.#over) return;
    this.#giveBack(bytes);
    const increment = stream.remoteEnded || stream.closed ? 0 : stream.receiveWindow.read(bytes);
    if (increment > 0) this.output.control(windowUpdateFrame(stream.id, increment));
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    this.#tellReset(stream.id, code);
    this.finished(stream);
  }

  finished(stream: Http2Stream): void {
    this.#streams.remove(stream.id);
    this.output.forget(stream);
    this.#giveBack(stream.close());
    this.#departure.endWhenIdle();
  }

  /** Tells the client to open nothing more here; the connection closes when its streams have ended. */
  leave(): void {
    if (!this.#over) this.#departure.begin();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#over) return this.#discard(chunk.length);
    this.output.hold();
    const fault = this.#reader.push(chunk, this);
    if (fault !== undefined) this.#fail(fault);
    this.output.flush();
  }

  /** Returns what ends the connection. */
  takeFrame(frame: Frame): Fault | undefined {
    if (this.#over) return undefined;
    const fault = this.#take(frame);
    if (fault?.stream === undefined) return fault;
    const stream = this.#streams.get(fault.stream);
    const isCharged = this.#budget.spend(stream === undefined ? 1 : resetCost);
    if (!isCharged) return tooMuch('too many faulty streams');
    if (stream !== undefined) this.reset(stream, fault.code);
    else this.#tellReset(fault.stream, fault.code);
    return undefined;
  }

  #take(frame: Frame): Fault | undefined {
    if (this.#greeting !== undefined) {
      const isGreeting = frame.type === frameTypes.settings && (frame.flags & flags.ack) === 0;
      if (!isGreeting) return protocolError('the first frame is not SETTINGS');
      clearTimeout(this.#greeting);
      this.#greeting = undefined;
    }
    if (this.#headerBlocks.open && frame.type !== frameTypes.continuation) {
      return protocolError('a header block is interrupted');
    }
    switch (frame.type) {
      case frameTypes.data:
        return this.#takeData(frame);
      case frameTypes.headers:
        return this.#takeHeaders(frame);
      case frameTypes.continuation:
        return this.#takeBlock(this.#headerBlocks.continue(frame));
      case frameTypes.priority:
        return this.#takePriority(frame);
      case frameTypes.resetStream:
        return this.#takeReset(frame);
      case frameTypes.settings:
        return this.#takeSettings(frame);
      case frameTypes.pushPromise:
        return protocolError('a client pushes nothing');
      case frameTypes.ping:
        return this.#takePing(frame);
      case frameTypes.goAway:
        return this.#takeGoAway(frame);
      case frameTypes.windowUpdate:
        return this.#takeWindowUpdate(frame);
      default:
        // "Implementations MUST ignore and discard frames of unknown types" (section 4.1).
        return this.#charge('frames of unknown types');
    }
  }

  #takeData(frame: Frame): Fault | undefined {
    const { streamId, payload } = frame;
    const data = dataOf(frame);
    if (!Buffer.isBuffer(data)) return data;
    if (!this.#window.received(payload.length))
      return { code: errorCodes.flowControlError, reason: 'more data than fits' };
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) {
      this.#giveBack(payload.length);
      return this.#frameOnClosed(streamId);
    }
    if (!stream.receiveWindow.received(payload.length)) {
      this.#giveBack(payload.length);
      return streamFault(streamId, errorCodes.flowControlError, 'more data than fits');
    }
    const ends = (frame.flags & flags.endStream) !== 0;
    if (payload.length > data.length) this.read(stream, payload.length - data.length);
    const fault = stream.receive(data, ends);
    if (fault !== undefined) {
      this.#giveBack(data.length);
      return fault;
    }
    return data.length === 0 && !ends ? this.#charge('empty frames') : undefined;
  }

  /** A frame of a stream that is not open, or that its client has ended. */
  #frameOnClosed(streamId: number): Fault | undefined {
    if (this.#streams.isIdle(streamId)) return protocolError(`stream ${streamId} was not opened`);
    if (this.#streams.wasReset(streamId)) return this.#charge('frames of streams that were reset');
    return streamFault(streamId, errorCodes.streamClosed, 'the stream has ended');
  }

  #takeHeaders(frame: Frame): Fault | undefined {
    const { streamId } = frame;
    if (streamId % 2 === 0) return protocolError('a client opens streams with odd numbers');
    const isKnown = this.#streams.get(streamId) !== undefined || this.#streams.wasReset(streamId);
    if (!isKnown && streamId <= this.#streams.last) {
      return { code: errorCodes.streamClosed, reason: `stream ${streamId} has ended` };
    }
    const fragment = headerFragmentOf(frame);
    return Buffer.isBuffer(fragment) ? this.#takeBlock(this.#headerBlocks.begin(frame, fragment)) : fragment;
  }

  /** A header block that is complete, if it is. */
  #takeBlock(block: HeaderBlock | Fault | undefined): Fault | undefined {
    if (block === undefined) return undefined;
    if ('code' in block) return block;
    const { streamId, ends, fields } = block;
    const known = this.#streams.get(streamId);
    if (known !== undefined) {
      if (known.remoteEnded) return streamFault(streamId, errorCodes.streamClosed, 'the stream has ended');
      const fits = ends && fields !== undefined && isTrailers(fields);
      if (!fits) return streamFault(streamId, errorCodes.protocolError, 'trailers that are none');
      return known.receive(nothing, true);
    }
    // The block had to be read, since later ones refer to it.
    if (streamId <= this.#streams.last) return this.#charge('frames of streams that were reset');
    this.#streams.opened(streamId);
    if (fields === undefined) return streamFault(streamId, errorCodes.enhanceYourCalm, 'the headers are too large');
    const headers = requestHeaders(fields);
    if (headers === undefined) return streamFault(streamId, errorCodes.protocolError, 'malformed headers');
    if (streamId > this.#departure.lastServed || this.#streams.size >= this.#options.limits.maxConcurrentStreams) {
      return streamFault(streamId, errorCodes.refusedStream, 'too many streams');
    }
    const stream = new Http2Stream({ id: streamId, headers, carrier: this, sendBytes: this.#initialSendBytes });
    this.#streams.add(stream);
    const fault = ends ? stream.receive(nothing, true) : undefined;
    if (fault === undefined) stream.owner = this.#options.begin(stream);
    return fault;
  }

  #takePriority({ streamId, payload }: Frame): Fault | undefined {
    if (streamId === 0) return protocolError('PRIORITY of no stream');
    if (payload.length !== 5) return streamFault(streamId, errorCodes.frameSizeError, 'a PRIORITY frame has 5 bytes');
    if ((payload.readUInt32BE(0) & 0x7fffffff) === streamId) {
      return streamFault(streamId, errorCodes.protocolError, 'it depends on itself');
    }
    return this.#charge('PRIORITY frames');
  }

  #takeReset({ streamId, payload }: Frame): Fault | undefined {
    if (streamId === 0 || this.#streams.isIdle(streamId)) return protocolError('RST_STREAM of no stream');
    if (payload.length !== 4) return { code: errorCodes.frameSizeError, reason: 'an RST_STREAM frame has 4 bytes' };
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      this.finished(stream);
      return this.#charge('streams that were reset', resetCost);
    }
    return this.#charge('RST_STREAM frames');
  }

  #takeSettings(frame: Frame): Fault | undefined {
    const settings = settingsOf(frame);
    if ('code' in settings) return settings;
    if (settings.answer) return this.#charge('SETTINGS frames');
    if (settings.maxFrameBytes !== undefined) this.maxFrameBytes = settings.maxFrameBytes;
    this.output.control(settingsAnswer());
    const { initialWindowBytes } = settings;
    if (initialWindowBytes !== undefined) {
      const change = initialWindowBytes - this.#initialSendBytes;
      this.#initialSendBytes = initialWindowBytes;
      for (const stream of this.#streams.all()) {
        const fault = stream.growSendWindow(change);
        if (fault !== undefined) return { code: fault.code, reason: fault.reason };
      }
    }
    return this.#charge('SETTINGS frames');
  }

  #takePing({ streamId, flags: pingFlags, payload }: Frame): Fault | undefined {
    if (streamId !== 0) return protocolError('PING of a stream');
    if (payload.length !== 8) return { code: errorCodes.frameSizeError, reason: 'a PING frame has 8 bytes' };
    if ((pingFlags & flags.ack) !== 0) this.#pings.answered(payload);
    else this.output.control(pingAnswer(payload));
    return this.#charge('PING frames');
  }

  #takeGoAway({ streamId, payload }: Frame): Fault | undefined {
    if (streamId !== 0) return protocolError('GOAWAY of a stream');
    if (payload.length < 8) return { code: errorCodes.frameSizeError, reason: 'a GOAWAY frame has 8 bytes' };
    // It goes when its streams have ended; nothing is opened from this side.
    return this.#charge('GOAWAY frames');
  }

  #takeWindowUpdate({ streamId, payload }: Frame): Fault | undefined {
    if (payload.length !== 4) return { code: errorCodes.frameSizeError, reason: 'a WINDOW_UPDATE frame has 4 bytes' };
    const increment = payload.readUInt32BE(0) & 0x7fffffff;
    if (streamId !== 0 && this.#streams.isIdle(streamId)) return protocolError('WINDOW_UPDATE of no stream');
    if (increment === 0) {
      const fault = protocolError('a window that grows by nothing');
      return streamId === 0 ? fault : streamFault(streamId, fault.code, fault.reason);
    }
    if (streamId === 0) {
      if (!this.output.grow(increment)) return { code: errorCodes.flowControlError, reason: 'the window is too large' };
    } else {
      const fault = this.#streams.get(streamId)?.growSendWindow(increment);
      if (fault !== undefined) return fault;
    }
    return this.#charge('WINDOW_UPDATE frames');
  }

  #charge(what: string, cost = 1): Fault | undefined {
    return this.#budget.spend(cost) ? undefined : tooMuch(`too many ${what}`);
  }

  #giveBack(bytes: number): void {
    const increment = this.#window.read(bytes);
    if (increment > 0) this.output.control(windowUpdateFrame(0, increment));
  }

  #tellReset(streamId: number, code: ErrorCode): void {
    this.output.control(resetFrame(streamId, code));
    this.#streams.rememberReset(streamId);
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

const nothing = Buffer.alloc(0);
