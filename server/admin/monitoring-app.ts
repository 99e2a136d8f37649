// The monitoring port: metrics for Prometheus, the version as `istioctl version` reads it, debug pages.

import { addDebugRoutes } from './debug-routes.ts';
import type { InstanceReader } from './instance-reader.ts';
import type { Metrics } from './metrics.ts';
import { readOnlyApp, type AdminApp, type AdminAppOptions } from './read-only.ts';

export interface MonitoringAppOptions extends AdminAppOptions {
  readonly reader: InstanceReader;
  readonly metrics: Metrics;
}

/** `/metrics`, `/version`, `/debug/*`. */
export function monitoringApp({ reader, metrics, onFailure }: MonitoringAppOptions): AdminApp {
  const app = readOnlyApp({ onFailure });
  app.get('/metrics', async (context) => {
    metrics.observe(reader);
    return context.body(await metrics.registry.metrics(), 200, { 'Content-Type': metrics.registry.contentType });
  });
  // `istioctl version` expects VERSION-GITREVISION-STATUS on one line.
  app.get('/version', (context) => context.text(`${reader.version}\n`));
  addDebugRoutes(app, reader);
  return app;
}
