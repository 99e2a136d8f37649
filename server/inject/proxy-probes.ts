// How Kubernetes asks the proxy whether it has started and is ready. In: the context of a pod. Out: fields of its container.

import type { Mapping } from './json-value.ts';
import type { SidecarContext } from './sidecar-context.ts';

const healthPort = 15_021;

export function proxyProbes({ annotations, settings, statusPort, isNative }: SidecarContext): Mapping {
  if (statusPort === 0) return {};
  const { probes } = settings;
  const number = (name: string, otherwise: number): number =>
    Number(annotations[`readiness.status.sidecar.istio.io/${name}`] ?? otherwise);
  const httpGet = { path: '/healthz/ready', port: healthPort };
  const readinessProbe = {
    httpGet,
    initialDelaySeconds: number('initialDelaySeconds', probes.initialDelaySeconds),
    periodSeconds: number('periodSeconds', probes.periodSeconds),
    timeoutSeconds: 3,
    failureThreshold: number('failureThreshold', probes.failureThreshold),
  };
  // The containers after a native sidecar wait for its startup probe: without one they would not wait for the proxy.
  if (!probes.startupEnabled && !isNative) return { readinessProbe };
  const startupProbe = {
    httpGet,
    initialDelaySeconds: 0,
    periodSeconds: 1,
    timeoutSeconds: 3,
    failureThreshold: probes.startupFailureThreshold,
  };
  return { startupProbe, readinessProbe };
}
