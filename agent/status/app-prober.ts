// Asks the application what a kubelet would have asked. In: probes by path, as the injector writes them into ISTIO_KUBE_APP_PROBERS, and the
// path that the kubelet called. Out: the HTTP status that the kubelet is given.

import { request as requestPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect, isIPv6 } from 'node:net';
import { AgentError } from '../agent-error.ts';
import { askGrpcHealth } from './ask-grpc-health.ts';

export type AppProbe = {
  readonly httpGet?: HttpProbe;
  readonly tcpSocket?: { readonly port: number };
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly timeoutSeconds?: number;
};
export type HttpProbe = {
  readonly port: number;
  readonly path?: string;
  readonly scheme?: string;
  readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
};
export type AppProbes = ReadonlyMap<string, AppProbe>;

/** Throws AgentError `invalid-options`. Undefined or empty: no probes. */
export function parseAppProbes(text: string | undefined): AppProbes {
  if (text === undefined || text === '') return new Map();
  try {
    const parsed: unknown = JSON.parse(text);
    if (isMapping(parsed)) return new Map(Object.entries(parsed).filter(isProbeEntry));
  } catch {
    // Told below, with what would be right.
  }
  throw new AgentError(
    'invalid-options',
    'ISTIO_KUBE_APP_PROBERS is not JSON like {"/app-health/web/readyz": {"httpGet": {"port": 80}}}',
  );
}

/** 500 when there is no answer in time. `podAddress` is where the application listens, whatever address it is bound to. */
export async function askApp(probe: AppProbe, podAddress: string): Promise<number> {
  const timeoutMs = Math.max(1, probe.timeoutSeconds ?? 1) * 1000;
  const signal = AbortSignal.timeout(timeoutMs);
  const target = {
    host: podAddress,
    // Redirection leaves this source alone: see the cluster InboundPassthroughCluster.
    localAddress: isIPv6(podAddress) ? '::6' : '127.0.0.6',
    signal,
  };
  try {
    if (probe.httpGet !== undefined) return await askHttp(probe.httpGet, target);
    if (probe.tcpSocket !== undefined) return await askTcp(probe.tcpSocket.port, target);
    if (probe.grpc === undefined) return 501;
    return await askGrpcHealth(probe.grpc.service ?? '', { ...target, port: probe.grpc.port });
  } catch {
    return 500;
  }
}

type Target = { readonly host: string; readonly localAddress: string; readonly signal: AbortSignal };

function askHttp({ port, path = '/', scheme, httpHeaders = [] }: HttpProbe, target: Target): Promise<number> {
  const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
  const options = { ...target, port, path: path.startsWith('/') ? path : `/${path}`, headers, agent: false };
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      resolve(response.statusCode ?? 500);
      response.destroy();
    };
    const sent =
      scheme?.toUpperCase() === 'HTTPS'
        ? requestTls({ ...options, rejectUnauthorized: false }, answered) // As a kubelet does.
        : requestPlain(options, answered);
    sent.on('error', reject);
    sent.end();
  });
}

function askTcp(port: number, { signal, ...target }: Target): Promise<number> {
  return new Promise((resolve, reject) => {
    const connection = connect({ ...target, port });
    signal.addEventListener('abort', () => connection.destroy(new Error('no answer in time')), { once: true });
    connection.on('connect', () => {
      resolve(200);
      connection.destroy();
    });
    connection.on('error', reject);
  });
}

function isProbeEntry(entry: [string, unknown]): entry is [string, AppProbe] {
  const [path, probe] = entry;
  if (!path.startsWith('/app-') || !isMapping(probe)) return false;
  return [probe['httpGet'], probe['tcpSocket'], probe['grpc']].some(
    (kind) => isMapping(kind) && typeof kind['port'] === 'number',
  );
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
