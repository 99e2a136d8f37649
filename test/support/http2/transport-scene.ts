// A gRPC port with a few small methods, for tests of what is below the calls, and what its handlers saw.

import grpc from '@grpc/grpc-js';
import type { Call } from '../../../server/grpc/call.ts';
import type { GrpcPortOptions } from '../../../server/grpc/grpc-port.ts';
import type { GrpcStatus } from '../../../server/grpc/status.ts';
import { serveUnary } from '../../../server/grpc/unary-call.ts';
import { openGrpcPort, type OpenPort } from '../../../server/workers/worker-port.ts';
import { testWorkers } from '../worker-pool.ts';

export const paths = {
  /** Answers each message with itself, and ends when the client does. */
  echo: '/test.Service/Echo',
  /** One message each way: itself. */
  once: '/test.Service/Once',
  /** Reads, and says nothing. */
  silent: '/test.Service/Silent',
  /** Does not even read. */
  deaf: '/test.Service/Deaf',
  /** The message is how many bytes are to be sent, in four bytes; ends behind them. */
  produce: '/test.Service/Produce',
  /** Ends with a status whose message is the request. */
  fail: '/test.Service/Fail',
  /** Answers with the headers of the request, as JSON. */
  headers: '/test.Service/Headers',
  /** Answers with the URIs of the client's certificate, `none` without one. */
  whoAmI: '/test.Service/WhoAmI',
} as const;

export interface TransportScene extends AsyncDisposable {
  readonly port: OpenPort;
  /** How calls ended that were ended from outside. */
  readonly interrupted: readonly GrpcStatus[];
  /** Calls that have begun, of one method or of all. */
  readonly begun: (path?: string) => number;
  /** Of these, how many have not ended. */
  readonly open: () => number;
  /** Messages of `produce` that the transport has taken. */
  readonly taken: () => number;
  readonly errors: readonly unknown[];
}

export interface SceneOptions {
  readonly limits?: GrpcPortOptions['limits'];
  readonly tls?: GrpcPortOptions['tls'];
}

const ok: GrpcStatus = { code: 'OK', message: '' };
/** Messages of `produce` are no larger. */
const producedBytes = 64 * 1024;

export async function openScene({ limits, tls }: SceneOptions = {}): Promise<TransportScene> {
  const interrupted: GrpcStatus[] = [];
  const errors: unknown[] = [];
  const begun: string[] = [];
  const open = new Set<Call>();
  let taken = 0;
  const begin = (call: Call): void => {
    begun.push(call.path);
    open.add(call);
    call.onInterrupt((status) => interrupted.push(status));
  };
  const onMessage = (handle: (call: Call, bytes: Uint8Array) => void) => (call: Call) => {
    begin(call);
    call.listen({ message: (bytes) => handle(call, bytes), halfClosed: () => call.end(ok) });
  };
  const answer = (text: (call: Call) => string) => (call: Call) => {
    begin(call);
    call.write([Buffer.from(text(call))]);
    call.end(ok);
  };
  const produce = (call: Call, request: Uint8Array): void => {
    for (let left = Buffer.from(request).readUInt32BE(0); left > 0; left -= producedBytes) {
      call.write([Buffer.alloc(Math.min(left, producedBytes), left % 251)], () => (taken += 1));
    }
    call.end(ok);
  };
  const methods = new Map<string, (call: Call) => void>([
    [paths.echo, onMessage((call, bytes) => call.write([bytes]))],
    [
      paths.once,
      (call) => {
        begin(call);
        serveUnary(
          call,
          (bytes) => Promise.resolve(bytes),
          () => ({ code: 'INTERNAL', message: '' }),
        );
      },
    ],
    [
      paths.silent,
      (call) => {
        begin(call);
        call.listen({ message: () => undefined, halfClosed: () => undefined });
      },
    ],
    [paths.deaf, begin],
    [paths.produce, onMessage(produce)],
    [paths.fail, onMessage((call, bytes) => call.end({ code: 'UNAVAILABLE', message: Buffer.from(bytes).toString() }))],
    [
      paths.headers,
      answer((call) => JSON.stringify(Object.fromEntries(askedHeaders.map((name) => [name, call.header(name)])))),
    ],
    [paths.whoAmI, answer((call) => call.certificate?.uris.join(',') ?? 'none')],
  ]);
  const port = await openGrpcPort(
    {
      address: '127.0.0.1:0',
      methods,
      onError: (error) => errors.push(error),
      onEnded: (call) => void open.delete(call),
      limits,
      tls,
    },
    testWorkers(),
  );
  return {
    port,
    interrupted,
    errors,
    begun: (path) => (path === undefined ? begun.length : begun.filter((one) => one === path).length),
    open: () => open.size,
    taken: () => taken,
    [Symbol.asyncDispose]: () => port.close(AbortSignal.abort()),
  };
}

/** Those that `headers` tells. */
export const askedHeaders = [':path', 'x-a', 'x-b', 'x-long', 'cookie'] as const;

/** Of four bytes. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** What `produce` sends for so many bytes: DATA with the prefixes of messages. */
export function producedLength(bytes: number): number {
  return bytes + 5 * Math.ceil(bytes / producedBytes);
}

const raw = (bytes: Buffer): Buffer => bytes;

export interface Answer {
  readonly code: number;
  readonly details: string;
  readonly messages: readonly Buffer[];
}

/** A client by grpc-js, with a connection of its own. */
export class GrpcClient implements Disposable {
  readonly #client: grpc.Client;

  constructor(port: number, credentials = grpc.credentials.createInsecure(), options: grpc.ClientOptions = {}) {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, credentials, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      ...options,
    });
  }

  /** Sends the messages, half-closes, and resolves with all that came. */
  async call(path: string, messages: readonly Buffer[], metadata = new grpc.Metadata()): Promise<Answer> {
    const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(path, raw, raw, metadata);
    const { promise, resolve } = Promise.withResolvers<grpc.StatusObject>();
    const received: Buffer[] = [];
    call.on('status', resolve);
    call.on('error', () => undefined);
    call.on('data', (bytes: Buffer) => received.push(bytes));
    for (const message of messages) call.write(message);
    call.end();
    const { code, details } = await promise;
    return { code, details, messages: received };
  }

  open(path: string): grpc.ClientDuplexStream<Buffer, Buffer> {
    const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(path, raw, raw);
    call.on('error', () => undefined);
    return call;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
