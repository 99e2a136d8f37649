// Reads from one API server: an answer as a whole, or as a stream. Only GET exists here. Every failure is a `KubeError`;
// a 401 is tried once more with credentials that were read again.

import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import { answerStream, type AnswerStream } from './answer-stream.ts';
import type { Access, ClusterAccess } from './cluster-access.ts';
import { systemClock, type Clock } from './clock.ts';
import { connectionError, KubeError, statusError } from './kube-error.ts';
import { statusMessage } from './watch-event.ts';

export interface KubeClientOptions {
  readonly access: ClusterAccess;
  readonly clock?: Clock | undefined;
  /** How long a connection may take, its TLS included; default: as long as an answer. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long an answer may take to begin, and a whole answer to go on. */
  readonly answerTimeoutMs: number;
  /** Called for every piece of any answer. */
  readonly onBytes?: (() => void) | undefined;
}

export interface GetJsonOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** How long nothing may come; default: as of any answer. */
  readonly timeoutMs?: number | undefined;
}

interface Patience {
  /** When something came last. */
  readonly last: () => number;
  readonly timeoutMs: number;
  readonly controller: AbortController;
  readonly stop: AbortSignal;
}

const maxErrorBytes = 64 * 1024;

export class KubeClient {
  readonly #access: ClusterAccess;
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #answerTimeoutMs: number;
  readonly #onBytes: () => void;
  #answeredBy: string | undefined;

  constructor(options: KubeClientOptions) {
    this.#access = options.access;
    this.#clock = options.clock ?? systemClock;
    this.#answerTimeoutMs = options.answerTimeoutMs;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? options.answerTimeoutMs;
    this.#onBytes = options.onBytes ?? (() => undefined);
  }

  /** Which API server answered last (`Access.identity`). */
  get answeredBy(): string | undefined {
    return this.#answeredBy;
  }

  /** Resolves when a good answer has begun. An abort ends the stream with the signal's reason. */
  async openStream(path: string, signal: AbortSignal): Promise<AnswerStream> {
    let access = await orAborted(this.#access.current(), signal);
    let answer = await this.#request(access, path, signal);
    if (answer.statusCode === 401) {
      answer.destroy();
      access = await orAborted(this.#access.refresh(access), signal);
      answer = await this.#request(access, path, signal);
    }
    this.#onBytes();
    if (answer.statusCode !== 200) throw await this.#errorOf(answer);
    this.#answeredBy = access.identity;
    return answerStream(answer, { signal, onBytes: this.#onBytes });
  }

  /** A JSON answer of at most `maxBytes`; more is a `too-large` error. */
  async getJson(path: string, options: GetJsonOptions): Promise<unknown> {
    const controller = new AbortController();
    const stop = new AbortController();
    const { signal, timeoutMs = this.#answerTimeoutMs } = options;
    const onAbort = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', onAbort);
    let lastMs = this.#clock.now();
    const watch = this.#watch({ last: () => lastMs, timeoutMs, controller, stop: stop.signal });
    try {
      if (signal.aborted) throw connectionError(signal.reason);
      const parts: Uint8Array[] = [];
      let size = 0;
      const stream = await this.openStream(path, controller.signal);
      await stream.read((part) => {
        lastMs = this.#clock.now();
        size += part.length;
        if (size > options.maxBytes) {
          throw new KubeError('too-large', `the API server's answer has more than ${options.maxBytes} bytes`);
        }
        parts.push(part);
      });
      return parseJson(Buffer.concat(parts).toString('utf8'));
    } finally {
      signal.removeEventListener('abort', onAbort);
      controller.abort();
      stop.abort();
      await watch;
    }
  }

  /** Aborts with `stalled` when nothing has come for too long. */
  async #watch({ last, timeoutMs, controller, stop }: Patience): Promise<void> {
    while (!stop.aborted && !controller.signal.aborted) {
      const leftMs = last() + timeoutMs - this.#clock.now();
      if (leftMs <= 0) controller.abort(stalled(timeoutMs));
      else await this.#clock.sleep(leftMs, stop);
    }
  }

  async #request(access: Access, path: string, signal: AbortSignal): Promise<http.IncomingMessage> {
    if (signal.aborted) throw connectionError(signal.reason);
    const { server, agent, headers } = access;
    const isTls = server.protocol === 'https:';
    const request = (isTls ? https : http).request({
      protocol: server.protocol,
      hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: server.port === '' ? (isTls ? 443 : 80) : server.port,
      path: `${server.pathname.replace(/\/$/, '')}${path}`,
      method: 'GET',
      agent,
      headers: { 'User-Agent': 'isthmus', Accept: 'application/json', ...headers },
    });
    const done = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const onAbort = (): void => {
      request.destroy();
      reject(connectionError(signal.reason));
    };
    const onSlow = (): void => {
      reject(new KubeError('stalled', `no connection to the API server came about in ${this.#connectTimeoutMs} ms`));
      request.destroy();
    };
    signal.addEventListener('abort', onAbort);
    // A peer that vanished without a word is noticed within a minute.
    request.on('socket', (socket) => {
      socket.setKeepAlive(true, 30_000);
      // A program that hangs still has its connections accepted, by the kernel; the handshake is what stays out.
      if (socket.connecting) void this.#limitConnecting(socket, isTls ? 'secureConnect' : 'connect', onSlow);
    });
    request.on('response', resolve);
    request.on('error', (error) => reject(connectionError(error)));
    request.end();
    void this.#giveUp(request, reject, done.signal);
    try {
      return await promise;
    } finally {
      done.abort();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #limitConnecting(socket: Socket, event: 'secureConnect' | 'connect', onSlow: () => void): Promise<void> {
    const done = new AbortController();
    const onDone = (): void => done.abort();
    socket.once(event, onDone).once('close', onDone);
    await this.#clock.sleep(this.#connectTimeoutMs, done.signal);
    socket.off(event, onDone).off('close', onDone);
    if (!done.signal.aborted) onSlow();
  }

  async #giveUp(request: http.ClientRequest, reject: (error: KubeError) => void, done: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.#answerTimeoutMs, done);
    if (done.aborted) return;
    reject(stalled(this.#answerTimeoutMs));
    request.destroy();
  }

  async #errorOf(answer: http.IncomingMessage): Promise<KubeError> {
    const timer = new AbortController();
    void this.#clock.sleep(this.#answerTimeoutMs, timer.signal).then(() => answer.destroy());
    let body = '';
    try {
      for await (const part of answer) {
        body += String(part);
        if (body.length > maxErrorBytes) break;
      }
    } catch {
      // The status alone says enough.
    }
    timer.abort();
    answer.destroy();
    return statusError(answer.statusCode ?? 0, statusMessage(body), answer.headers['retry-after']);
  }
}

/** Credentials may come from a program that takes its time: stopping does not wait for it. */
async function orAborted<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(connectionError(signal.reason));
  signal.addEventListener('abort', onAbort);
  try {
    if (signal.aborted) onAbort();
    return await Promise.race([value, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function stalled(timeoutMs: number): KubeError {
  return new KubeError('stalled', `the API server did not answer for ${Math.round(timeoutMs / 1000)} s`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KubeError('malformed', 'the API server sent an answer that is not JSON', { cause: error });
  }
}
