// What each frame of a client means, by its type and by what came before it (RFC 9113, sections 5 and 6): streams are opened, fed and
// reset here. In: frames in order. Out: streams, what they receive, or a fault, which is the end of its stream or of the connection.

import type { HttpStream, OpenStream } from '../grpc/http-stream.ts';
import type { TransportLimits } from '../grpc/transport-limits.ts';
import type { ControlFrames } from './control-frames.ts';
import type { Departure } from './departure.ts';
import { flowControlError, protocolError, streamFault, tooMuch, type Fault } from './faults.ts';
import { resetCost, type FloodBudget } from './flood-budget.ts';
import { dataOf, headerFragmentOf } from './frame-payloads.ts';
import type { Frame } from './frame-reader.ts';
import { errorCodes, flags, frameTypes, type ErrorCode } from './frame-types.ts';
import { HeaderBlocks, type HeaderBlock } from './header-blocks.ts';
import type { ReceiveWindow } from './receive-window.ts';
import { isTrailers, requestHeaders } from './request-headers.ts';
import type { StreamTable } from './stream-table.ts';
import { Http2Stream, type StreamCarrier } from './stream.ts';

/** What frames do to the connection that they are on. */
export interface FrameCarrier extends StreamCarrier {
  /** Its settings have come, which is the first that a client says. */
  greeted(): void;
  /** Of the connection's window: so many bytes were read, or are of no use. */
  giveBack(bytes: number): void;
  /** For a stream that is not open here. */
  tellReset(streamId: number, code: ErrorCode): void;
}

export interface ClientFramesOptions {
  readonly carrier: FrameCarrier;
  readonly limits: Pick<TransportLimits, 'maxHeaderBytes' | 'maxConcurrentStreams'>;
  readonly control: ControlFrames;
  readonly streams: StreamTable;
  /** Of the connection. */
  readonly window: ReceiveWindow;
  readonly budget: FloodBudget;
  readonly departure: Departure;
  /** Takes a stream that the client has opened. */
  readonly begin: (stream: HttpStream) => OpenStream;
}

export class ClientFrames {
  readonly #options: ClientFramesOptions;
  readonly #carrier: FrameCarrier;
  readonly #control: ControlFrames;
  readonly #streams: StreamTable;
  readonly #window: ReceiveWindow;
  readonly #budget: FloodBudget;
  readonly #headerBlocks: HeaderBlocks;
  #greeted = false;

  constructor(options: ClientFramesOptions) {
    this.#options = options;
    this.#carrier = options.carrier;
    this.#control = options.control;
    this.#streams = options.streams;
    this.#window = options.window;
    this.#budget = options.budget;
    this.#headerBlocks = new HeaderBlocks(options.limits.maxHeaderBytes);
  }

  /** Returns what ends the connection. */
  take(frame: Frame): Fault | undefined {
    const fault = this.#take(frame);
    if (fault?.stream === undefined) return fault;
    const stream = this.#streams.get(fault.stream);
    const isCharged = this.#budget.spend(stream === undefined ? 1 : resetCost);
    if (!isCharged) return tooMuch('too many faulty streams');
    if (stream !== undefined) this.#carrier.reset(stream, fault.code);
    else this.#carrier.tellReset(fault.stream, fault.code);
    return undefined;
  }

  #take(frame: Frame): Fault | undefined {
    if (!this.#greeted) {
      const isGreeting = frame.type === frameTypes.settings && (frame.flags & flags.ack) === 0;
      if (!isGreeting) return protocolError('the first frame is not SETTINGS');
      this.#greeted = true;
      this.#carrier.greeted();
    }
    if (this.#headerBlocks.open && frame.type !== frameTypes.continuation) {
      return protocolError('a header block is interrupted');
    }
    switch (frame.type) {
      case frameTypes.data:
        return this.#data(frame);
      case frameTypes.headers:
        return this.#headers(frame);
      case frameTypes.continuation:
        return this.#block(this.#headerBlocks.continue(frame));
      case frameTypes.priority:
        return this.#control.priority(frame);
      case frameTypes.resetStream:
        return this.#reset(frame);
      case frameTypes.settings:
        return this.#control.settings(frame);
      case frameTypes.pushPromise:
        return protocolError('a client pushes nothing');
      case frameTypes.ping:
        return this.#control.ping(frame);
      case frameTypes.goAway:
        return this.#control.goAway(frame);
      case frameTypes.windowUpdate:
        return this.#control.windowUpdate(frame);
      default:
        // "Implementations MUST ignore and discard frames of unknown types" (section 4.1).
        return this.#budget.charge('frames of unknown types');
    }
  }

  #data(frame: Frame): Fault | undefined {
    const { streamId, payload } = frame;
    const data = dataOf(frame);
    if (!Buffer.isBuffer(data)) return data;
    if (!this.#window.received(payload.length)) return flowControlError('more data than fits');
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) {
      this.#carrier.giveBack(payload.length);
      return this.#frameOnClosed(streamId);
    }
    if (!stream.receiveWindow.received(payload.length)) {
      this.#carrier.giveBack(payload.length);
      return streamFault(streamId, errorCodes.flowControlError, 'more data than fits');
    }
    const ends = (frame.flags & flags.endStream) !== 0;
    if (payload.length > data.length) this.#carrier.read(stream, payload.length - data.length);
    const fault = stream.receive(data, ends);
    if (fault !== undefined) {
      this.#carrier.giveBack(data.length);
      return fault;
    }
    return data.length === 0 && !ends ? this.#budget.charge('empty frames') : undefined;
  }

  /** A frame of a stream that is not open, or that its client has ended. */
  #frameOnClosed(streamId: number): Fault | undefined {
    if (this.#streams.isIdle(streamId)) return protocolError(`stream ${streamId} was not opened`);
    if (this.#streams.wasReset(streamId)) return this.#budget.charge('frames of streams that were reset');
    return streamFault(streamId, errorCodes.streamClosed, 'the stream has ended');
  }

  #headers(frame: Frame): Fault | undefined {
    const { streamId } = frame;
    if (streamId % 2 === 0) return protocolError('a client opens streams with odd numbers');
    const isKnown = this.#streams.get(streamId) !== undefined || this.#streams.wasReset(streamId);
    if (!isKnown && streamId <= this.#streams.last) {
      return { code: errorCodes.streamClosed, reason: `stream ${streamId} has ended` };
    }
    const fragment = headerFragmentOf(frame);
    return Buffer.isBuffer(fragment) ? this.#block(this.#headerBlocks.begin(frame, fragment)) : fragment;
  }

  /** A header block that is complete, if it is. */
  #block(block: HeaderBlock | Fault | undefined): Fault | undefined {
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
    if (streamId <= this.#streams.last) return this.#budget.charge('frames of streams that were reset');
    this.#streams.opened(streamId);
    if (fields === undefined) return streamFault(streamId, errorCodes.enhanceYourCalm, 'the headers are too large');
    const headers = requestHeaders(fields);
    if (headers === undefined) return streamFault(streamId, errorCodes.protocolError, 'malformed headers');
    const { limits, departure, begin } = this.#options;
    if (streamId > departure.lastServed || this.#streams.size >= limits.maxConcurrentStreams) {
      return streamFault(streamId, errorCodes.refusedStream, 'too many streams');
    }
    const stream = new Http2Stream({
      id: streamId,
      headers,
      carrier: this.#carrier,
      sendBytes: this.#control.initialSendBytes,
    });
    this.#streams.add(stream);
    const fault = ends ? stream.receive(nothing, true) : undefined;
    if (fault === undefined) stream.owner = begin(stream);
    return fault;
  }

  #reset({ streamId, payload }: Frame): Fault | undefined {
    if (streamId === 0 || this.#streams.isIdle(streamId)) return protocolError('RST_STREAM of no stream');
    if (payload.length !== 4) return { code: errorCodes.frameSizeError, reason: 'an RST_STREAM frame has 4 bytes' };
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      this.#carrier.finished(stream);
      return this.#budget.charge('streams that were reset', resetCost);
    }
    return this.#budget.charge('RST_STREAM frames');
  }
}

const nothing = Buffer.alloc(0);
