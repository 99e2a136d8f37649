// Binding an address that is given as text.

import { once } from 'node:events';
import type { Server } from 'node:net';

/** Connections that wait to be accepted: all proxies of an instance that has gone come at once. */
const backlog = 4096;

/** `address`: `HOST:PORT`, where port 0 takes a free one. Rejects when it can't be bound. */
export async function listen(server: Server, address: string): Promise<void> {
  server.listen({ ...splitAddress(address), backlog });
  await once(server, 'listening');
}

/** The port that was bound. */
export function portOf(server: Server): number {
  const address = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

/** `[::1]:15010` is host `::1`. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}
