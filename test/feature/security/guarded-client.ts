// The callers of a guarded Envoy: one HTTP request, or one TCP exchange, each on a connection of its own, plain or over TLS.

import { request, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

export interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `TRUST_DOMAIN/NAMESPACE/ACCOUNT` of the caller's certificate; plain text when left out. */
  readonly as?: string;
  /** The TLS server name. */
  readonly sni?: string;
  readonly body?: string;
}

export interface Answered {
  readonly status: number;
  readonly body: string;
  readonly responseHeaders: IncomingHttpHeaders;
  /** What reached the server behind; empty when nothing did. */
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
}

export function send(port: number, asked: Asked, tls?: ConnectionOptions): Promise<Answered> {
  const { path = '/', method = 'GET', host = 'web.default.svc.cluster.local', headers = {}, body } = asked;
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { ...headers, host },
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const sent = tls === undefined ? request(options) : requestTls({ ...options, ...tls, agent: false });
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const echoed = (response.headers['x-echo'] === 'yes' ? JSON.parse(text) : { path: '', headers: {} }) as Pick<
          Answered,
          'path' | 'headers'
        >;
        resolve({ status: response.statusCode ?? 0, body: text, responseHeaders: response.headers, ...echoed });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What comes back for `hello`; empty when the connection is closed or refused. */
export function exchange(port: number, tls?: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls(tls);
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write('hello');
  });
}
