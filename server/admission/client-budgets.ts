// Which budget a stream shares with which others. In: calls. Out: the budget of each one's connection, which knows that of its client.
// A client is who proved to be somebody, by a certificate, from one address: replicas share an identity but not an address, machines
// behind a translated address share it but not an identity. Who proved nothing that way is its connection: in plaintext an
// address may bring thousands of proxies, by a relay or a load generator, and none of them should wait for another.

import type { Call } from '../grpc/call.ts';
import type { AdmissionLimits } from './admission-limits.ts';
import { ConnectionBudget } from './connection-budget.ts';
import { RequestBudget } from './request-budget.ts';
import { SharedBudgets } from './shared-budgets.ts';

export interface ClientBudgetsOptions {
  readonly limits: AdmissionLimits;
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => void;
}

export interface JoinedBudget {
  readonly budget: ConnectionBudget;
  /** The stream has ended. Called once. */
  readonly leave: () => void;
}

export class ClientBudgets {
  readonly #options: ClientBudgetsOptions;
  readonly #clients: SharedBudgets<RequestBudget>;
  readonly #connections: SharedBudgets<ConnectionBudget>;

  constructor(options: ClientBudgetsOptions) {
    this.#options = options;
    this.#clients = new SharedBudgets(options.after);
    this.#connections = new SharedBudgets(options.after);
  }

  /** Those that are remembered: of open streams, and of ended ones that have used theirs up lately. */
  get size(): { readonly clients: number; readonly connections: number } {
    return { clients: this.#clients.size, connections: this.#connections.size };
  }

  /** For a stream that begins. */
  join(call: Pick<Call, 'address' | 'certificate'>): JoinedBudget {
    const { limits, now } = this.#options;
    const { address } = call;
    const budget = this.#connections.join(address, () => {
      const key = clientOf(call);
      const client = this.#clients.join(key, () => new RequestBudget({ limits, now }));
      return new ConnectionBudget({ limits, client, onForgotten: () => this.#clients.leave(key), now });
    });
    return { budget, leave: () => this.#connections.leave(address) };
  }
}

/** Two connections are of one client when this is the same. */
function clientOf({ address, certificate }: Pick<Call, 'address' | 'certificate'>): string {
  const identity = certificate?.uris.join(' ') ?? '';
  return identity === '' ? address : `${identity} ${address.slice(0, address.lastIndexOf(':'))}`;
}
