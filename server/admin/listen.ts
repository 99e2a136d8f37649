// Puts an application on a TCP port until a signal aborts.

import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { getRequestListener } from '@hono/node-server';
import { AdminError } from './admin-error.ts';
import type { AdminApp } from './read-only.ts';

export interface ListenOptions {
  readonly bind: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly signal: AbortSignal;
  /** How long open requests may take after the abort. */
  readonly graceMs?: number | undefined;
}

export interface Listening {
  readonly port: number;
  /** Resolves when the port is closed and no request is open. */
  readonly stopped: Promise<void>;
}

/** Readers are few; a flood of connections waits in the kernel instead of in our memory. */
const maxConnections = 512;
const requestTimeoutMs = 30_000;

/**
 * Listens.
 * @throws AdminError when the address can't be had
 */
export async function listen(app: AdminApp, options: ListenOptions): Promise<Listening> {
  const respond = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    // A failure while answering is the application's to report; the connection is closed by the adapter.
    respond(request, response).catch(() => response.destroy());
  });
  server.maxConnections = maxConnections;
  await bind(server, options);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return { port, stopped: closeOnAbort(server, options) };
}

async function bind(server: Server, { bind, port }: ListenOptions): Promise<void> {
  try {
    server.listen(port, bind);
    await once(server, 'listening');
  } catch (cause) {
    const inUse = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    if (inUse) {
      const message = `Port ${String(port)} of ${bind} is taken by another program; choose another port, or 0 to turn it off.`;
      throw new AdminError('address-in-use', message, { cause });
    }
    throw new AdminError('listen-failed', `Can't listen on ${bind} port ${String(port)}: ${String(cause)}`, { cause });
  }
}

async function closeOnAbort(server: Server, { signal, graceMs = 1000 }: ListenOptions): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(deadline);
}
