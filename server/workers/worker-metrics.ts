// Metrics of the workers, read whenever Prometheus asks. They are in the registry of all other metrics, and absent without workers.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { WorkerStatus } from './pooled-worker.ts';
import type { WorkerPool } from './worker-pool.ts';

type Read = (status: WorkerStatus) => number;

export function addWorkerMetrics(registry: Registry, workers: WorkerPool): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: Read): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      labelNames: ['worker'],
      registers,
      collect: async () => {
        for (const status of await workers.measure()) metric.set({ worker: status.number }, read(status));
      },
    });
  };
  const counter = (
    name: string,
    help: string,
    label: string | undefined,
    reads: Readonly<Record<string, Read>>,
  ): void => {
    const metric: Counter = new Counter({
      name,
      help,
      labelNames: label === undefined ? ['worker'] : ['worker', label],
      registers,
      collect: async () => {
        const statuses = await workers.measure();
        metric.reset();
        for (const status of statuses) {
          for (const [value, read] of Object.entries(reads)) {
            metric.inc({ worker: status.number, ...(label === undefined ? {} : { [label]: value }) }, read(status));
          }
        }
      },
    });
  };
  gauge('isthmus_worker_up', '1 while a worker with this number serves', ({ serving }) => Number(serving));
  gauge('isthmus_worker_connections', 'Connections of the worker', ({ connections }) => connections);
  gauge('isthmus_worker_streams', 'Streams of the worker', ({ streams }) => streams);
  gauge('isthmus_worker_lag_seconds', 'Seconds that the worker took to answer', ({ lagMs }) => lagMs / 1000);
  gauge(
    'isthmus_worker_queue_bytes',
    'Bytes between the main process and the worker that were not read yet',
    ({ queuedBytes, usage }) => queuedBytes + usage.queuedBytes,
  );
  gauge(
    'isthmus_worker_resident_memory_bytes',
    'Resident memory of the worker process',
    ({ usage }) => usage.residentBytes,
  );
  counter('isthmus_worker_cpu_seconds_total', 'Processor time of the worker process', undefined, {
    all: ({ usage }) => usage.cpuMs / 1000,
  });
  counter('isthmus_worker_relayed_bytes_total', 'Bytes between the main process and the worker', 'direction', {
    sent: ({ sentBytes }) => sentBytes,
    received: ({ receivedBytes }) => receivedBytes,
  });
  counter('isthmus_worker_payloads_total', 'Times that bytes which streams share were sent to the worker', undefined, {
    all: ({ definedPayloads }) => definedPayloads,
  });
  counter('isthmus_worker_restarts_total', 'Times that the worker was replaced', 'reason', {
    exited: ({ restarts }) => restarts.exited,
    hung: ({ restarts }) => restarts.hung,
  });
}
