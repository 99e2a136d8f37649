// What a client has sent and nobody has read yet. In: pieces of any size. Out: their bytes, in order. Small pieces are gathered,
// so that what is held is at most twice what was sent: a buffer for one byte takes as much memory as a hundred bytes.

const blockBytes = 4096;
const nothing = Buffer.alloc(0);

export class UnreadBytes {
  #full: Buffer[] = [];
  /** Behind the full ones; it has room for more. */
  #block: Buffer = nothing;
  #used = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies them. */
  push(bytes: Buffer): void {
    if (bytes.length > this.#block.length - this.#used) {
      const last = this.#takeBlock();
      if (last !== undefined) this.#full.push(last);
      // Most often nothing follows the first before it is read.
      this.#block = Buffer.allocUnsafe(this.#length === 0 ? bytes.length : Math.max(bytes.length, blockBytes));
    }
    bytes.copy(this.#block, this.#used);
    this.#used += bytes.length;
    this.#length += bytes.length;
  }

  /** The first of them, as many as lie together. */
  shift(): Buffer | undefined {
    const bytes = this.#full.shift() ?? this.#takeBlock();
    if (bytes !== undefined) this.#length -= bytes.length;
    return bytes;
  }

  clear(): void {
    this.#full = [];
    this.#takeBlock();
    this.#length = 0;
  }

  #takeBlock(): Buffer | undefined {
    if (this.#used === 0) return undefined;
    const block = this.#block;
    const used = this.#used;
    this.#block = nothing;
    this.#used = 0;
    return used === block.length ? block : block.subarray(0, used);
  }
}
