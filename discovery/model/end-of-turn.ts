// The end of a turn of the event loop, in two steps: what was read in the turn is told first, then what was told is worked on. So what came
// together is worked on together, whichever cluster told it, and no other event comes between the two.

type Run = () => void;

export class EndOfTurn {
  #telling: Run[] = [];
  #working: Run[] = [];
  #isDue = false;

  /** Once, after what has arrived in this turn was read. */
  readonly tell = (run: Run): void => {
    this.#telling.push(run);
    this.#schedule();
  };

  /** Once, after everything was told. */
  readonly work = (run: Run): void => {
    this.#working.push(run);
    this.#schedule();
  };

  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#end());
  }

  #end(): void {
    try {
      for (let run = this.#telling.shift(); run !== undefined; run = this.#telling.shift()) run();
      for (let run = this.#working.shift(); run !== undefined; run = this.#working.shift()) run();
    } finally {
      this.#isDue = false;
      if (this.#telling.length + this.#working.length > 0) this.#schedule();
    }
  }
}
