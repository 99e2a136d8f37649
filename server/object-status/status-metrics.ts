// Metrics of the statuses that the leading replica writes.

import { Counter, Gauge, type Registry } from 'prom-client';

/** `conflict`: the object changed meanwhile; `gone`: it is no longer there. */
export type StatusWriteResult = 'written' | 'conflict' | 'gone' | 'forbidden' | 'failed';

const results: readonly StatusWriteResult[] = ['written', 'conflict', 'gone', 'forbidden', 'failed'];

export class StatusMetrics {
  readonly #writes: Counter;
  readonly #due: Gauge;

  constructor(registry: Registry) {
    this.#writes = new Counter({
      name: 'isthmus_object_status_writes_total',
      help: 'Statuses of objects that this replica wrote or tried to write, by what came of it',
      labelNames: ['result'],
      registers: [registry],
    });
    for (const result of results) this.#writes.inc({ result }, 0);
    this.#due = new Gauge({
      name: 'isthmus_object_status_due',
      help: 'Objects whose status says something else than the findings about them; 0 on replicas that do not lead',
      registers: [registry],
    });
  }

  wrote(result: StatusWriteResult): void {
    this.#writes.inc({ result });
  }

  due(count: number): void {
    this.#due.set(count);
  }
}
