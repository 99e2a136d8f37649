// A text that must not be seen: a credential on its way from where it was read to where it is used. It does not show in logs,
// JSON or errors; two of them are equal when their texts are.

import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

export class Hidden {
  /** Hexadecimal SHA-256 of the text, to tell whether it changed. */
  readonly sha256: string;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.sha256 = createHash('sha256').update(text).digest('hex');
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '(hidden)';
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
