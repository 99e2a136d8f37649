// From the headers of a request to a call in the hands of its handler, or to an answer that says why not.

import { Call, type CallHandler, type CallLimits } from './call.ts';
import type { HttpStream } from './http-stream.ts';
import type { GrpcStatus } from './status.ts';
import { parseTimeoutMs } from './timeout.ts';

export interface CallRules {
  /** By path, `/PACKAGE.SERVICE/METHOD`. */
  readonly methods: ReadonlyMap<string, CallHandler>;
  readonly limits: CallLimits;
  /** Told what a handler throws. */
  readonly onError: (error: unknown) => void;
  /** Told how each call ends, whoever ends it. */
  readonly onEnded?: ((call: Call, status: GrpcStatus) => void) | undefined;
}

/** The call, which may have been refused already. */
export function beginCall(stream: HttpStream, { methods, ...rules }: CallRules): Call {
  const call = new Call(stream, rules);
  const path = call.header(':path') ?? '';
  const handler = methods.get(path);
  const timeoutMs = parseTimeoutMs(call.header('grpc-timeout'));
  if (call.header(':method') !== 'POST') call.refuse(405, { code: 'INTERNAL', message: 'gRPC calls are POST' });
  else if (!isGrpc(call.header('content-type'))) {
    // "If Content-Type does not begin with "application/grpc", gRPC servers SHOULD respond with HTTP status of 415"
    call.refuse(415, { code: 'INTERNAL', message: 'the content type is not application/grpc' });
  } else if (handler === undefined) call.end({ code: 'UNIMPLEMENTED', message: `this server has no method ${path}` });
  else if (timeoutMs === 'malformed') call.end({ code: 'INTERNAL', message: 'the header grpc-timeout is malformed' });
  else {
    if (timeoutMs !== undefined) call.expireIn(timeoutMs);
    call.serve(handler);
  }
  return call;
}

/** `application/grpc`, with the message format that all calls here have, and any parameters. */
function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:\+proto)?(?:;|$)/i.test(contentType);
}
