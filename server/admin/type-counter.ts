// A Prometheus counter by xDS type for what happens on every push to every proxy: counted in a plain map, where
// prom-client would make up a key out of labels each time, and written out when Prometheus asks.

import { Counter, type Registry } from 'prom-client';
import { shortTypeName } from './proxy-status.ts';

export interface TypeCounterOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
}

export class TypeCounter {
  /** By label. */
  readonly #counts = new Map<string, { count: number }>();

  constructor({ name, help, registry }: TypeCounterOptions) {
    const counts = this.#counts;
    const counter: Counter<'type'> = new Counter({
      name,
      help,
      labelNames: ['type'],
      registers: [registry],
      collect: () => {
        counter.reset();
        for (const [type, { count }] of counts) counter.inc({ type }, count);
      },
    });
  }

  add(typeUrl: string, amount = 1): void {
    const type = typeLabel(typeUrl);
    const counted = this.#counts.get(type);
    if (counted === undefined) this.#counts.set(type, { count: amount });
    else counted.count += amount;
  }
}

/** What a client sends can't make a label of its own. */
export function typeLabel(typeUrl: string): string {
  const name = shortTypeName(typeUrl);
  return name === typeUrl ? 'other' : name;
}
