// An answer of an API server as it comes: each piece is handed out in the turn of the event loop that brought it, without a promise in
// between. Who takes long is given the next piece after all other events, so that a large list does not keep the program from its work.

import type { IncomingMessage } from 'node:http';
import { connectionError } from './kube-error.ts';

export interface AnswerStream {
  /**
   * Resolves when the answer has ended. Rejects with a `KubeError` when it broke or was aborted, and with what `take` throws; nothing
   * is read any more then.
   */
  read(take: (piece: Uint8Array) => void): Promise<void>;
}

/** Of work on what came, before other events have their turn. */
const longestWorkMs = 10;

export interface AnswerStreamOptions {
  /** An abort ends the stream with its reason. */
  readonly signal: AbortSignal;
  /** Called for every piece that arrives. */
  readonly onBytes: () => void;
}

export function answerStream(answer: IncomingMessage, options: AnswerStreamOptions): AnswerStream {
  return { read: (take) => readAnswer(answer, options, take) };
}

async function readAnswer(
  answer: IncomingMessage,
  { signal, onBytes }: AnswerStreamOptions,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isOver = false;
  let workedMs = 0;
  const fail = (error: unknown): void => {
    isOver = true;
    reject(error);
  };
  const onAbort = (): void => fail(connectionError(signal.reason));
  const onData = (piece: Uint8Array): void => {
    if (isOver) return;
    onBytes();
    const beganAtMs = performance.now();
    try {
      take(piece);
    } catch (error) {
      return fail(error);
    }
    workedMs += performance.now() - beganAtMs;
    if (workedMs < longestWorkMs) return undefined;
    workedMs = 0;
    answer.pause();
    setImmediate(() => answer.resume());
    return undefined;
  };
  signal.addEventListener('abort', onAbort);
  answer.on('end', resolve);
  answer.on('error', (error) => fail(connectionError(error)));
  answer.on('close', () => fail(connectionError(closedEarly())));
  if (signal.aborted) onAbort();
  else if (answer.destroyed) fail(connectionError(closedEarly()));
  else answer.on('data', onData);
  try {
    await promise;
    if (signal.aborted) throw connectionError(signal.reason);
  } finally {
    isOver = true;
    signal.removeEventListener('abort', onAbort);
    answer.destroy();
  }
}

function closedEarly(): Error {
  return Object.assign(new Error('closed before the end'), { code: 'ECONNRESET' });
}
