// Lines by key, kept small: those of one kind of object are much alike, so each is deflated against the first of its kind. In:
// lines of text. Out: the same lines, one at a time.

import { deflateRawSync, inflateRawSync } from 'node:zlib';

interface PackedLine {
  /** Deflated bytes as one-byte characters: a string of them takes less memory than a Buffer. */
  readonly text: string;
  readonly length: number;
  readonly dictionary: Buffer;
}

/** A window as large as an object, and the memory of it: each line is packed alone. */
const settings = { windowBits: 12, memLevel: 4 } as const;

export class PackedLines<Key> {
  readonly #lines = new Map<Key, PackedLine>();
  readonly #dictionaries = new Map<string, Buffer>();
  #length = 0;

  /** Characters of all lines together, unpacked. */
  get length(): number {
    return this.#length;
  }

  /** True when the line differs from the one that was there. `kind` tells lines apart that are not alike. */
  set(key: Key, kind: string, line: string): boolean {
    const before = this.#lines.get(key);
    const dictionary = before?.dictionary ?? this.#dictionaryFor(kind, line);
    const text = deflateRawSync(line, { ...settings, dictionary }).toString('latin1');
    if (text === before?.text) return false;
    this.#length += line.length - (before?.length ?? 0);
    this.#lines.set(key, { text, length: line.length, dictionary });
    return true;
  }

  /** False when there was none. */
  delete(key: Key): boolean {
    const before = this.#lines.get(key);
    if (before === undefined) return false;
    this.#length -= before.length;
    return this.#lines.delete(key);
  }

  clear(): void {
    this.#lines.clear();
    this.#dictionaries.clear();
    this.#length = 0;
  }

  /** The lines as they are now, unpacked as they are taken: what changes meanwhile does not show. */
  all(): SizedLines {
    const packed = [...this.#lines.values()];
    return { size: packed.length, [Symbol.iterator]: () => unpacked(packed) };
  }

  #dictionaryFor(kind: string, line: string): Buffer {
    const known = this.#dictionaries.get(kind);
    if (known !== undefined) return known;
    const dictionary = Buffer.from(line);
    this.#dictionaries.set(kind, dictionary);
    return dictionary;
  }
}

export interface SizedLines extends Iterable<string> {
  readonly size: number;
}

function* unpacked(packed: readonly PackedLine[]): Generator<string> {
  for (const { text, dictionary } of packed) {
    yield inflateRawSync(Buffer.from(text, 'latin1'), { windowBits: settings.windowBits, dictionary }).toString();
  }
}
