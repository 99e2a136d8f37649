// The transport of one stream, as the protocol sees it.

import type { StreamEnd } from './stream-end.ts';

export interface StreamSink {
  /** A message, given in parts. `taken` is called, once and later, when the transport has taken it; messages are taken in order. */
  write(message: readonly Uint8Array[], taken: () => void): void;
  end(end: StreamEnd): void;
}
