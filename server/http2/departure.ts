// How a client is brought to leave its connection without losing what it has opened: it is told twice, the second time with the last
// stream that is served, and the connection ends when its streams have. At its age a connection leaves by itself.

import type { GrpcStatus } from '../grpc/status.ts';
import type { TransportLimits } from '../grpc/transport-limits.ts';
import { errorCodes, largestStreamId } from './frame-types.ts';
import { goAwayFrame } from './frames.ts';
import type { Output } from './output.ts';
import type { Pings } from './pings.ts';
import type { StreamTable } from './stream-table.ts';

export interface DepartureOptions {
  readonly limits: Pick<TransportLimits, 'maxConnectionAgeMs' | 'maxConnectionAgeGraceMs'>;
  readonly streams: StreamTable;
  readonly pings: Pings;
  readonly output: Output;
  /** Nothing is open, and nothing is served any more. */
  readonly end: () => void;
}

/** A client that is told to leave and has nothing open gets this long to open what it had not yet heard of. */
const lingerMs = 1000;

const tooOld: GrpcStatus = { code: 'UNAVAILABLE', message: 'the connection has reached its age; connect again' };

export class Departure {
  readonly #options: DepartureOptions;
  #begun = false;
  #lastServed = Infinity;
  #age: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(options: DepartureOptions) {
    this.#options = options;
    const { maxConnectionAgeMs } = options.limits;
    if (maxConnectionAgeMs === 0) return;
    this.#age = setTimeout(() => this.#retire(), maxConnectionAgeMs * (0.9 + 0.2 * Math.random()));
  }

  /** Streams above it are not served. Infinite until the client was told. */
  get lastServed(): number {
    return this.#lastServed;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { output, pings } = this.#options;
    // "a server … SHOULD send an initial GOAWAY frame with the last stream identifier set to 2^31-1" (RFC 9113, 6.8)
    output.control(goAwayFrame(largestStreamId, errorCodes.noError));
    // What the client had opened before it heard of it is served: it is all here when it answers.
    pings.send(() => this.#serveNoMore());
    this.endWhenIdle();
  }

  /** Called when a stream has ended. */
  endWhenIdle(): void {
    const { streams, end } = this.#options;
    if (!this.#begun || streams.size > 0) return;
    if (this.#lastServed === Infinity) this.#linger ??= setTimeout(() => this.#serveNoMore(), lingerMs);
    else end();
  }

  /** The connection is over. */
  stop(): void {
    clearTimeout(this.#age);
    clearTimeout(this.#linger);
  }

  #serveNoMore(): void {
    if (this.#lastServed !== Infinity) return;
    this.#lastServed = this.#options.streams.last;
    this.#options.output.control(goAwayFrame(this.#lastServed, errorCodes.noError));
    this.endWhenIdle();
  }

  #retire(): void {
    this.begin();
    const end = (): void => {
      this.#serveNoMore();
      for (const stream of this.#options.streams.all()) stream.owner?.interrupt(tooOld);
    };
    this.#age = setTimeout(end, this.#options.limits.maxConnectionAgeGraceMs);
  }
}
