// Tells when a transport that holds something has taken nothing for as long as is allowed. It looks when the time may be over, instead
// of starting a timer with every response.

export class WriteDeadline {
  readonly #timeoutMs: number;
  readonly #missed: () => void;
  /** When (`performance.now`) the transport was last given or took anything. */
  #sinceMs = 0;
  #holds = false;
  #timer: NodeJS.Timeout | undefined;

  /** `missed`: told once the time is over. */
  constructor(timeoutMs: number, missed: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#missed = missed;
  }

  /** The transport holds something, and from now on (`performance.now`) the time runs anew. */
  begin(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#holds = true;
    if (this.#timer === undefined) this.#arm(this.#timeoutMs);
  }

  /** The transport holds nothing. */
  end(): void {
    this.#holds = false;
  }

  /** Nothing is told any more. */
  clear(): void {
    clearTimeout(this.#timer);
  }

  #arm(inMs: number): void {
    this.#timer = setTimeout(() => this.#look(), inMs);
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#holds) return;
    const leftMs = this.#sinceMs + this.#timeoutMs - performance.now();
    if (leftMs > 0) this.#arm(Math.ceil(leftMs));
    else this.#missed();
  }
}
