// Header blocks of a client: gathered from HEADERS and CONTINUATION frames, and decoded in the order in which they come, since
// they refer to what was in earlier ones.

import { protocolError, tooMuch, type Fault } from './faults.ts';
import type { Frame } from './frame-reader.ts';
import { errorCodes, flags } from './frame-types.ts';
import { HeaderDecoder } from './hpack/header-decoder.ts';
import type { HeaderField } from './hpack/header-field.ts';

export interface HeaderBlock {
  readonly streamId: number;
  /** The client sends nothing more on the stream. */
  readonly ends: boolean;
  /** Undefined: more than is taken. */
  readonly fields: readonly HeaderField[] | undefined;
}

interface Unfinished {
  readonly streamId: number;
  readonly ends: boolean;
  readonly fragments: Buffer[];
  bytes: number;
}

/** "The initial value is 4,096 octets" (RFC 9113, 6.5.2), and stays so. */
const tableBytes = 4096;
/** The largest block that is taken fits into five. */
const maxFragments = 64;

export class HeaderBlocks {
  readonly #maxBytes: number;
  #decoder: HeaderDecoder | undefined;
  #unfinished: Unfinished | undefined;

  /** `maxBytes`: of one block, as it is sent and as it is decoded. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A block has begun: nothing but its continuation may come. */
  get open(): boolean {
    return this.#unfinished !== undefined;
  }

  /** `fragment`: of a HEADERS frame. Undefined while the block goes on. */
  begin({ streamId, flags: headerFlags }: Frame, fragment: Buffer): HeaderBlock | Fault | undefined {
    const begun = { streamId, ends: (headerFlags & flags.endStream) !== 0 };
    if ((headerFlags & flags.endHeaders) !== 0) return this.#decode(fragment, begun);
    this.#unfinished = { ...begun, fragments: [Buffer.from(fragment)], bytes: fragment.length };
    return undefined;
  }

  continue({ streamId, flags: continuationFlags, payload }: Frame): HeaderBlock | Fault | undefined {
    const block = this.#unfinished;
    if (block === undefined || block.streamId !== streamId) return protocolError('CONTINUATION of no header block');
    block.fragments.push(Buffer.from(payload));
    block.bytes += payload.length;
    if (block.bytes > this.#maxBytes || block.fragments.length > maxFragments) {
      return tooMuch('a header block without an end');
    }
    if ((continuationFlags & flags.endHeaders) === 0) return undefined;
    this.#unfinished = undefined;
    return this.#decode(Buffer.concat(block.fragments), block);
  }

  #decode(bytes: Buffer, { streamId, ends }: Pick<HeaderBlock, 'streamId' | 'ends'>): HeaderBlock | Fault {
    this.#decoder ??= new HeaderDecoder({ maxTableBytes: tableBytes, maxListBytes: this.#maxBytes });
    const decoded = this.#decoder.decode(bytes);
    if (decoded.kind === 'malformed') return { code: errorCodes.compressionError, reason: decoded.reason };
    return { streamId, ends, fields: decoded.kind === 'headers' ? decoded.fields : undefined };
  }
}
