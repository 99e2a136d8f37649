// A server that stands for an endpoint or, with TLS, for the gateway in front of some: it counts what reaches it, and says its name.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

export interface Backend extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** What it answers with; changed by tests. */
  status: number;
  /** Requests so far. */
  readonly requests: number;
  /** Server names that TLS clients asked for, each once. */
  readonly serverNames: ReadonlySet<string>;
  /** Requests with `x-hold` that are not answered yet. */
  readonly held: number;
  release(): void;
  /** Nobody listens any more, until it is opened again at the same port. */
  close(): Promise<void>;
  open(): Promise<void>;
}

export async function startBackend(name: string, tls?: ServerOptions): Promise<Backend> {
  const held: ServerResponse[] = [];
  const serverNames = new Set<string>();
  let requests = 0;
  const answer = (asked: IncomingMessage, response: ServerResponse): void => {
    requests += 1;
    response.setHeader('x-backend', name);
    response.statusCode = backend.status;
    if (asked.headers['x-hold'] === undefined) response.end();
    else held.push(response);
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.on('secureConnection', ({ servername }: TLSSocket & { readonly servername?: string | false }) => {
    serverNames.add(String(servername));
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const backend: Backend = {
    name,
    port,
    status: 200,
    serverNames,
    get requests() {
      return requests;
    },
    get held() {
      return held.length;
    },
    release: () => {
      for (const response of held.splice(0)) response.end();
    },
    close,
    open: () => listen(port),
    [Symbol.asyncDispose]: close,
  };
  return backend;
}
