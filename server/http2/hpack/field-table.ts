// The fields that a header block can refer to by index (RFC 7541, 2.3): those that never change, and behind them what the
// peer has added to the connection's own table, the newest first.

import { fieldBytes, type HeaderField } from './header-field.ts';
import { staticTable } from './static-table.ts';

export class FieldTable {
  #maxBytes: number;
  #bytes = 0;
  /** The oldest first. */
  readonly #added: HeaderField[] = [];

  /** `maxBytes`: of what is added, each field counted as `fieldBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Counted from 1; undefined where there is none. */
  field(index: number): HeaderField | undefined {
    return index <= staticTable.length
      ? staticTable[index - 1]
      : this.#added[this.#added.length - (index - staticTable.length)];
  }

  /** Old fields make room. One that is larger than the table empties it, and is not added itself (RFC 7541, 4.4). */
  add(field: HeaderField): void {
    const bytes = fieldBytes(field);
    this.#evictTo(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return;
    this.#added.push(field);
    this.#bytes += bytes;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const oldest = this.#added.shift();
      if (oldest === undefined) return;
      this.#bytes -= fieldBytes(oldest);
    }
  }
}
