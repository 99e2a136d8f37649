// How many findings hold, by cluster, severity and code, read when Prometheus asks; and how long it takes to look for them.

import { Gauge, Histogram, type Registry } from 'prom-client';
import type { InstanceReader } from './instance-reader.ts';

const secondsBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

export class FindingMetrics {
  readonly #searches: Histogram;

  constructor(registry: Registry, reader: Pick<InstanceReader, 'clusters'>) {
    const findings = new Gauge({
      name: 'isthmus_findings',
      help: 'Findings in objects and between them, by code',
      labelNames: ['cluster', 'severity', 'code'],
      registers: [],
      collect() {
        this.reset();
        for (const { clusterId: cluster, problems } of reader.clusters()) {
          for (const { severity, code } of problems) this.inc({ cluster, severity, code });
        }
      },
    });
    registry.registerMetric(findings);
    this.#searches = new Histogram({
      name: 'isthmus_analysis_duration_seconds',
      help: 'Seconds to look for findings between objects',
      buckets: secondsBuckets,
      registers: [registry],
    });
  }

  searched(durationMs: number): void {
    this.#searches.observe(durationMs / 1000);
  }
}
