// How much the client takes at present, on a stream or on its connection (RFC 9113, section 6.9).

import { largestWindowBytes } from './frame-types.ts';

export class SendWindow {
  /** Below zero after the client has made its windows smaller. */
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get left(): number {
    return this.#left;
  }

  take(bytes: number): void {
    this.#left -= bytes;
  }

  /** False when it would be larger than a window may be. */
  grow(byBytes: number): boolean {
    this.#left += byBytes;
    return this.#left <= largestWindowBytes;
  }
}
