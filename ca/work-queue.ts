// A bounded queue in front of work that shares a processor: a few pieces in flight, some waiting in order, the rest
// refused at once. Work that was aborted while it waited is not begun.
import { CaError } from './ca-error.ts';

export interface WorkQueueOptions {
  readonly maxInFlight: number;
  readonly maxWaiting: number;
}

interface Waiting {
  readonly begin: () => void;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<Waiting>();
  #inFlight = 0;
  #refused = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** How many pieces of work were refused because the queue was full. */
  get refused(): number {
    return this.#refused;
  }

  /** The work's result; `overloaded` when the queue is full, `cancelled` when the signal aborted before its turn. */
  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result | CaError> {
    if (signal?.aborted === true) return cancelled();
    if (this.#inFlight >= this.#options.maxInFlight) {
      if (this.#waiting.size >= this.#options.maxWaiting) {
        this.#refused++;
        return new CaError('overloaded', 'Too many certificates are being signed: try again in a moment.');
      }
      if (!(await this.#turn(signal))) return cancelled();
    } else {
      this.#inFlight++;
    }
    try {
      return await work();
    } finally {
      this.#inFlight--;
      this.#beginNext();
    }
  }

  /** Waits until a place is handed over (already counted as in flight), or the signal aborts: false. */
  #turn(signal: AbortSignal | undefined): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const give = () => {
      this.#waiting.delete(waiting);
      resolve(false);
    };
    const waiting: Waiting = {
      begin: () => {
        signal?.removeEventListener('abort', give);
        this.#inFlight++;
        resolve(true);
      },
    };
    this.#waiting.add(waiting);
    signal?.addEventListener('abort', give, { once: true });
    return promise;
  }

  #beginNext(): void {
    // A Set keeps the order of insertion, so the first is the one that waited longest.
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next.begin();
  }
}

function cancelled(): CaError {
  return new CaError('cancelled', 'The caller went away before its certificate was signed.');
}
