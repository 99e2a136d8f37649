// Metrics of what waits at the door of an instance, and of what was turned away. They are in the registry of all other metrics.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Admission, AdmissionCounts } from './admission.ts';
import type { ProxyLimit } from './proxy-limit.ts';

const secondsBuckets = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20];

export class AdmissionMetrics implements AdmissionCounts {
  readonly #registry: Registry;
  readonly #refused: Counter;
  readonly #delayed: Counter;
  readonly #messagesRefused: Counter;
  readonly #waited: Histogram;
  readonly #lag: Histogram;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#refused = new Counter({
      name: 'isthmus_admission_refused_total',
      help: 'Connections and streams that were turned away before anything of them was read; full: too many waited, late: waited too long',
      labelNames: ['what', 'reason'],
      registers,
    });
    for (const what of ['connection', 'stream']) {
      for (const reason of ['full', 'late']) this.#refused.inc({ what, reason }, 0);
    }
    this.#delayed = new Counter({
      name: 'isthmus_requests_delayed_total',
      help: 'Requests that were delayed because their client sent more of them than it may',
      registers,
    });
    this.#messagesRefused = new Counter({
      name: 'isthmus_messages_refused_total',
      help: 'Messages that were refused because their connection had too many bytes of others that were unfinished or waited',
      registers,
    });
    this.#waited = new Histogram({
      name: 'isthmus_admission_wait_seconds',
      help: 'Seconds that connections and streams waited before they were admitted',
      labelNames: ['what'],
      buckets: secondsBuckets,
      registers,
    });
    this.#lag = new Histogram({
      name: 'isthmus_admission_loop_lag_seconds',
      help: 'Seconds by which the event loop was late, looked at while connections wait',
      buckets: secondsBuckets,
      registers,
    });
  }

  /** Looks at them whenever the metrics are read. */
  observe({ admission, proxies }: { readonly admission: Admission; readonly proxies: ProxyLimit }): void {
    const connected: Gauge = new Gauge({
      name: 'isthmus_connected_proxies',
      help: 'Proxies that are connected, each once however many streams it has, for a HorizontalPodAutoscaler',
      registers: [this.#registry],
      collect: () => connected.set(proxies.connected),
    });
    const gauge: Gauge = new Gauge({
      name: 'isthmus_admission_waiting_count',
      help: 'Connections and streams that wait to be admitted, and pieces of work that wait for their turn',
      labelNames: ['what'],
      registers: [this.#registry],
      collect: () => {
        const { connections, streams, turns } = admission.waiting;
        gauge.set({ what: 'connection' }, connections);
        gauge.set({ what: 'stream' }, streams);
        gauge.set({ what: 'turn' }, turns);
      },
    });
  }

  admitted(waitedMs: number): void {
    this.#waited.observe({ what: 'connection' }, waitedMs / 1000);
  }

  refused(reason: 'full' | 'late'): void {
    this.#refused.inc({ what: 'connection', reason });
  }

  looked(lagMs: number): void {
    this.#lag.observe(Math.max(0, lagMs) / 1000);
  }

  streamAdmitted(waitedMs: number): void {
    this.#waited.observe({ what: 'stream' }, waitedMs / 1000);
  }

  streamRefused(reason: 'full' | 'late'): void {
    this.#refused.inc({ what: 'stream', reason });
  }

  requestDelayed(): void {
    this.#delayed.inc();
  }

  messageRefused(): void {
    this.#messagesRefused.inc();
  }
}
