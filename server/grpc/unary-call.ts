// Calls with one message each way: reads the request, hands it over, sends what comes back.

import type { Call } from './call.ts';
import type { GrpcStatus } from './status.ts';

/** An answer of bytes, or the status that the call ends with instead. The signal aborts when the call ends from outside. */
export type UnaryAnswer = (request: Uint8Array, signal: AbortSignal) => Promise<Uint8Array | GrpcStatus>;

/** A client of these calls has one small message to send and is not known yet: it gets this much room and time. */
const maxRequestBytes = 256 * 1024;
const maxDurationMs = 30_000;

/** `onError` is told what `answer` throws, and says how the call ends then. */
export function serveUnary(call: Call, answer: UnaryAnswer, onError: (error: unknown) => GrpcStatus): void {
  const gone = new AbortController();
  const late = setTimeout(() => {
    call.interrupt({ code: 'DEADLINE_EXCEEDED', message: `a unary call is given ${maxDurationMs / 1000} seconds` });
  }, maxDurationMs);
  late.unref();
  let request: Uint8Array | undefined;
  const respond = async (bytes: Uint8Array): Promise<void> => {
    try {
      const result = await answer(bytes, gone.signal);
      if (!(result instanceof Uint8Array)) return call.end(result);
      call.write([result]);
      return call.end({ code: 'OK', message: '' });
    } catch (error) {
      return call.end(onError(error));
    } finally {
      clearTimeout(late);
    }
  };
  call.onInterrupt(() => {
    clearTimeout(late);
    gone.abort();
  });
  const events = {
    message: (bytes: Uint8Array) => {
      if (request === undefined) request = bytes;
      else call.interrupt({ code: 'UNIMPLEMENTED', message: 'a second request message on a unary call' });
    },
    halfClosed: () => {
      if (request !== undefined) void respond(request);
      else call.interrupt({ code: 'UNIMPLEMENTED', message: 'a unary call without a request message' });
    },
  };
  call.listen(events, maxRequestBytes);
}
