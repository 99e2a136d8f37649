// Metrics of the cache, read whenever somebody asks: how many classes share resources, and who has still to be told of a change.

import { Gauge, type Registry } from 'prom-client';

/** As `ResourceCache` counts them. */
export interface CountedCache {
  readonly classCount: number;
  readonly waitingCount: number;
}

export function addCacheMetrics(registry: Registry, cache: CountedCache): void {
  const classes: Gauge = new Gauge({
    name: 'isthmus_proxy_classes',
    help: 'Classes of connected proxies that are sent the same',
    registers: [registry],
    collect: () => classes.set(cache.classCount),
  });
  const waiting: Gauge = new Gauge({
    name: 'isthmus_push_waiting_proxies',
    help: 'Connected proxies that have still to be told of a change that concerns many',
    registers: [registry],
    collect: () => waiting.set(cache.waitingCount),
  });
}
