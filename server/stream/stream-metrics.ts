// What the protocol layer counts. The admin side turns it into Prometheus metrics; the names in the comments are the
// ones that Istio's dashboards read.

import type { StreamEndCode } from './stream-end.ts';

/** One response that was handed to the transport. */
export interface PushedResponse {
  readonly typeUrl: string;
  readonly bytes: number;
  readonly resources: number;
  readonly removed: number;
  /** Encoding it and handing it over, in milliseconds. */
  readonly tookMs: number;
}

export interface StreamMetrics {
  /** `pilot_xds` */
  connected(variant: 'delta' | 'sotw'): void;
  disconnected(variant: 'delta' | 'sotw', code: StreamEndCode): void;
  requested(typeUrl: string): void;
  /** `pilot_xds_pushes{type}`, `pilot_xds_config_size_bytes`, `pilot_xds_push_time` */
  pushed(response: PushedResponse): void;
  /** `pilot_proxy_queue_time`: how long a change waited before the first response that came of it went to a client. */
  waited(milliseconds: number): void;
  /** `pilot_proxy_convergence_time`: after how long a client had answered everything that came of a change. */
  converged(milliseconds: number): void;
  acknowledged(typeUrl: string): void;
  /** `pilot_total_xds_rejects`, `pilot_xds_{cds,eds,lds,rds}_reject` */
  rejected(typeUrl: string): void;
  /** `pilot_xds_expired_nonce` */
  expiredNonce(typeUrl: string): void;
  /** A part of a rejected response goes again, to find out what of it can't be taken. */
  sentAgain(typeUrl: string): void;
  unknownType(typeUrl: string): void;
  /** A reader that let a response lie until its stream was closed. */
  slowReader(): void;
  /** `pilot_total_xds_internal_errors`: a request that could not be served, by no fault of the client. */
  failed(): void;
}

/** Counts kept in memory, by a name and, where it says so, a type: `pushes/TYPE_URL`. */
export class CountingMetrics implements StreamMetrics {
  readonly #counts = new Map<string, number>();

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  connected(variant: 'delta' | 'sotw'): void {
    this.#add(`connected/${variant}`);
  }

  disconnected(variant: 'delta' | 'sotw', code: StreamEndCode): void {
    this.#add(`disconnected/${variant}`);
    this.#add(`ended/${code}`);
  }

  requested(typeUrl: string): void {
    this.#add('requests');
    this.#add(`requests/${typeUrl}`);
  }

  pushed(response: PushedResponse): void {
    this.#add(`pushes/${response.typeUrl}`);
    this.#add('pushes');
    this.#add('bytes', response.bytes);
    this.#add('resources', response.resources);
    this.#add('removed', response.removed);
  }

  waited(_milliseconds: number): void {
    this.#add('waited');
  }

  converged(_milliseconds: number): void {
    this.#add('converged');
  }

  acknowledged(typeUrl: string): void {
    this.#add(`acknowledged/${typeUrl}`);
  }

  rejected(typeUrl: string): void {
    this.#add('rejected');
    this.#add(`rejected/${typeUrl}`);
  }

  expiredNonce(typeUrl: string): void {
    this.#add(`expired-nonce/${typeUrl}`);
  }

  sentAgain(typeUrl: string): void {
    this.#add(`sent-again/${typeUrl}`);
  }

  unknownType(typeUrl: string): void {
    this.#add(`unknown-type/${typeUrl}`);
  }

  slowReader(): void {
    this.#add('slow-readers');
  }

  failed(): void {
    this.#add('failed');
  }

  #add(name: string, amount = 1): void {
    this.#counts.set(name, this.count(name) + amount);
  }
}
