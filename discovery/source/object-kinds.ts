// The kinds of objects that a source may meet, by API group: which are read, which are known and not needed, and what to say
// of the others.

import { nearestName } from '../convert/nearest-name.ts';
import type { SourceScope } from '../model/source-event.ts';

export interface KindEntry {
  readonly kind: string;
  readonly namespaced: boolean;
  /** API versions that are read. */
  readonly versions: readonly string[];
  /** Read of a remote cluster as well. */
  readonly discovery: boolean;
}

const entry = (kind: string, versions: string, discovery: boolean, namespaced = true): KindEntry => ({
  kind,
  namespaced,
  versions: versions.split(' '),
  discovery,
});

const istioVersions = 'v1 v1beta1 v1alpha3';

/** Kinds that are read, by API group (empty: the core group). */
const readKinds: Readonly<Record<string, readonly KindEntry[]>> = {
  '': [
    entry('Namespace', 'v1', true, false),
    entry('Node', 'v1', true, false),
    entry('Service', 'v1', true),
    entry('Pod', 'v1', true),
    entry('ConfigMap', 'v1', true),
    entry('ServiceAccount', 'v1', false),
    entry('Secret', 'v1', false),
  ],
  'discovery.k8s.io': [entry('EndpointSlice', 'v1 v1beta1', true)],
  'networking.istio.io': [
    entry('WorkloadEntry', istioVersions, true),
    entry('WorkloadGroup', istioVersions, false),
    entry('Gateway', istioVersions, false),
    entry('VirtualService', istioVersions, false),
    entry('DestinationRule', istioVersions, false),
    entry('ServiceEntry', istioVersions, false),
    entry('Sidecar', istioVersions, false),
    entry('ProxyConfig', 'v1beta1', false),
    entry('EnvoyFilter', 'v1alpha3', false),
  ],
  'gateway.networking.k8s.io': [entry('Gateway', 'v1 v1beta1', true)],
  'telemetry.istio.io': [entry('Telemetry', 'v1 v1alpha1', false)],
  'security.istio.io': [
    entry('PeerAuthentication', 'v1 v1beta1', false),
    entry('AuthorizationPolicy', 'v1 v1beta1', false),
    entry('RequestAuthentication', 'v1 v1beta1', false),
  ],
  // Of the primary's API server, by the leader, which completes its own.
  'admissionregistration.k8s.io': [
    entry('MutatingWebhookConfiguration', 'v1', false, false),
    entry('ValidatingWebhookConfiguration', 'v1', false, false),
  ],
};

/** Kinds of the mesh APIs that exist and are not implemented: what they ask for would not happen, so they are errors. */
const unsupportedKinds: Readonly<Record<string, readonly string[]>> = {
  'extensions.istio.io': ['WasmPlugin', 'TrafficExtension'],
  'gateway.networking.k8s.io': [
    'GatewayClass',
    'HTTPRoute',
    'GRPCRoute',
    'TCPRoute',
    'TLSRoute',
    'UDPRoute',
    'ReferenceGrant',
    'BackendTLSPolicy',
    'ListenerSet',
  ],
  'multicluster.x-k8s.io': ['ServiceExport', 'ServiceImport'],
};

/** Groups of Kubernetes itself whose other kinds belong in a cluster and mean nothing to a mesh. */
const ordinaryGroups: ReadonlySet<string> = new Set([
  'apps',
  'batch',
  'policy',
  'autoscaling',
  'rbac.authorization.k8s.io',
  'networking.k8s.io',
  'storage.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'certificates.k8s.io',
  'node.k8s.io',
  'events.k8s.io',
  'kustomize.config.k8s.io',
]);

const ordinaryCoreKinds: ReadonlySet<string> = new Set([
  'PersistentVolume',
  'PersistentVolumeClaim',
  'ReplicationController',
  'LimitRange',
  'ResourceQuota',
  'PodTemplate',
  'Endpoints',
  'Event',
  'Binding',
  'ComponentStatus',
]);

export type KindVerdict =
  | { readonly verdict: 'read'; readonly entry: KindEntry }
  /** Known and not needed here: no finding. */
  | { readonly verdict: 'skip' }
  /** `message` says what is wrong and what to do, without a full stop. */
  | {
      readonly verdict: 'report';
      readonly severity: 'error' | 'warning';
      readonly code: string;
      readonly message: string;
    };

/** What to do with an object of this kind in a source of this scope. */
export function judgeKind(apiVersion: string, kind: string, scope: SourceScope): KindVerdict {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const entries = Object.hasOwn(readKinds, group) ? (readKinds[group] ?? []) : [];
  const unsupported = Object.hasOwn(unsupportedKinds, group) ? (unsupportedKinds[group] ?? []) : [];
  const found = entries.find((known) => known.kind === kind);
  if (found !== undefined) {
    if (scope === 'discovery-only' && !found.discovery) return { verdict: 'skip' };
    if (found.versions.includes(version)) return { verdict: 'read', entry: found };
    const wanted = found.versions.map((name) => (group === '' ? name : `${group}/${name}`)).join(', ');
    return report(
      'error',
      'unknown-version',
      `apiVersion ${JSON.stringify(apiVersion)} of ${kind} is not read: use ${wanted}`,
    );
  }
  if (ordinaryGroups.has(group) || (group === '' && ordinaryCoreKinds.has(kind))) return { verdict: 'skip' };
  const concerns = group === '' || group === 'discovery.k8s.io';
  if (scope === 'discovery-only' && !concerns) return { verdict: 'skip' };
  if (unsupported.includes(kind)) {
    return report(
      'error',
      'unsupported-kind',
      `${kind} (${apiVersion}) is not supported yet and has no effect: remove it`,
    );
  }
  const ours = entries.length > 0 || unsupported.length > 0;
  const near = nearestName(kind, [...entries.map((known) => known.kind), ...unsupported]);
  const elsewhere = groupOf(kind);
  const text = `there is no kind ${JSON.stringify(kind)} in ${JSON.stringify(apiVersion)}`;
  if (near !== undefined) return report('error', 'unknown-kind', `${text}: did you mean ${near}?`);
  if (elsewhere !== undefined) {
    return report('error', 'unknown-kind', `${text}: the apiVersion of ${kind} is ${elsewhere}`);
  }
  if (ours) return report('error', 'unknown-kind', `${text}: correct the kind or remove the object`);
  return report('warning', 'unknown-kind', `${kind} (${apiVersion}) is not a kind that is read here; it has no effect`);
}

function report(severity: 'error' | 'warning', code: string, message: string): KindVerdict {
  return { verdict: 'report', severity, code, message };
}

/** The apiVersion under which a kind is read, when it was declared under another group. */
function groupOf(kind: string): string | undefined {
  for (const [group, entries] of Object.entries(readKinds)) {
    const version = entries.find((known) => known.kind === kind)?.versions[0];
    if (version !== undefined) return group === '' ? version : `${group}/${version}`;
  }
  return undefined;
}
