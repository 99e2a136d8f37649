// The kinds that are read from an API server, in one table: for which scope, whether the source can do without, and which
// objects of the kind. RBAC manifests grant exactly this.

import { kindName } from '../../model/names.ts';
import type { SourceScope } from '../../model/source-event.ts';

export interface KubeKind {
  readonly kind: string;
  /** The resource's name in paths and in RBAC rules. */
  readonly plural: string;
  /** Empty: the core group. */
  readonly group: string;
  /** Versions that can be read, the preferred one first. */
  readonly versions: readonly string[];
  readonly namespaced: boolean;
  readonly scopes: readonly SourceScope[];
  /** Without it nothing can be discovered. The others degrade: a warning names the missing right. */
  readonly required: boolean;
  /** The API may be missing, because its CustomResourceDefinition is not installed. */
  readonly installable: boolean;
  /** Only objects that match, filtered by the API server. */
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Only in the mesh's system namespace. */
  readonly systemNamespaceOnly?: boolean | undefined;
}

/** Of the Gateway API. */
const gatewayResource: KubeKind = {
  ...core('Gateway', 'gateways'),
  group: 'gateway.networking.k8s.io',
  versions: ['v1', 'v1beta1'],
  installable: true,
};

/** In the order in which they are started. */
export const kubeKinds: readonly KubeKind[] = [
  { ...core('Namespace', 'namespaces'), namespaced: false, required: true },
  { ...core('Node', 'nodes'), namespaced: false },
  { ...core('Service', 'services'), required: true },
  { ...core('EndpointSlice', 'endpointslices'), group: 'discovery.k8s.io', required: true },
  // A pod that has ended has no endpoint and never gets one again.
  { ...core('Pod', 'pods'), fieldSelector: 'status.phase!=Failed,status.phase!=Succeeded' },
  { ...gatewayResource, scopes: ['primary'] },
  // Only those into the network of a remote matter.
  { ...gatewayResource, scopes: ['discovery-only'], labelSelector: 'topology.istio.io/network' },
  istio('Gateway', 'gateways'),
  istio('WorkloadEntry', 'workloadentries'),
  istio('WorkloadGroup', 'workloadgroups'),
  istio('VirtualService', 'virtualservices'),
  istio('DestinationRule', 'destinationrules'),
  istio('ServiceEntry', 'serviceentries'),
  istio('Sidecar', 'sidecars'),
  { ...istio('ProxyConfig', 'proxyconfigs'), versions: ['v1beta1'] },
  { ...istio('EnvoyFilter', 'envoyfilters'), versions: ['v1alpha3'] },
  security('PeerAuthentication', 'peerauthentications'),
  security('AuthorizationPolicy', 'authorizationpolicies'),
  { ...istio('Telemetry', 'telemetries'), group: 'telemetry.istio.io', versions: ['v1', 'v1alpha1'] },
  security('RequestAuthentication', 'requestauthentications'),
  {
    ...core('ConfigMap', 'configmaps'),
    scopes: ['primary'],
    fieldSelector: 'metadata.name=istio',
    systemNamespaceOnly: true,
  },
  { ...core('ConfigMap', 'configmaps'), scopes: ['primary'], fieldSelector: 'metadata.name=istio-ca-root-cert' },
  {
    ...core('Secret', 'secrets'),
    scopes: ['primary'],
    labelSelector: 'istio/multiCluster=true',
    systemNamespaceOnly: true,
  },
];

/** The kind as keys of its objects have it. */
export function nameOfKind({ group, kind }: Pick<KubeKind, 'group' | 'kind'>): string {
  return kindName(group, kind);
}

function core(kind: string, plural: string): KubeKind {
  return {
    kind,
    plural,
    group: '',
    versions: ['v1'],
    namespaced: true,
    scopes: ['primary', 'discovery-only'],
    required: false,
    installable: false,
  };
}

function security(kind: string, plural: string): KubeKind {
  return { ...istio(kind, plural), group: 'security.istio.io', versions: ['v1', 'v1beta1'] };
}

function istio(kind: string, plural: string): KubeKind {
  return {
    ...core(kind, plural),
    group: 'networking.istio.io',
    versions: ['v1', 'v1beta1', 'v1alpha3'],
    scopes: ['primary'],
    installable: true,
  };
}
