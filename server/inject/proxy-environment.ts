// The environment of the proxy's agent, in the names of Istio's `pilot-agent`. In: the context of a pod. Out: `env` of its container.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { mappingsAt, scalarAt, type Mapping } from './json-value.ts';
import { serviceName, type SidecarContext } from './sidecar-context.ts';

export type EnvironmentVariable = Mapping & { readonly name: string };

export const customBootstrapDirectory = '/etc/istio/custom-bootstrap';

/** What both agents are told, in the order in which Kubernetes resolves references. */
export function commonEnvironment(context: SidecarContext): readonly EnvironmentVariable[] {
  return [
    fromField('POD_NAME', 'metadata.name'),
    fromField('POD_NAMESPACE', 'metadata.namespace'),
    fromField('INSTANCE_IP', 'status.podIP'),
    fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    fromField('HOST_IP', 'status.hostIP'),
    fromField('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    plain('ISTIO_META_INTERCEPTION_MODE', context.interceptionMode),
    ...metadataEnvironment(context),
  ];
}

/** `proxyMetadata` of the configuration and what the webhook's address says; whatever redirects gets them as well. */
export function metadataEnvironment({ config, callerEnvironment }: SidecarContext): readonly EnvironmentVariable[] {
  return Object.entries({ ...config.metadata, ...callerEnvironment })
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => plain(name, value));
}

export function istioEnvironment(context: SidecarContext): readonly EnvironmentVariable[] {
  const { settings, config, owner, namespace, network, clusterId, annotations } = context;
  const kind = `${owner.kind.toLowerCase()}s`;
  const proxyConfig = { ...config.fields, discoveryAddress: context.discoveryAddress };
  return [
    plain('PILOT_CERT_PROVIDER', 'istiod'),
    plain('CA_ADDR', `${serviceName(settings)}.${settings.systemNamespace}.svc:15012`),
    fromLimit('ISTIO_CPU_LIMIT', 'limits.cpu'),
    plain('PROXY_CONFIG', JSON.stringify(proxyConfig)),
    plain('ISTIO_META_POD_PORTS', podPorts(context)),
    plain('ISTIO_META_APP_CONTAINERS', context.applications.map((each) => scalarAt(each, 'name') ?? '').join(',')),
    fromLimit('GOMEMLIMIT', 'limits.memory'),
    fromLimit('GOMAXPROCS', 'limits.cpu'),
    plain('ISTIO_META_CLUSTER_ID', clusterId),
    ...optional('ISTIO_META_NETWORK', network),
    ...optional('ISTIO_META_WORKLOAD_NAME', owner.name),
    ...optional(
      'ISTIO_META_OWNER',
      owner.name === '' ? '' : `kubernetes://apis/${owner.apiVersion}/namespaces/${namespace}/${kind}/${owner.name}`,
    ),
    plain('ISTIO_META_MESH_ID', settings.meshId),
    plain('TRUST_DOMAIN', settings.trustDomain),
    ...(annotations['sidecar.istio.io/bootstrapOverride'] === undefined
      ? []
      : [plain('ISTIO_BOOTSTRAP_OVERRIDE', `${customBootstrapDirectory}/custom_bootstrap.json`)]),
    ...commonEnvironment(context),
  ];
}

/** JSON of the ports that the application declares. */
export function podPorts({ applications }: SidecarContext): string {
  return JSON.stringify(
    applications.flatMap((container) => mappingsAt(container, 'ports')).filter((each) => isMapping(each)),
  );
}

export function plain(name: string, value: string): EnvironmentVariable {
  return { name, value };
}

function optional(name: string, value: string): readonly EnvironmentVariable[] {
  return value === '' ? [] : [plain(name, value)];
}

function fromField(name: string, fieldPath: string): EnvironmentVariable {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function fromLimit(name: string, resource: string): EnvironmentVariable {
  return { name, valueFrom: { resourceFieldRef: { resource } } };
}
