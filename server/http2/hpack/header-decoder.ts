// Header blocks of one connection to fields (HPACK, RFC 7541). In: whole blocks, in the order in which they came: each can
// refer to what earlier ones added to the table. Out: their fields, or why there are none.

import { BlockReader } from './block-reader.ts';
import { FieldTable } from './field-table.ts';
import { fieldBytes, type HeaderField } from './header-field.ts';
import { MalformedBlock } from './malformed-block.ts';

export type DecodedHeaders =
  | { readonly kind: 'headers'; readonly fields: readonly HeaderField[] }
  /** Beyond `maxListBytes`. The table is as the peer thinks it is, so that the connection can go on. */
  | { readonly kind: 'too-large' }
  /** COMPRESSION_ERROR: nothing that comes later on the connection can be read. */
  | { readonly kind: 'malformed'; readonly reason: string };

export interface HeaderDecoderOptions {
  /**
   * SETTINGS_HEADER_TABLE_SIZE, as the peer was told. Less than 4096 is safe only when the peer has read it before it
   * sends its first request, for until then it may use 4096 (RFC 9113, 6.5.2).
   */
  readonly maxTableBytes: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE: of a block, each field with 32 bytes beyond its name and value. */
  readonly maxListBytes: number;
}

/** The size of the table until the peer says another (RFC 9113, 6.5.2). */
const initialTableBytes = 4096;

export class HeaderDecoder {
  readonly #options: HeaderDecoderOptions;
  readonly #table: FieldTable;

  constructor(options: HeaderDecoderOptions) {
    this.#options = options;
    this.#table = new FieldTable(Math.min(initialTableBytes, options.maxTableBytes));
  }

  /** `block`: what HEADERS and the CONTINUATION frames behind it carry. It is not kept. */
  decode(block: Uint8Array): DecodedHeaders {
    try {
      return this.#read(new BlockReader(block));
    } catch (error) {
      if (error instanceof MalformedBlock) return { kind: 'malformed', reason: error.reason };
      throw error;
    }
  }

  #read(reader: BlockReader): DecodedHeaders {
    const { maxListBytes } = this.#options;
    const fields: HeaderField[] = [];
    let listBytes = 0;
    while (!reader.atEnd) {
      if (isTableSize(reader.peek())) {
        // "MUST occur at the beginning of the first header block following the change" (RFC 7541, 4.2)
        if (listBytes > 0) throw new MalformedBlock('a table size comes behind a field');
        this.#resizeTable(reader.integer(5));
        continue;
      }
      const field = this.#readField(reader);
      // Not counted further than it matters: large sums take memory.
      listBytes = Math.min(listBytes + fieldBytes(field), maxListBytes + 1);
      if (listBytes <= maxListBytes) fields.push(field);
      else fields.length = 0;
    }
    return listBytes <= maxListBytes ? { kind: 'headers', fields } : { kind: 'too-large' };
  }

  #resizeTable(bytes: number): void {
    if (bytes > this.#options.maxTableBytes) throw new MalformedBlock('a table size is larger than allowed');
    this.#table.resize(bytes);
  }

  /** The first bits say which of the forms of RFC 7541, 6 it has. */
  #readField(reader: BlockReader): HeaderField {
    const first = reader.peek();
    if (first >= 0x80) return this.#known(reader.integer(7));
    if (first < 0x40) return this.#readLiteral(reader, 4);
    const field = this.#readLiteral(reader, 6);
    this.#table.add(field);
    return field;
  }

  #readLiteral(reader: BlockReader, indexBits: number): HeaderField {
    const index = reader.integer(indexBits);
    const name = index === 0 ? reader.text() : this.#known(index)[0];
    return [name, reader.text()];
  }

  #known(index: number): HeaderField {
    const field = this.#table.field(index);
    if (field === undefined) throw new MalformedBlock('an index is outside of the tables');
    return field;
  }
}

function isTableSize(first: number): boolean {
  return first >= 0x20 && first < 0x40;
}
