// Runs the two HTTP applications on loopback ports for a test, and stops them after it.

import { onTestFinished } from 'vitest';
import { readDashboardFiles } from '../../../server/admin/dashboard-routes.ts';
import { httpApp } from '../../../server/admin/http-app.ts';
import type { InstanceReader } from '../../../server/admin/instance-reader.ts';
import { listen } from '../../../server/admin/listen.ts';
import { Metrics } from '../../../server/admin/metrics.ts';
import { monitoringApp } from '../../../server/admin/monitoring-app.ts';

export interface ServedAdmin {
  /** `127.0.0.1:PORT` of the HTTP port. */
  readonly http: string;
  /** Of the monitoring port. */
  readonly monitoring: string;
  readonly metrics: Metrics;
  /** Paths of pages that threw. */
  readonly failures: readonly string[];
}

export async function serveAdmin(reader: InstanceReader, bind = '127.0.0.1'): Promise<ServedAdmin> {
  const stop = new AbortController();
  const failures: string[] = [];
  const onFailure = (path: string): void => void failures.push(path);
  const metrics = new Metrics({
    version: reader.version,
    startedAtMs: 0,
    nowMs: () => Date.parse('2026-01-02T03:04:15Z'),
  });
  const options = { bind, port: 0, signal: stop.signal };
  const http = await listen(httpApp({ reader, dashboard: await readDashboardFiles(), onFailure }), options);
  const monitoring = await listen(monitoringApp({ reader, metrics, onFailure }), options);
  onTestFinished(async () => {
    stop.abort();
    await Promise.all([http.stopped, monitoring.stopped]);
  });
  return { http: `127.0.0.1:${http.port}`, monitoring: `127.0.0.1:${monitoring.port}`, metrics, failures };
}
