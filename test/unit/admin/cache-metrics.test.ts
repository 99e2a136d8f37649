import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { addCacheMetrics } from '../../../server/admin/cache-metrics.ts';

test('classes and proxies that wait are those of the moment of the scrape', async () => {
  const registry = new Registry();
  const cache = { classCount: 1, waitingCount: 0 };
  addCacheMetrics(registry, cache);
  cache.classCount = 3;
  cache.waitingCount = 700;

  const text = await registry.metrics();

  expect(text).toContain('\nisthmus_proxy_classes 3\n');
  expect(text).toContain('\nisthmus_push_waiting_proxies 700\n');
});
