// What the injection counts, under the names that Istio's dashboards read.

import { Counter, Gauge, type Registry } from 'prom-client';

export type InjectionOutcome = 'success' | 'failure' | 'skip';

export class InjectionMetrics {
  readonly #requests: Counter;
  readonly #outcomes: Readonly<Record<InjectionOutcome, Counter>>;
  readonly #badSettings: Gauge;

  constructor(registry: Registry) {
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] });
    this.#requests = counter('sidecar_injection_requests_total', 'Pods that API servers brought');
    this.#outcomes = {
      success: counter('sidecar_injection_success_total', 'Pods that got a proxy'),
      failure: counter('sidecar_injection_failure_total', 'Pods and questions that were refused'),
      skip: counter('sidecar_injection_skip_total', 'Pods that were left as they are'),
    };
    this.#badSettings = new Gauge({
      name: 'isthmus_injection_settings_rejected',
      help: '1 while the ConfigMap of the injection can not be obeyed and what it said before stays in force',
      registers: [registry],
    });
  }

  requested(): void {
    this.#requests.inc();
  }

  ended(outcome: InjectionOutcome): void {
    this.#outcomes[outcome].inc();
  }

  settingsRejected(isRejected: boolean): void {
    this.#badSettings.set(isRejected ? 1 : 0);
  }
}
