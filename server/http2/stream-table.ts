// The streams of one connection: those that are open, the highest number that was opened, and those that were reset from here
// lately. What the client had sent on these before it heard of that is not its fault.

import type { Http2Stream } from './stream.ts';

/** A client that is far away has this many of its streams reset before it hears of the first. */
const maxRemembered = 100;

export class StreamTable {
  readonly #open = new Map<number, Http2Stream>();
  #reset: Set<number> | undefined;
  #last = 0;

  get size(): number {
    return this.#open.size;
  }

  /** The highest that the client has opened, served or not. */
  get last(): number {
    return this.#last;
  }

  get(id: number): Http2Stream | undefined {
    return this.#open.get(id);
  }

  /** A copy. */
  all(): readonly Http2Stream[] {
    return [...this.#open.values()];
  }

  /** True for a number that the client has not opened: clients open streams with odd numbers, each higher than the last. */
  isIdle(id: number): boolean {
    return id > this.#last || id % 2 === 0;
  }

  wasReset(id: number): boolean {
    return this.#reset?.has(id) === true;
  }

  /** Lower numbers can't be opened after this. */
  opened(id: number): void {
    this.#last = id;
  }

  add(stream: Http2Stream): void {
    this.#open.set(stream.id, stream);
  }

  remove(id: number): void {
    this.#open.delete(id);
  }

  /** Nothing is open any more. Returns what was. */
  clear(): readonly Http2Stream[] {
    const streams = this.all();
    this.#open.clear();
    return streams;
  }

  rememberReset(id: number): void {
    this.#reset ??= new Set();
    this.#reset.add(id);
    const [oldest] = this.#reset;
    if (this.#reset.size > maxRemembered && oldest !== undefined) this.#reset.delete(oldest);
  }
}
