// Pings of one connection: whether its client is still there, and what is told when it has read all that was sent before.

export interface PingsOptions {
  /** A connection is pinged this often, … */
  readonly everyMs: number;
  /** … and is gone when the answer takes longer than this. */
  readonly timeoutMs: number;
  /** `payload`: eight bytes. */
  readonly send: (payload: Buffer) => void;
  readonly onGone: () => void;
}

export class Pings {
  readonly #options: PingsOptions;
  readonly #timer: NodeJS.Timeout;
  #late: NodeJS.Timeout | undefined;
  #sent = 0;
  /** Called in turn, since pings are answered in the order in which they are sent. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: PingsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#check(), options.everyMs);
  }

  send(answered: () => void): void {
    const payload = Buffer.alloc(8);
    this.#sent += 1;
    payload.writeUInt32BE(this.#sent, 4);
    this.#waiting.push(answered);
    this.#options.send(payload);
  }

  /** `payload`: eight bytes, as they were sent. Any other answers nothing. */
  answered(payload: Buffer): void {
    const next = this.#sent - this.#waiting.length + 1;
    if (payload.readUInt32BE(0) === 0 && payload.readUInt32BE(4) === next) this.#waiting.shift()?.();
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#late);
  }

  #check(): void {
    // The one before is still out.
    if (this.#late !== undefined) return;
    this.#late = setTimeout(() => this.#options.onGone(), this.#options.timeoutMs);
    this.send(() => {
      clearTimeout(this.#late);
      this.#late = undefined;
    });
  }
}
