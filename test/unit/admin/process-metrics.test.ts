import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { addProcessMetrics } from '../../../server/admin/process-metrics.ts';

const registryOf = (): Registry => {
  const registry = new Registry();
  addProcessMetrics(registry);
  return registry;
};

test('processor time, memory and how busy the event loop was are told', async () => {
  const text = await registryOf().metrics();
  expect(text).toMatch(/^process_cpu_seconds_total /m);
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  const busy = Number(/^nodejs_eventloop_utilization (\S+)$/m.exec(text)?.[1]);
  expect(busy).toBeGreaterThan(0);
  expect(busy).toBeLessThanOrEqual(1);
});

test('what needs a timer that never rests is left out', async () => {
  const text = await registryOf().metrics();
  expect(text).toContain('nodejs_eventloop_lag_seconds');
  expect(text).not.toMatch(/nodejs_eventloop_lag_(?:min|max|mean|stddev|p\d+)_seconds/);
});
