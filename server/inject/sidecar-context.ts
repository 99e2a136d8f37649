// What one pod's proxy is made from: annotations over settings, worked out once. In: pod, namespace, settings. Out: a frozen value
// that the parts of the proxy (container, volumes, environment) are functions of; or why the pod is refused.

import { label } from '../../discovery/convert/well-known.ts';
import { checkAnnotations, type DataPlane } from './annotation-rules.ts';
import { isTrueText, listOf } from './annotation-values.ts';
import { declaredProxyConfigs, type DeclaredProxyConfigs } from './declared-proxy-config.ts';
import { proxyName } from './decide-injection.ts';
import { InjectError } from './inject-error.ts';
import type { InjectionSettings, TrafficSettings } from './injection-settings.ts';
import { mappingAt, mappingsAt, scalarAt, textsAt, type Mapping } from './json-value.ts';
import { proxyConfig, proxyConfigAnnotation, type ProxyConfig } from './proxy-config.ts';
import { workloadOwner, type WorkloadOwner } from './workload-owner.ts';

export type ProxyRole = 'sidecar' | 'router';

/** What the address of the webhook says of the cluster it is called from: `/inject/cluster/C/net/N`. */
export interface CallerFacts {
  readonly clusterId?: string | undefined;
  readonly network?: string | undefined;
  /** Further variables of the proxy: any other pair in the path, in capitals. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

export interface SidecarContext {
  readonly role: ProxyRole;
  readonly settings: InjectionSettings;
  readonly dataPlane: DataPlane;
  readonly pod: Mapping;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly config: ProxyConfig;
  readonly owner: WorkloadOwner;
  readonly clusterId: string;
  readonly network: string;
  readonly callerEnvironment: Readonly<Record<string, string>>;
  /** The proxy is an init container that stays. */
  readonly isNative: boolean;
  readonly holdApplication: boolean;
  readonly interceptionMode: string;
  /** An init container redirects. */
  readonly redirects: boolean;
  readonly traffic: TrafficSettings;
  /** 0: none. */
  readonly statusPort: number;
  /** `host:port` */
  readonly discoveryAddress: string;
  /** Containers of the application: all but the proxy. */
  readonly applications: readonly Mapping[];
  /** What the user's own container `istio-proxy` says. */
  readonly userProxy: Mapping | undefined;
}

export interface ContextOptions {
  readonly role: ProxyRole;
  readonly pod: Mapping;
  readonly namespace: string;
  readonly settings: InjectionSettings;
  readonly caller: CallerFacts;
  /** Objects of kind ProxyConfig. */
  readonly declared: DeclaredProxyConfigs;
}

/** Errors: `invalid-annotation`. */
export function sidecarContext({
  role,
  pod,
  namespace,
  settings,
  caller,
  declared,
}: ContextOptions): SidecarContext | InjectError {
  const annotations = textsAt(pod, 'metadata', 'annotations');
  const labels = textsAt(pod, 'metadata', 'labels');
  const dataPlane = dataPlaneOf(annotations, settings);
  const { refusals } = checkAnnotations(annotations, dataPlane);
  if (refusals.length > 0) return new InjectError('invalid-annotation', refusals.join(' '));
  const objects = declaredProxyConfigs(declared, { namespace, labels });
  const config = proxyConfig(settings.proxyConfig, objects, annotations[proxyConfigAnnotation]);
  if (config instanceof InjectError) return config;
  const interceptionMode = annotations['sidecar.istio.io/interceptionMode'] ?? config.interceptionMode ?? 'REDIRECT';
  const native = annotations['sidecar.istio.io/nativeSidecar'];
  const containers = mappingsAt(pod, 'spec', 'containers');
  const all = [...containers, ...mappingsAt(pod, 'spec', 'initContainers')];
  return Object.freeze({
    role,
    settings,
    dataPlane,
    pod,
    namespace,
    labels,
    annotations,
    config,
    owner: workloadOwner(pod),
    clusterId: caller.clusterId ?? settings.clusterId,
    network: labels[label.network] ?? caller.network ?? settings.network,
    callerEnvironment: caller.environment ?? {},
    isNative:
      role === 'sidecar' &&
      settings.canBeNative &&
      (native === undefined ? settings.nativeSidecars : isTrueText(native)),
    holdApplication: config.holdApplication ?? settings.holdApplication,
    interceptionMode,
    redirects: role === 'sidecar' && interceptionMode !== 'NONE' && settings.interception === 'init',
    traffic: trafficOf(annotations, settings.traffic),
    statusPort: Number(annotations['status.sidecar.istio.io/port'] ?? config.statusPort ?? settings.probes.statusPort),
    discoveryAddress: config.discoveryAddress ?? `${serviceName(settings)}.${settings.systemNamespace}.svc:15012`,
    applications: containers.filter((each) => scalarAt(each, 'name') !== proxyName),
    userProxy: all.find((each) => scalarAt(each, 'name') === proxyName),
  });
}

export function dataPlaneOf(
  annotations: Readonly<Record<string, string>>,
  { dataPlane }: Pick<InjectionSettings, 'dataPlane'>,
): DataPlane {
  const said = annotations['sidecar.istio.io/dataPlane'];
  return said === 'istio' || said === 'isthmus' ? said : dataPlane;
}

/** What is worth saying to whoever created the pod although it is injected. */
export function remarks({ annotations, dataPlane, pod, applications, redirects }: SidecarContext): readonly string[] {
  const spec = mappingAt(pod, 'spec');
  const found = [...checkAnnotations(annotations, dataPlane).warnings];
  const dnsPolicy = scalarAt(spec, 'dnsPolicy') ?? 'ClusterFirst';
  if (dnsPolicy !== 'ClusterFirst') {
    found.push(`dnsPolicy ${dnsPolicy}: the proxy may not find the control plane by its name.`);
  }
  const userOf = (container: Mapping): unknown =>
    mappingAt(container, 'securityContext')['runAsUser'] ?? mappingAt(spec, 'securityContext')['runAsUser'];
  for (const container of redirects ? applications : []) {
    if (userOf(container) !== proxyUser) continue;
    const name = scalarAt(container, 'name') ?? '';
    found.push(
      `container ${name} runs as user ${String(proxyUser)}, the proxy's own: its traffic is not redirected. Choose another user.`,
    );
  }
  return found;
}

/** User and group of the proxy, which redirection leaves alone. */
export const proxyUser = 1337;

export function serviceName({ revision }: Pick<InjectionSettings, 'revision'>): string {
  return revision === 'default' ? 'istiod' : `istiod-${revision}`;
}

function trafficOf(annotations: Readonly<Record<string, string>>, otherwise: TrafficSettings): TrafficSettings {
  const said = (name: string): string | undefined => annotations[`traffic.sidecar.istio.io/${name}`];
  return {
    includeInboundPorts: said('includeInboundPorts') ?? otherwise.includeInboundPorts,
    excludeInboundPorts: said('excludeInboundPorts') ?? otherwise.excludeInboundPorts,
    includeOutboundPorts: said('includeOutboundPorts') ?? otherwise.includeOutboundPorts,
    excludeOutboundPorts: said('excludeOutboundPorts') ?? otherwise.excludeOutboundPorts,
    includeIpRanges: said('includeOutboundIPRanges') ?? otherwise.includeIpRanges,
    excludeIpRanges: said('excludeOutboundIPRanges') ?? otherwise.excludeIpRanges,
  };
}

/** Names of init containers that are to run before the proxy. */
export function beforeProxy(annotations: Readonly<Record<string, string>>): readonly string[] {
  return listOf(annotations['sidecar.istio.io/init-containers-before-proxy'] ?? '');
}
