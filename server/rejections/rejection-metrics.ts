// What is counted of the versions that proxies rejected.

import { Counter, Gauge, type Registry } from 'prom-client';
import { shortTypeName } from '../admin/proxy-status.ts';
import type { Outcome } from './rejected-version.ts';

export class RejectionMetrics {
  readonly #versions: Counter;
  readonly #ignored: Counter;

  /** `heldBack`: how many objects are at this moment. */
  constructor(registry: Registry, heldBack: () => number) {
    this.#versions = new Counter({
      name: 'isthmus_rejected_versions_total',
      help: 'Versions of resources that proxies rejected, by type and what became of them',
      labelNames: ['type', 'outcome'],
      registers: [registry],
    });
    this.#ignored = new Counter({
      name: 'isthmus_rejections_ignored_total',
      help: 'Rejected versions that were not looked into because there were too many',
      registers: [registry],
    });
    const gauge = new Gauge({
      name: 'isthmus_objects_held_back',
      help: 'Objects that are not in force as declared because proxies rejected what was made of them',
      registers: [],
      collect() {
        this.set(heldBack());
      },
    });
    registry.registerMetric(gauge);
  }

  /** `superseded`: it was no longer served when it was looked into. */
  concluded(typeUrl: string, outcome: Outcome | 'superseded'): void {
    this.#versions.inc({ type: shortTypeName(typeUrl), outcome });
  }

  ignored(): void {
    this.#ignored.inc();
  }
}
