// The metrics of the Node process, without those that cost when nobody asks: prom-client's quantiles of the event loop's delay
// wake an idle process a hundred times a second. How busy the loop was is read from Node when Prometheus asks.

import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** The interval of the timer behind them, in milliseconds; they can't be left out. */
const never = 2 ** 31 - 1;
const delays = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];

export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: never });
  for (const delay of delays) registry.removeSingleMetric(`nodejs_eventloop_lag_${delay}_seconds`);
  let before = performance.eventLoopUtilization();
  const busy = new Gauge({
    name: 'nodejs_eventloop_utilization',
    help: 'Share of the time since it was read last that the event loop was busy, from 0 to 1',
    registers: [],
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    },
  });
  registry.registerMetric(busy);
}
