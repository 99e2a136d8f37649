// Lines by key, kept small: those of one kind of object are much alike, so each is deflated against the first of its kind. In:
// lines of text. Out: what was packed, to be kept and put back as it is, and its lines.

import { deflateRawSync, inflateRawSync } from 'node:zlib';

export interface PackedLine {
  readonly kind: string;
  /** Deflated bytes as one-byte characters: a string of them takes less memory than a Buffer. */
  readonly text: string;
  /** Characters of the line. */
  readonly length: number;
}

export interface PackedContent {
  /** By kind, the line against which those of the kind are deflated. */
  readonly dictionaries: ReadonlyMap<string, Buffer>;
  readonly lines: readonly PackedLine[];
}

/**
 * Of deflating: a window as large as an object, and the memory of it, since each line is packed alone. What Node deflates into, 16 KiB
 * unless said, is kept until the next full collection, and counts so much that one follows.
 */
const deflating = { windowBits: 12, memLevel: 4, chunkSize: 512 } as const;
const inflating = { windowBits: 12, chunkSize: 4096 } as const;

export class PackedLines<Key> {
  readonly #lines = new Map<Key, PackedLine>();
  #dictionaries = new Map<string, Buffer>();
  #length = 0;

  /** Characters of all lines together, unpacked. */
  get length(): number {
    return this.#length;
  }

  /** True when the line differs from the one that was there. `kind` tells lines apart that are not alike. */
  set(key: Key, kind: string, line: string): boolean {
    const before = this.#lines.get(key);
    const dictionary = this.#dictionaryFor(kind, line);
    const text = deflateRawSync(line, { ...deflating, dictionary }).toString('latin1');
    if (kind === before?.kind && text === before.text) return false;
    this.#put(key, { kind, text, length: line.length });
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
    this.#dictionaries = new Map();
    this.#length = 0;
  }

  /** Everything as it is now: what changes later does not show. */
  content(): PackedContent {
    return { dictionaries: new Map(this.#dictionaries), lines: [...this.#lines.values()] };
  }

  /** Takes over what others packed, in place of all that is here; `keys` are those of its lines. */
  restore({ dictionaries, lines }: PackedContent, keys: readonly Key[]): void {
    this.clear();
    this.#dictionaries = new Map(dictionaries);
    for (const [index, key] of keys.entries()) {
      const line = lines[index];
      if (line !== undefined) this.#put(key, line);
    }
  }

  #put(key: Key, line: PackedLine): void {
    this.#length += line.length - (this.#lines.get(key)?.length ?? 0);
    this.#lines.set(key, line);
  }

  #dictionaryFor(kind: string, line: string): Buffer {
    const known = this.#dictionaries.get(kind);
    if (known !== undefined) return known;
    const dictionary = Buffer.from(line);
    this.#dictionaries.set(kind, dictionary);
    return dictionary;
  }
}

/** Undefined when it was not deflated so. */
export function unpackLine(deflated: Uint8Array, dictionary: Buffer | undefined): string | undefined {
  if (dictionary === undefined) return undefined;
  try {
    return inflateRawSync(deflated, { ...inflating, dictionary }).toString();
  } catch {
    return undefined;
  }
}
