// The bodies of frames that are rare: numbers, texts and bytes one after the other, read in the order in which they were written.

export class FieldWriter {
  readonly #parts: Uint8Array[] = [];

  number(value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    this.#parts.push(bytes);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.number(value.length);
    this.#parts.push(value);
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value));
  }

  texts(values: readonly string[]): this {
    this.number(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** @throws RangeError when there is less than is asked for */
export class FieldReader {
  readonly #body: Buffer;
  #offset = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  number(): number {
    const value = this.#body.readDoubleBE(this.#offset);
    this.#offset += 8;
    return value;
  }

  /** A copy. */
  bytes(): Buffer {
    const end = this.#offset + 8 + this.#body.readDoubleBE(this.#offset);
    if (!(end <= this.#body.length)) throw new RangeError('a field is longer than its frame');
    const bytes = Buffer.from(this.#body.subarray(this.#offset + 8, end));
    this.#offset = end;
    return bytes;
  }

  text(): string {
    return this.bytes().toString();
  }

  texts(): readonly string[] {
    return Array.from({ length: this.number() }, () => this.text());
  }
}
