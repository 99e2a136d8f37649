// A clock that stands still until a test moves it. `advance` wakes every sleeper whose time has come.
import type { Clock } from '../../ca/clock.ts';

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

export class FakeClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #waiters: (() => void)[] = [];
  #nowMs: number;

  constructor(nowMs: number = Date.parse('2030-01-01T00:00:00Z')) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper = {
      wakeAtMs: this.#nowMs + ms,
      wake: () => {
        this.#sleepers.delete(sleeper);
        resolve();
      },
    };
    this.#sleepers.add(sleeper);
    signal.addEventListener('abort', sleeper.wake, { once: true });
    for (const waiter of this.#waiters.splice(0)) waiter();
    return promise;
  }

  /** How long the next sleeper has still to sleep; waits until somebody sleeps. */
  async untilNextWakeMs(): Promise<number> {
    while (this.#sleepers.size === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push(resolve);
      await promise;
    }
    return Math.min(...[...this.#sleepers].map(({ wakeAtMs }) => wakeAtMs)) - this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) if (sleeper.wakeAtMs <= this.#nowMs) sleeper.wake();
  }
}
