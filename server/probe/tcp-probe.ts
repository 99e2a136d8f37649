// Asks whether anything accepts TCP connections at an address. Nothing is sent: a gateway that listens is alive, and what it
// would do with a handshake is the business of the proxies that use it.

import { connect } from 'node:net';

export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
}

/** Resolves to undefined when connected, else to the reason. Never rejects. */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<string | undefined>;

/** A probe that gives up after `timeoutMs`. */
export function tcpProbe(timeoutMs: number): Probe {
  return ({ address, port }, signal) =>
    new Promise((resolve) => {
      const socket = connect({ host: address, port });
      const finish = (reason: string | undefined): void => {
        signal.removeEventListener('abort', stop);
        socket.destroy();
        resolve(reason);
      };
      const stop = (): void => finish('the probe was stopped');
      socket.setTimeout(timeoutMs, () => finish(`no answer in ${timeoutMs} ms`));
      socket.once('connect', () => finish(undefined));
      socket.once('error', (error) => finish('code' in error ? String(error.code) : error.message));
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
    });
}
