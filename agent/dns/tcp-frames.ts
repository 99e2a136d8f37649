// DNS over TCP: each message after its length in two bytes, RFC 1035 section 4.2.2.

export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Puts messages together from pieces. Holds at most one message, so at most 64 KiB and a piece. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  /** The messages that are complete now. */
  take(bytes: Buffer): readonly Buffer[] {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const messages: Buffer[] = [];
    while (this.#held.length >= 2) {
      const end = 2 + this.#held.readUInt16BE(0);
      if (this.#held.length < end) break;
      messages.push(this.#held.subarray(2, end));
      this.#held = this.#held.subarray(end);
    }
    return messages;
  }
}
