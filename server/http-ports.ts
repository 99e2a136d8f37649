// The HTTP ports of an instance: one for people and programs that ask about it, one for monitoring.

import { AdminError } from './admin/admin-error.ts';
import { readDashboardFiles } from './admin/dashboard-routes.ts';
import type { AskDiff } from './admin/diff-route.ts';
import { httpApp } from './admin/http-app.ts';
import type { InstanceReader } from './admin/instance-reader.ts';
import { listen } from './admin/listen.ts';
import type { Metrics } from './admin/metrics.ts';
import { monitoringApp } from './admin/monitoring-app.ts';
import type { AdminApp } from './admin/read-only.ts';
import { ConfigError, type ServeConfig } from './config.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';

export interface HttpPortsOptions {
  readonly config: ServeConfig;
  readonly log: Log;
  readonly started: Started;
  readonly reader: InstanceReader;
  readonly metrics: Metrics;
  readonly diff: AskDiff;
}

/** Opens the ports that are configured. @throws ConfigError when an address can't be had */
export async function openHttpPorts({ config, log, started, reader, metrics, diff }: HttpPortsOptions): Promise<void> {
  const onFailure = (path: string, error: unknown): void => log.error({ path, error }, 'a page failed');
  const open = async (option: string, port: number, app: AdminApp): Promise<void> => {
    if (port === 0) return;
    const stop = new AbortController();
    try {
      const { stopped } = await listen(app, { bind: config.bind, port, signal: stop.signal });
      started.add(option, async () => {
        stop.abort();
        await stopped;
      });
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      throw new ConfigError(`${option}: ${error.message}`);
    }
  };
  await open(
    '--http-port',
    config.ports.http,
    httpApp({ reader, dashboard: await readDashboardFiles(), onFailure, diff }),
  );
  await open('--monitoring-port', config.ports.monitoring, monitoringApp({ reader, metrics, onFailure }));
}
