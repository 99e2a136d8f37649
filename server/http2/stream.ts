// One stream of a client's connection: what is read of it, what waits to be sent on it, and its end, which is told once.

import type { ConnectionPeer, HttpStream, OpenStream, ReceivedHeaders, StreamReader } from '../grpc/http-stream.ts';
import type { SentHeaders } from '../grpc/status.ts';
import { flowControlError, streamFault, type Fault } from './faults.ts';
import { defaultWindowBytes, errorCodes, type ErrorCode } from './frame-types.ts';
import { headersFrame } from './frames.ts';
import { encodeHeaders } from './hpack/encode-headers.ts';
import { grpcPrefixBytes, maxCopiedBytes, oneFrame, OutgoingMessage } from './outgoing-message.ts';
import type { Output, Piece, Sender } from './output.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendWindow } from './send-window.ts';
import { UnreadBytes } from './unread-bytes.ts';

/** What a stream needs of the connection that it is on. */
export interface StreamCarrier {
  readonly peer: ConnectionPeer;
  /** Of one payload, as the client takes it. */
  readonly maxFrameBytes: number;
  readonly output: Output;
  /** So many bytes were read: the client may send others. */
  read(stream: Http2Stream, bytes: number): void;
  reset(stream: Http2Stream, code: ErrorCode): void;
  /** Both sides have ended. */
  finished(stream: Http2Stream): void;
  leave(): void;
}

export interface StreamOptions {
  readonly id: number;
  readonly headers: ReceivedHeaders;
  readonly carrier: StreamCarrier;
  /** Of the client's window. */
  readonly sendBytes: number;
}

const nothing = Buffer.alloc(0);

/** What a stream may hold of a client that its handler does not read yet. */
const streamWindowBytes = defaultWindowBytes;

export class Http2Stream implements HttpStream, Sender {
  readonly id: number;
  readonly headers: ReceivedHeaders;
  readonly receiveWindow = new ReceiveWindow(streamWindowBytes);
  readonly sendWindow: SendWindow;
  /** Set when somebody has taken it. */
  owner: OpenStream | undefined;
  readonly #carrier: StreamCarrier;
  #closeListeners: (() => void)[] = [];
  #reader: StreamReader | undefined;
  #paused = false;
  /** At most a window. Absent until something had to wait. */
  #unread: UnreadBytes | undefined;
  /** Of a request that says how long it is. */
  #bytesLeft: number | undefined;
  #remoteEnded = false;
  /** The reader was told. */
  #endTold = false;
  /** Headers that go before the first message. */
  #head: Buffer = nothing;
  #responded = false;
  /** Bounded by what the handler writes before it waits. */
  #queue: OutgoingMessage[] = [];
  /** What follows the queue. */
  #trailers: SentHeaders | undefined;
  #localEnded = false;
  #closed = false;

  constructor({ id, headers, carrier, sendBytes }: StreamOptions) {
    this.id = id;
    this.headers = headers;
    this.#carrier = carrier;
    this.sendWindow = new SendWindow(sendBytes);
    const { 'content-length': declared } = headers;
    if (typeof declared === 'string') this.#bytesLeft = Number(declared);
  }

  get peer(): ConnectionPeer {
    return this.#carrier.peer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  onClose(closed: () => void): void {
    this.#closeListeners.push(closed);
  }

  read(reader: StreamReader): void {
    this.#reader = reader;
    queueMicrotask(() => this.#deliver());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    queueMicrotask(() => this.#deliver());
  }

  leaveConnection(): void {
    this.#carrier.leave();
  }

  respond(headers: SentHeaders): void {
    if (this.#closed || this.#responded) return;
    this.#responded = true;
    this.#head = headersFrame(this.id, encodeHeaders(headers), false);
  }

  write(message: readonly Uint8Array[], taken: () => void): void {
    if (this.#closed || this.#trailers !== undefined) return;
    let length = 0;
    for (const part of message) length += part.length;
    const flowBytes = grpcPrefixBytes + length;
    const { output } = this.#carrier;
    // It fits into the smallest frame that a client may ask for.
    if (
      length <= maxCopiedBytes &&
      flowBytes <= this.sendWindow.left &&
      this.#queue.length === 0 &&
      output.hasRoom(flowBytes)
    ) {
      this.sendWindow.take(flowBytes);
      output.writeNow(this, oneFrame(this.id, message, length, this.#takeHead()), flowBytes, taken);
      return;
    }
    this.#queue.push(new OutgoingMessage(message, taken));
    output.ready(this);
  }

  end(trailers: SentHeaders): void {
    if (this.#closed || this.#trailers !== undefined) return;
    this.#trailers = trailers;
    // What the client still sends is of no use to anybody.
    this.#paused = false;
    this.#reader = { data: () => undefined, ended: () => undefined };
    this.#deliver();
    this.#carrier.output.ready(this);
  }

  reset(): void {
    if (!this.#closed) this.#carrier.reset(this, errorCodes.cancel);
  }

  /** Data of the client; `ends` when nothing follows. Returns what is wrong with it. */
  receive(data: Buffer, ends: boolean): Fault | undefined {
    if (this.#bytesLeft !== undefined) {
      this.#bytesLeft -= data.length;
      if (this.#bytesLeft < 0 || (ends && this.#bytesLeft !== 0)) {
        return streamFault(this.id, errorCodes.protocolError, 'the request is not as long as its content-length');
      }
    }
    if (ends) this.#remoteEnded = true;
    const hasUnread = this.#unread !== undefined && this.#unread.length > 0;
    if (this.#reader !== undefined && !this.#paused && !hasUnread) {
      if (data.length > 0) {
        this.#reader.data(data);
        this.#carrier.read(this, data.length);
      }
      if (ends) this.#tellEnd();
    } else if (data.length > 0) (this.#unread ??= new UnreadBytes()).push(data);
    if (ends) this.#finishWhenBothEnded();
    return undefined;
  }

  /** Returns what is wrong with it. */
  growSendWindow(byBytes: number): Fault | undefined {
    if (!this.sendWindow.grow(byBytes)) {
      const { code, reason } = flowControlError(`the window of stream ${this.id} is too large`);
      return streamFault(this.id, code, reason);
    }
    this.#carrier.output.ready(this);
    return undefined;
  }

  get wantsToSend(): boolean {
    return !this.#closed && (this.#queue.length > 0 || (this.#trailers !== undefined && !this.#localEnded));
  }

  /** What it sends next, where `room` is left in the connection; undefined when it has nothing, or its client takes nothing. */
  nextPiece(room: number): Piece | undefined {
    if (!this.wantsToSend) return undefined;
    const [message] = this.#queue;
    if (message === undefined) return this.#lastPiece();
    const bytes = Math.min(room, this.sendWindow.left);
    if (bytes <= 0) return this.#headAlone();
    const next = message.next({ streamId: this.id, bytes, maxFrameBytes: this.#carrier.maxFrameBytes });
    this.sendWindow.take(next.bytes);
    const taken = message.left === 0 ? message.taken : undefined;
    if (message.left === 0) this.#queue.shift();
    const head = this.#takeHead();
    return { buffers: head.length === 0 ? next.buffers : [head, ...next.buffers], bytes: next.bytes, taken };
  }

  /** Nothing goes either way any more. Returns how much of what was received nobody has read. */
  close(): number {
    if (this.#closed) return 0;
    this.#closed = true;
    this.#queue = [];
    const unreadBytes = this.#unread?.length ?? 0;
    this.#unread = undefined;
    const listeners = this.#closeListeners;
    this.#closeListeners = [];
    queueMicrotask(() => {
      for (const listener of listeners) listener();
    });
    return unreadBytes;
  }

  #takeHead(): Buffer {
    const head = this.#head;
    if (head !== nothing) this.#head = nothing;
    return head;
  }

  /** Headers pass whatever the windows are. */
  #headAlone(): Piece | undefined {
    const head = this.#takeHead();
    return head.length === 0 ? undefined : { buffers: [head], bytes: 0, taken: undefined };
  }

  #lastPiece(): Piece {
    this.#localEnded = true;
    const trailers = headersFrame(this.id, encodeHeaders(this.#trailers ?? {}), true);
    const head = this.#takeHead();
    queueMicrotask(() => this.#finishWhenBothEnded());
    return { buffers: head.length === 0 ? [trailers] : [head, trailers], bytes: 0, taken: undefined };
  }

  #deliver(): void {
    while (this.#reader !== undefined && !this.#paused && !this.#closed) {
      const data = this.#unread?.shift();
      if (data === undefined) {
        if (this.#remoteEnded) this.#tellEnd();
        return;
      }
      this.#reader.data(data);
      this.#carrier.read(this, data.length);
    }
  }

  #tellEnd(): void {
    if (this.#endTold) return;
    this.#endTold = true;
    this.#reader?.ended();
  }

  #finishWhenBothEnded(): void {
    if (this.#remoteEnded && this.#localEnded && !this.#closed) this.#carrier.finished(this);
  }
}
