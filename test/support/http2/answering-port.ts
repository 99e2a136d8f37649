// The connections of a gRPC port without calls above them: each request is answered with headers, a few bytes and trailers, whatever
// its method. A gRPC port itself sends a GET no body, and a judge wants to see one.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { ClientConnections } from '../../../server/grpc/client-connections.ts';
import { listen, portOf } from '../../../server/grpc/listen.ts';
import type { HttpStream } from '../../../server/grpc/http-stream.ts';
import type { RotatingServerTls } from '../../../server/grpc/rotating-server-tls.ts';
import { defaultTransportLimits } from '../../../server/grpc/transport-limits.ts';

export interface AnsweringPort extends AsyncDisposable {
  readonly port: number;
}

const body = Buffer.from('hello');

export async function openAnsweringPort(tls?: RotatingServerTls): Promise<AnsweringPort> {
  const clients = new ClientConnections({ tls, limits: defaultTransportLimits, begin });
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    clients.hold(socket);
    clients.serve(socket);
  });
  await listen(server, '127.0.0.1:0');
  return {
    port: portOf(server),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      clients.destroy();
      await closed;
    },
  };
}

function begin(stream: HttpStream): { readonly interrupt: () => void } {
  const answer = (): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write([body], () => undefined);
    stream.end({ 'grpc-status': 0 });
  };
  stream.read({ data: () => undefined, ended: answer });
  return { interrupt: () => stream.reset() };
}
