// Every live stream of a server: for status pages, and to end them all when the server leaves.

import type { Connection, ConnectionStatus } from './connection.ts';
import type { StreamEnd } from './stream-end.ts';

/** Types in one log line each, at most: a client can make up type URLs without end. */
const maxLoggedTypes = 100;

export class ConnectionSet {
  readonly #connections = new Set<Connection>();
  readonly #loggedTypes = new Set<string>();
  #draining: StreamEnd | undefined;
  #emptied: (() => void) | undefined;

  get size(): number {
    return this.#connections.size;
  }

  /** Set once the server leaves: why no new stream is served. */
  get draining(): StreamEnd | undefined {
    return this.#draining;
  }

  add(connection: Connection): void {
    this.#connections.add(connection);
  }

  delete(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#emptied?.();
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#connections.values();
  }

  /** In the order of connecting; at most `limit`. */
  list(options: { readonly limit?: number; readonly nodeId?: string } = {}): readonly ConnectionStatus[] {
    const { limit = 10_000, nodeId } = options;
    const listed: ConnectionStatus[] = [];
    for (const connection of this.#connections) {
      if (listed.length >= limit) break;
      const status = connection.status();
      if (nodeId === undefined || status.nodeId === nodeId) listed.push(status);
    }
    return listed;
  }

  /** True the first time for a type, and never again once a hundred types were seen. */
  firstSeen(typeUrl: string): boolean {
    if (this.#loggedTypes.has(typeUrl) || this.#loggedTypes.size >= maxLoggedTypes) return false;
    this.#loggedTypes.add(typeUrl);
    return true;
  }

  /**
   * Ends all streams, spread evenly over `spreadMs`, so that their clients don't all arrive at another server at once.
   * Resolves when none is left; an aborted signal ends the rest at once.
   */
  async drain(end: StreamEnd, options: { readonly spreadMs: number; readonly signal: AbortSignal }): Promise<void> {
    this.#draining = end;
    const leaving = [...this.#connections];
    if (leaving.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    const timers = leaving.map((connection, index) =>
      setTimeout(() => connection.end(end), (options.spreadMs * index) / leaving.length),
    );
    const hurry = (): void => {
      for (const timer of timers) clearTimeout(timer);
      for (const connection of this.#connections) connection.end(end);
    };
    if (options.signal.aborted) hurry();
    options.signal.addEventListener('abort', hurry, { once: true });
    await promise;
    options.signal.removeEventListener('abort', hurry);
    for (const timer of timers) clearTimeout(timer);
  }
}
