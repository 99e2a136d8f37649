// An event loop that turns by hand: work takes as much of its time as it says, timers fire when they are due or as late as the
// work before them makes them, and one turn is everything that is due, then what was to come after the events.

import type { AdmissionClock } from '../../../server/admission/admission.ts';

export class FakeLoop implements AdmissionClock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly run: () => void }[] = [];
  #afterEvents: (() => void)[] = [];

  readonly now = (): number => this.#nowMs;
  readonly after = (ms: number, run: () => void): void => void this.#timers.push({ dueMs: this.#nowMs + ms, run });
  readonly afterEvents = (run: () => void): void => void this.#afterEvents.push(run);

  /** Something that the processor is busy with. */
  work(ms: number): void {
    this.#nowMs += ms;
  }

  /** One turn; without anything to do, time goes on to the next timer. */
  turn(): void {
    const nextMs = Math.min(...this.#timers.map(({ dueMs }) => dueMs));
    if (this.#afterEvents.length === 0 && Number.isFinite(nextMs)) this.#nowMs = Math.max(this.#nowMs, nextMs);
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs).toSorted((a, b) => a.dueMs - b.dueMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { run } of due) run();
    for (const run of this.#afterEvents.splice(0)) run();
  }

  /** Turns for so long, at least. */
  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    const isDue = (): boolean => this.#afterEvents.length > 0 || this.#timers.some(({ dueMs }) => dueMs <= endMs);
    while (this.#nowMs < endMs && isDue()) this.turn();
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }
}
