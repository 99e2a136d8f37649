// What a client sends on a call: chunks of the transport become messages, which reach the handler at the pace of the call.

import type { Call, CallEvents } from './call.ts';
import type { HttpStream, StreamReader } from './http-stream.ts';
import { MessageReader } from './message-reader.ts';
import { PacedMessages } from './paced-messages.ts';
import type { RequestPacer } from './request-pacer.ts';

export interface CallReaderOptions {
  readonly call: Pick<Call, 'ended' | 'interrupt'>;
  readonly stream: Pick<HttpStream, 'pause' | 'resume'>;
  /** Absent: messages are handled as they come. */
  readonly pacer: RequestPacer | undefined;
  readonly events: CallEvents;
  /** Of one message. */
  readonly maxBytes: number;
}

export class CallReader implements StreamReader {
  readonly #call: CallReaderOptions['call'];
  readonly #events: CallEvents;
  readonly #messages: MessageReader;
  readonly #pacer: RequestPacer | undefined;
  readonly #paced: PacedMessages | undefined;

  constructor({ call, stream, pacer, events, maxBytes }: CallReaderOptions) {
    this.#call = call;
    this.#events = events;
    this.#messages = new MessageReader(maxBytes);
    this.#pacer = pacer;
    if (pacer !== undefined) this.#paced = new PacedMessages(stream, pacer, (bytes) => this.#handle(bytes));
  }

  data(chunk: Buffer): void {
    if (this.#call.ended) return;
    const only = this.#messages.whole(chunk);
    if (only !== undefined) {
      this.#take(only);
      return;
    }
    const wrong = this.#messages.push(chunk, (bytes) => {
      this.#take(bytes);
      return !this.#call.ended;
    });
    if (wrong !== undefined) this.#call.interrupt(wrong);
    else this.#pacer?.holds(this.#messages.heldBytes);
  }

  ended(): void {
    if (this.#call.ended) return;
    if (this.#messages.heldBytes > 0) {
      this.#call.interrupt({ code: 'INTERNAL', message: 'the request ended within a message' });
    } else if (this.#paced === undefined) this.#events.halfClosed();
    else {
      this.#paced.finish(() => {
        if (!this.#call.ended) this.#events.halfClosed();
      });
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#paced === undefined || this.#paced.passes(bytes)) this.#handle(bytes);
    else this.#paced.take(bytes);
  }

  #handle(bytes: Uint8Array): void {
    if (!this.#call.ended) this.#events.message(bytes);
  }
}
