// The command line of `isthmus agent` in a pod. In: the context. Out: arguments; Kubernetes puts in what is in $(…).

import { mappingAt, scalarAt } from './json-value.ts';
import { podPorts } from './proxy-environment.ts';
import type { SidecarContext } from './sidecar-context.ts';

/** Words of Istio's log levels to Envoy's. */
const levels: Readonly<Record<string, string>> = { warn: 'warning', none: 'off' };

export function agentArguments(context: SidecarContext): readonly string[] {
  const { role, settings, annotations, config, clusterId, network, labels, owner } = context;
  const level = annotations['sidecar.istio.io/logLevel'] ?? settings.logLevel;
  return [
    'agent',
    `--discovery-address=${context.discoveryAddress}`,
    '--root-cert=/var/run/secrets/istio/root-cert.pem',
    '--token=/var/run/secrets/tokens/istio-token',
    `--trust-domain=${settings.trustDomain}`,
    `--proxy-type=${role}`,
    `--cluster-id=${clusterId}`,
    `--network=${network}`,
    `--mesh-id=${settings.meshId}`,
    '--namespace=$(POD_NAMESPACE)',
    '--service-account=$(SERVICE_ACCOUNT)',
    '--pod-name=$(POD_NAME)',
    '--pod-ip=$(INSTANCE_IPS)',
    `--pod-ports=${podPorts(context)}`,
    ...(owner.name === '' ? [] : [`--workload-name=${owner.name}`]),
    `--domain=$(POD_NAMESPACE).svc.${settings.domain}`,
    ...Object.entries(labels)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => `--label=${key}=${value}`),
    // A gateway has no application beside it.
    `--interception-mode=${role === 'router' ? 'NONE' : context.interceptionMode}`,
    ...topologyArgument(context),
    '--work-dir=/etc/istio/proxy',
    `--status-port=${String(context.statusPort)}`,
    ...(config.concurrency === undefined ? [] : [`--concurrency=${String(config.concurrency)}`]),
    ...drainArgument(context),
    `--envoy-log-level=${levels[level] ?? level}`,
  ];
}

function topologyArgument({ role, config }: SidecarContext): readonly string[] {
  const topology = mappingAt(config.fields, 'gatewayTopology');
  if (role !== 'router' || Object.keys(topology).length === 0) return [];
  return [`--gateway-topology=${JSON.stringify(topology)}`];
}

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** `1m30s` of the ProxyConfig as `--drain=90000ms`. */
function drainArgument({ config }: SidecarContext): readonly string[] {
  const parts = (scalarAt(config.fields, 'terminationDrainDuration') ?? '').matchAll(/([\d.]+)(h|ms|m|s)/g);
  const total = [...parts].reduce((sum, [, count = '', unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
  return total === 0 ? [] : [`--drain=${String(total)}ms`];
}
