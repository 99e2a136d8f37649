// Callers that are refused, in the log: the first of a kind at once, and after that how many there were in each minute, so that
// a thousand proxies with a wrong token are a line a minute.

import type { StatusCode } from '../grpc/status.ts';

export interface RefusedCall {
  readonly code: StatusCode;
  /** What the caller was told. */
  readonly message: string;
  /** `ADDRESS:PORT` */
  readonly address: string;
  /** `/PACKAGE.SERVICE/METHOD` */
  readonly path: string;
  /** URIs of its certificate. */
  readonly identities: readonly string[];
}

export interface RefusalLogOptions {
  /** As pino has it. */
  readonly log: { warn(fields: object, message: string): void };
  readonly after: (ms: number, run: () => void) => void;
}

/** What a caller may have done wrong, or too much. */
const refusals: ReadonlySet<StatusCode> = new Set(['UNAUTHENTICATED', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED']);

const periodMs = 60_000;

/** Messages name callers, so there is no end of kinds: beyond these a kind is a code. */
const maxKinds = 100;

export class RefusalLog {
  readonly #options: RefusalLogOptions;
  /** Kinds of this minute, with those that were not logged. */
  readonly #kinds = new Map<string, { count: number; last: RefusedCall }>();

  constructor(options: RefusalLogOptions) {
    this.#options = options;
  }

  /** A call that has ended; all other statuses are ignored. */
  ended(call: RefusedCall): void {
    if (!refusals.has(call.code)) return;
    const exact = `${call.code} ${call.message}`;
    const kind = this.#kinds.has(exact) || this.#kinds.size < maxKinds ? exact : call.code;
    const known = this.#kinds.get(kind);
    if (known !== undefined) {
      known.count += 1;
      known.last = call;
      return;
    }
    this.#kinds.set(kind, { count: 0, last: call });
    this.#options.log.warn({ ...call }, 'a caller was refused');
    if (this.#kinds.size === 1) this.#tellLater();
  }

  #tellLater(): void {
    this.#options.after(periodMs, () => {
      for (const [kind, { count, last }] of this.#kinds) {
        if (count === 0) this.#kinds.delete(kind);
        else {
          this.#options.log.warn({ ...last, count }, 'callers were refused in the last minute; this was the last');
          this.#kinds.set(kind, { count: 0, last });
        }
      }
      if (this.#kinds.size > 0) this.#tellLater();
    });
  }
}
