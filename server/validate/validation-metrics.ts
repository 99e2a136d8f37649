// What the validation webhook counts, under the names that Istio's dashboards read.

import { Counter, type Registry } from 'prom-client';
import type { InjectionOutcome } from '../inject/injection-metrics.ts';

export class ValidationMetrics {
  readonly #passed: Counter;
  readonly #failed: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] });
    this.#passed = counter('galley_validation_passed', 'Objects that API servers brought and that may be written');
    this.#failed = counter('galley_validation_failed', 'Objects and questions that were refused');
  }

  requested(): void {
    // Each request ends as one of the two.
  }

  ended(outcome: InjectionOutcome): void {
    (outcome === 'failure' ? this.#failed : this.#passed).inc();
  }
}
