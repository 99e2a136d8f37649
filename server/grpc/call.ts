// One gRPC call, from its headers to its status: framing, deadline, and an end that is told once. Below it is an
// HttpStream, above it a handler.

import { CallReader } from './call-reader.ts';
import type { ClientCertificate, HttpStream } from './http-stream.ts';
import type { RequestPacer } from './request-pacer.ts';
import { trailersOf, type GrpcStatus, type SentHeaders } from './status.ts';

export interface CallEvents {
  message(bytes: Uint8Array): void;
  /** The client sends no more messages; it may still read. */
  halfClosed(): void;
}

export interface CallLimits {
  /** Of one message. */
  readonly maxRequestBytes: number;
  /** After its end, a call that its client does not end too is reset. */
  readonly endGraceMs: number;
}

export interface CallOptions {
  readonly limits: CallLimits;
  /** Told what the handler throws. */
  readonly onError: (error: unknown) => void;
  /** Told how it ends, whoever ends it. */
  readonly onEnded?: ((call: Call, status: GrpcStatus) => void) | undefined;
}

/** Serves a path, `/PACKAGE.SERVICE/METHOD`. What it throws ends the call with INTERNAL. */
export type CallHandler = (call: Call) => void;

const answerHeaders: SentHeaders = Object.freeze({
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
});

export class Call {
  readonly #stream: HttpStream;
  readonly #options: CallOptions;
  #pacer: RequestPacer | undefined;
  #onInterrupt: ((status: GrpcStatus) => void) | undefined;
  #responded = false;
  #ended: GrpcStatus | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: HttpStream, options: CallOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.onClose(() => {
      clearTimeout(this.#timer);
      if (this.#ended !== undefined) return;
      this.#ended = { code: 'CANCELLED', message: 'the client left' };
      this.#pacer?.ended();
      this.#onInterrupt?.(this.#ended);
      options.onEnded?.(this, this.#ended);
    });
  }

  /** Hands it over. */
  serve(handler: CallHandler): void {
    try {
      handler(this);
    } catch (error) {
      this.#options.onError(error);
      this.interrupt({ code: 'INTERNAL', message: 'the call could not be served' });
    }
  }

  /** From the first message on. */
  pace(pacer: RequestPacer): void {
    this.#pacer = pacer;
  }

  /** After this time the client does not wait any more. */
  expireIn(timeoutMs: number): void {
    const late: GrpcStatus = { code: 'DEADLINE_EXCEEDED', message: 'the deadline of the call has passed' };
    this.#timer = setTimeout(() => this.interrupt(late), timeoutMs);
  }

  /** `ADDRESS:PORT` of the client. */
  get address(): string {
    return this.#stream.peer.address;
  }

  /** `/PACKAGE.SERVICE/METHOD` */
  get path(): string {
    return this.header(':path') ?? '';
  }

  get certificate(): ClientCertificate | undefined {
    return this.#stream.peer.certificate;
  }

  /** True once it has ended, by whomever. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** The first value of a header, whose name is lower case; undefined without it. */
  header(name: string): string | undefined {
    const value = this.#stream.headers[name];
    return typeof value === 'string' ? value : value?.[0];
  }

  /** Called, at most once, when the call ends from outside: the client left, its deadline passed, or the server stops it. */
  onInterrupt(interrupted: (status: GrpcStatus) => void): void {
    this.#onInterrupt = interrupted;
  }

  /** Begins to read. Messages that came before have waited in the transport. `maxBytes`: of one message, where that is less than usual. */
  listen(events: CallEvents, maxBytes = Infinity): void {
    this.#stream.read(
      new CallReader({
        call: this,
        stream: this.#stream,
        pacer: this.#pacer,
        events,
        maxBytes: Math.min(maxBytes, this.#options.limits.maxRequestBytes),
      }),
    );
  }

  /** Sends a message, given in parts. `flushed` is called, once and later, when the transport has taken it. */
  write(message: readonly Uint8Array[], flushed: () => void = ignore): void {
    if (this.#ended !== undefined) return;
    if (!this.#responded) {
      this.#responded = true;
      this.#stream.respond(answerHeaders);
    }
    this.#stream.write(message, flushed);
    this.#pacer?.responded();
  }

  /** Ends a call before it has begun, in the words of HTTP too. */
  refuse(httpStatus: number, status: GrpcStatus): void {
    this.#finish(status, { ...answerHeaders, ':status': httpStatus, ...trailersOf(status) });
  }

  /** Sends the status behind what was written; nothing is read or told after it. */
  end(status: GrpcStatus): void {
    if (this.#ended !== undefined) return;
    this.#finish(status, this.#responded ? trailersOf(status) : { ...answerHeaders, ...trailersOf(status) });
  }

  /** As `end`, and the handler is told. */
  interrupt(status: GrpcStatus): void {
    if (this.#ended !== undefined) return;
    const interrupted = this.#onInterrupt;
    this.end(status);
    interrupted?.(status);
  }

  /** A client that does not take the answer, or goes on sending after it, is cut off. */
  #finish(status: GrpcStatus, trailers: SentHeaders): void {
    this.#ended = status;
    clearTimeout(this.#timer);
    this.#pacer?.ended();
    this.#stream.end(trailers);
    // The client's next try would come over the same connection, to the same server.
    if (status.code === 'RESOURCE_EXHAUSTED') this.#stream.leaveConnection();
    this.#timer = setTimeout(() => this.#stream.reset(), this.#options.limits.endGraceMs);
    this.#options.onEnded?.(this, status);
  }
}

function ignore(): void {
  // Nobody waits for it.
}
