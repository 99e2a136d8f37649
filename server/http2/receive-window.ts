// How much a client may still send, on a stream or on its connection (RFC 9113, section 5.2). What was read is given back in
// portions of half a window.

export class ReceiveWindow {
  readonly #size: number;
  #left: number;
  /** Read, and not given back yet. */
  #read = 0;

  constructor(sizeBytes: number) {
    this.#size = sizeBytes;
    this.#left = sizeBytes;
  }

  /** False when the client sends more than it may. */
  received(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** By how much the client is to be told that its window grows; 0: not now. */
  read(bytes: number): number {
    this.#read += bytes;
    if (this.#read * 2 < this.#size) return 0;
    const increment = this.#read;
    this.#read = 0;
    this.#left += increment;
    return increment;
  }
}
