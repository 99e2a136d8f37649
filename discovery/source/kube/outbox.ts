// Between the feeds and the receiver: what happens in one turn of the event loop is delivered as one batch. Bounded, because a
// full batch is delivered at once and never queued. The problems of all feeds are told as one list.

import type { Problem } from '../../model/problem.ts';
import type { SourceBatch, SourceEvent } from '../../model/source-event.ts';

export interface OutboxOptions {
  readonly deliver: (batch: SourceBatch) => void;
  readonly maxBatch: number;
  readonly maxProblems: number;
  /** The receiver threw: nothing more is delivered. */
  readonly onFailure: (error: unknown) => void;
  /** Runs a function once what has arrived in this turn was read; `setImmediate` when left out. */
  readonly atEndOfTurn?: ((run: () => void) => void) | undefined;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #atEndOfTurn: (run: () => void) => void;
  readonly #problems = new Map<string, readonly Problem[]>();
  #events: SourceEvent[] = [];
  #problemsChanged = false;
  #scheduled = false;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#atEndOfTurn = options.atEndOfTurn ?? ((run) => setImmediate(run));
  }

  push(event: SourceEvent): void {
    this.#events.push(event);
    if (this.#events.length >= this.#options.maxBatch) this.flush();
    else this.#schedule();
  }

  /** Replaces what was reported under this name; an empty list takes it back. */
  report(name: string, problems: readonly Problem[]): void {
    const before = this.#problems.get(name);
    if (problems.length === 0 ? before === undefined : isSame(before, problems)) return;
    if (problems.length === 0) this.#problems.delete(name);
    else this.#problems.set(name, problems);
    this.#problemsChanged = true;
    this.#schedule();
  }

  flush(): void {
    if (this.#closed) return;
    const batch = this.#events;
    this.#events = [];
    if (this.#problemsChanged) batch.push({ kind: 'problems', problems: this.#allProblems() });
    this.#problemsChanged = false;
    if (batch.length === 0) return;
    try {
      this.#options.deliver(batch);
    } catch (error) {
      this.close();
      this.#options.onFailure(error);
    }
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.#closed = true;
    this.#events = [];
  }

  #schedule(): void {
    if (this.#closed || this.#scheduled) return;
    this.#scheduled = true;
    this.#atEndOfTurn(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** By name, so that the order does not depend on what came first. */
  #allProblems(): Problem[] {
    const all = [...this.#problems].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, problems]) => problems);
    if (all.length <= this.#options.maxProblems) return all;
    const left = all.length - this.#options.maxProblems;
    const more: Problem = {
      severity: 'error',
      code: 'more-problems',
      message: `${left} more objects or kinds have problems that are not shown: correct these first.`,
    };
    return [...all.slice(0, this.#options.maxProblems), more];
  }
}

function isSame(before: readonly Problem[] | undefined, problems: readonly Problem[]): boolean {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(problems);
}
