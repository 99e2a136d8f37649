// Kubernetes objects for tests: manifests as a user writes them, and the same read into objects.

import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { parseObject } from '../../discovery/source/object-schema.ts';

export type Manifest = Readonly<Record<string, unknown>>;
type Labels = Readonly<Record<string, string>>;

/** The manifest as a source hands it on. Throws when it is not valid. */
export function objectOf(manifest: Manifest): KubernetesObject {
  const parsed = parseObject(manifest, 'primary');
  if (parsed === undefined || Array.isArray(parsed)) throw new Error(`not an object: ${JSON.stringify(parsed)}`);
  return parsed;
}

export interface ManifestOptions {
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly createdAt?: string;
}

function metadata(name: string, options: ManifestOptions): Manifest {
  return {
    name,
    namespace: options.namespace ?? 'sample',
    labels: options.labels ?? {},
    annotations: options.annotations ?? {},
    ...(options.createdAt === undefined ? {} : { creationTimestamp: options.createdAt }),
  };
}

export function serviceManifest(name: string, spec: Manifest = {}, options: ManifestOptions = {}): Manifest {
  const defaults = { selector: { app: name }, ports: [{ name: 'http', port: 80 }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(name, options), spec: { ...defaults, ...spec } };
}

export function podManifest(name: string, address: string, app: string, options: ManifestOptions = {}): Manifest {
  const labels = { app, 'security.istio.io/tlsMode': 'istio', ...options.labels };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name, { ...options, labels }),
    spec: { serviceAccountName: app, containers: [{ name: 'app', ports: [{ name: 'web', containerPort: 8080 }] }] },
    status: { podIP: address },
  };
}

export function sliceManifest(
  name: string,
  service: string,
  addresses: readonly string[],
  extra: { readonly ports?: readonly Manifest[]; readonly conditions?: Manifest; readonly namespace?: string } = {},
): Manifest {
  const labels = { 'kubernetes.io/service-name': service };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(name, { labels, ...(extra.namespace === undefined ? {} : { namespace: extra.namespace }) }),
    addressType: 'IPv4',
    ports: extra.ports ?? [{ name: 'http', port: 8080 }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: extra.conditions ?? {} })),
  };
}

export function namespaceManifest(name: string, labels: Labels = {}): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function nodeManifest(name: string, labels: Labels, status: Manifest = {}): Manifest {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, status };
}

const securityKinds = new Set(['PeerAuthentication', 'RequestAuthentication', 'AuthorizationPolicy']);

export function policyManifest(kind: string, name: string, spec: unknown, options: ManifestOptions = {}): Manifest {
  const group = securityKinds.has(kind) ? 'security.istio.io' : 'networking.istio.io';
  const version = kind === 'EnvoyFilter' ? 'v1alpha3' : 'v1';
  return { apiVersion: `${group}/${version}`, kind, metadata: metadata(name, options), spec };
}
