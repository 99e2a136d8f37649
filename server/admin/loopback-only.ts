// Guards the debug pages: without credentials they are for callers on this machine (`kubectl port-forward` included).

import { getConnInfo } from '@hono/node-server/conninfo';
import ipaddr from 'ipaddr.js';
import type { AdminContext } from './read-only.ts';

/** Answers 403 unless the caller is on a loopback address and names this machine; calls `next` otherwise. */
export async function loopbackOnly(context: AdminContext, next: () => Promise<void>): Promise<Response | undefined> {
  const address = getConnInfo(context).remote.address ?? '';
  if (!isLoopback(address)) {
    const error =
      `Debug pages are open to callers on the loopback address only, and this request came from ${address}. ` +
      'Use `kubectl port-forward` or ask from the same host.';
    return context.json({ error }, 403);
  }
  const host = context.req.header('host') ?? '';
  if (!isMachineName(host)) {
    // A page of a foreign site whose name was pointed at 127.0.0.1 would read this through the user's browser.
    return context.json({ error: `Debug pages are not served under the name ${host}; use localhost.` }, 403);
  }
  await next();
  return undefined;
}

/** Whether an IPv4, IPv6 or IPv4-mapped address is a loopback address. */
export function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

/** An IP address or `localhost`, with or without a port. */
function isMachineName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === '' || name === 'localhost' || ipaddr.isValid(name);
}
