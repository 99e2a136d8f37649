// A byte stream → its lines, one at a time, never more than one line in memory. A line that is too long is passed over and
// only its beginning handed out, so that one object can't exhaust the memory or stop the others.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { KubeError } from './kube-error.ts';

export type StreamLine =
  | { readonly kind: 'line'; readonly text: string }
  /** `beginning`: its first characters; enough to see which object it was. */
  | { readonly kind: 'oversized'; readonly beginning: string };

export interface ReadLinesOptions {
  readonly maxLineBytes: number;
  /** Called for every piece that arrives. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

const newline = 0x0a;
const beginningBytes = 4096;
/** A large list must not keep the rest of the program from its work. */
const longestTurnMs = 10;

/** Empty lines are left out. Throws a `malformed` error when the stream ends in the middle of a line. */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  options: ReadLinesOptions,
): AsyncGenerator<StreamLine> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let isOversized = false;
  const add = (part: Uint8Array): void => {
    size += part.length;
    isOversized ||= size > options.maxLineBytes;
    if (!isOversized || parts.length === 0) parts.push(part);
    else if (parts.length > 1) parts = [Buffer.concat(parts).subarray(0, beginningBytes)];
  };
  const take = (): StreamLine | undefined => {
    const bytes = parts.length === 1 ? Buffer.from(parts[0] ?? []) : Buffer.concat(parts);
    const wasOversized = isOversized;
    parts = [];
    size = 0;
    isOversized = false;
    if (wasOversized) return { kind: 'oversized', beginning: bytes.toString('utf8', 0, beginningBytes) };
    const text = bytes.toString('utf8');
    return text.trim() === '' ? undefined : { kind: 'line', text };
  };
  let turnBeganAtMs = performance.now();
  for await (const chunk of stream) {
    options.onBytes?.(chunk.length);
    if (performance.now() - turnBeganAtMs > longestTurnMs) {
      await nextTurn();
      turnBeganAtMs = performance.now();
    }
    let from = 0;
    for (let end = chunk.indexOf(newline, from); end >= 0; end = chunk.indexOf(newline, from)) {
      add(chunk.subarray(from, end));
      from = end + 1;
      const line = take();
      if (line !== undefined) yield line;
    }
    // A copy: the rest of a chunk must not keep the whole chunk in memory.
    if (from < chunk.length) add(Uint8Array.prototype.slice.call(chunk, from));
  }
  if (size > 0) throw new KubeError('malformed', 'the API server closed the connection in the middle of an object');
}
