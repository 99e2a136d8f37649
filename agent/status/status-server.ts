// What a kubelet, Prometheus and a job's last step ask of a pod's proxy, on one port. In: where Envoy's admin interface is, the probes of the
// application, who it is. Out: an HTTP server: /healthz/ready, /app-health/…, /app-lifecycle/…, /stats/prometheus, /quitquitquit.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AgentError, reasonOf } from '../agent-error.ts';
import { askApp } from './app-prober.ts';
import type { AppProbes } from './app-prober.ts';
import { istioMetrics } from './istio-metrics.ts';
import type { WorkloadFacts } from './istio-metrics.ts';

export type StatusOptions = {
  /** 0 for any free one. */
  readonly port: number;
  readonly adminPort: number;
  readonly probes: AppProbes;
  readonly podAddress: string;
  /** Whose metrics are shown. */
  readonly workload: WorkloadFacts;
  /** Called when a program of this pod asks the proxy to end. */
  readonly onQuit: () => void;
};

export type StatusServer = { readonly port: number; stop(): Promise<void> };

const adminTimeoutMs = 3000;

/** Throws AgentError `socket-unavailable`. */
export async function startStatusServer(options: StatusOptions): Promise<StatusServer> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch(() => end(response, 500));
  });
  try {
    server.listen(options.port);
    await once(server, 'listening');
  } catch (error) {
    throw new AgentError('socket-unavailable', `--status-port ${options.port}: ${reasonOf(error)}`, { cause: error });
  }
  return {
    port: portOf(server.address()),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: StatusOptions): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?');
  if (path === '/healthz/ready') {
    const ready = await ask(options.adminPort, '/ready');
    end(response, ready.status === 200 ? 200 : 503, ready.body);
  } else if (path === '/stats/prometheus') {
    const stats = await ask(options.adminPort, '/stats/prometheus');
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    end(response, stats.status, istioMetrics(stats.body, options.workload));
  } else if (path === '/quitquitquit') {
    quit(request, response, options.onQuit);
  } else {
    const probe = options.probes.get(path);
    end(response, probe === undefined ? 404 : await askApp(probe, options.podAddress));
  }
}

// Anybody may reach this port; only the pod itself may end its proxy.
function quit(request: IncomingMessage, response: ServerResponse, onQuit: () => void): void {
  const from = (request.socket.remoteAddress ?? '').replace('::ffff:', '');
  if (from !== '::1' && !from.startsWith('127.')) {
    end(response, 403, 'only from the loopback address\n');
  } else if (request.method !== 'POST') {
    end(response, 405, 'only POST\n');
  } else {
    end(response, 200, 'ok\n');
    onQuit();
  }
}

async function ask(adminPort: number, path: string): Promise<{ readonly status: number; readonly body: string }> {
  try {
    const answered = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
      signal: AbortSignal.timeout(adminTimeoutMs),
    });
    return { status: answered.status, body: await answered.text() };
  } catch (error) {
    return { status: 503, body: `Envoy does not answer: ${reasonOf(error)}\n` };
  }
}

function end(response: ServerResponse, status: number, body = ''): void {
  response.statusCode = status;
  response.end(body);
}

function portOf(address: string | AddressInfo | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
