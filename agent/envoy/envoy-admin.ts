// The part of Envoy's admin interface that the agent uses: telling it to drain. In: the admin port. Out: nothing; an Envoy that does not
// answer is an error with its reason.

import { request } from 'node:http';

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

function post(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', timeout: timeoutMs }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`POST ${path} was answered ${response.statusCode}`));
      });
    });
    sent.on('timeout', () => sent.destroy(new Error(`POST ${path} was not answered within ${timeoutMs} ms`)));
    sent.on('error', reject);
    sent.end();
  });
}
