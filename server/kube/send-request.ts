// One request with a body to an API server, and its whole answer. A request that met a connection which the server had closed
// meanwhile is sent once more: it was never read. Failures to connect are `KubeError`s; an error status is an answer.

import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from '../../ca/clock.ts';
import type { Access } from '../../discovery/source/kube/cluster-access.ts';
import { connectionError, KubeError } from '../../discovery/source/kube/kube-error.ts';
import { withinTime } from './time-limit.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `application/json` if left out. */
  readonly contentType?: string | undefined;
}

export interface SendOptions {
  readonly access: Access;
  readonly clock: Clock;
  /** How long the whole answer may take. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface KubeResponse {
  readonly status: number;
  readonly text: string;
  readonly retryAfter?: string | undefined;
}

/** Never rejects. */
export async function sendRequest(request: KubeRequest, options: SendOptions): Promise<KubeResponse | KubeError> {
  const first = await sendOnce(request, options);
  if (first !== 'stale-connection') return first;
  const second = await sendOnce(request, options);
  return second === 'stale-connection' ? connectionError(new Error('the connection was cut')) : second;
}

async function sendOnce(
  request: KubeRequest,
  options: SendOptions,
): Promise<KubeResponse | KubeError | 'stale-connection'> {
  const { clock, timeoutMs, signal } = options;
  const seconds = String(Math.round(timeoutMs / 1000));
  const reason = new KubeError('stalled', `the API server did not answer for ${seconds} s`);
  return await withinTime({ clock, limitMs: timeoutMs, signal, reason }, async (limit) => {
    const sent: { request?: http.ClientRequest } = {};
    try {
      return await exchange(request, options, limit, (made) => {
        sent.request = made;
      });
    } catch (error) {
      if (limit.aborted) return connectionError(limit.reason);
      return sent.request?.reusedSocket === true && isCut(error) ? 'stale-connection' : connectionError(error);
    }
  });
}

async function exchange(
  { method, path, body, contentType = 'application/json' }: KubeRequest,
  { access, maxBytes }: SendOptions,
  signal: AbortSignal,
  onMade: (request: http.ClientRequest) => void,
): Promise<KubeResponse> {
  const { server, agent, headers } = access;
  const isTls = server.protocol === 'https:';
  const text = body === undefined ? undefined : JSON.stringify(body);
  const request = (isTls ? https : http).request({
    protocol: server.protocol,
    hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: server.port === '' ? (isTls ? 443 : 80) : server.port,
    path: `${server.pathname.replace(/\/$/, '')}${path}`,
    method,
    agent,
    signal,
    headers: {
      'User-Agent': 'isthmus',
      Accept: 'application/json',
      ...(text === undefined ? {} : { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) }),
      ...headers,
    },
  });
  onMade(request);
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  request.on('response', resolve);
  request.on('error', reject);
  request.end(text);
  const answer = await promise;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > maxBytes) {
      answer.destroy();
      throw new KubeError('too-large', `the API server's answer has more than ${String(maxBytes)} bytes`);
    }
    parts.push(bytes);
  }
  return {
    status: answer.statusCode ?? 0,
    text: Buffer.concat(parts).toString('utf8'),
    retryAfter: answer.headers['retry-after'],
  };
}

function isCut(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE';
}
