// The part of Envoy's admin interface that the agent uses: telling it to drain, and asking how far it is. In: the admin port. An Envoy that
// does not answer is an error with its reason.

import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** Which listeners close: those for the workload's callers, or all. */
export type DrainScope = 'inbound' | 'all';

const timeoutMs = 2000;

/**
 * Readiness turns to 503 and listeners close gradually over Envoy's drain time: connections get "Connection: close" or GOAWAY as their
 * requests end. (https://www.envoyproxy.io/docs/envoy/latest/operations/admin)
 */
export async function startDraining(adminPort: number, scope: DrainScope): Promise<void> {
  await post(adminPort, '/healthcheck/fail');
  await post(adminPort, `/drain_listeners?graceful&skip_exit${scope === 'inbound' ? '&inboundonly' : ''}`);
}

/** Connections that clients have open, at all listeners but those on ports of Envoy's own (health, statistics) and its admin interface. */
export async function openConnections(adminPort: number, ownPorts: readonly number[]): Promise<number> {
  const filter = encodeURIComponent('^listener\\..*downstream_cx_active$');
  const stats = await ask('GET', adminPort, `/stats?filter=${filter}`);
  const counts = [...stats.matchAll(/^listener\.(.+)\.downstream_cx_active: (\d+)$/gm)];
  const isOwn = (listener: string): boolean => ownPorts.some((port) => listener.endsWith(`_${port}`));
  // Each is counted once more for the thread that serves it: `listener.ADDRESS.worker_0.…`.
  return counts
    .filter(
      ([, listener = '']) => listener !== 'admin' && !listener.includes('worker_') && !listener.includes('main_thread'),
    )
    .filter(([, listener = '']) => !isOwn(listener))
    .reduce((sum, [, , count = '0']) => sum + Number(count), 0);
}

async function post(port: number, path: string): Promise<void> {
  await ask('POST', port, path);
}

async function ask(method: 'GET' | 'POST', port: number, path: string): Promise<string> {
  const sent = request({ host: '127.0.0.1', port, path, method, timeout: timeoutMs });
  sent.on('timeout', () => sent.destroy(new Error(`${method} ${path} was not answered within ${timeoutMs} ms`)));
  sent.end();
  const [response]: IncomingMessage[] = await once(sent, 'response');
  const body = response === undefined ? '' : await text(response);
  if (response?.statusCode !== 200) throw new Error(`${method} ${path} was answered ${response?.statusCode}`);
  return body;
}
