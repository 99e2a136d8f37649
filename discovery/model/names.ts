// The identifiers of discovery: Kubernetes clusters, networks, service hosts and objects.

import { asBranded, type Branded } from './brand.ts';

/** Name of a Kubernetes cluster in the mesh, e.g. `cluster-1`. */
export type ClusterId = Branded<string, 'ClusterId'>;
export const clusterId = (name: string): ClusterId => asBranded<ClusterId>(name);

/** A logical network: endpoints on the same one reach each other without a gateway. Empty: the unnamed default network. */
export type NetworkId = Branded<string, 'NetworkId'>;
export const networkId = (name: string): NetworkId => asBranded<NetworkId>(name);

/** Fully qualified lower-case name of a service, e.g. `helloworld.default.svc.cluster.local`; may be a wildcard in policies. */
export type Hostname = Branded<string, 'Hostname'>;
export const hostname = (name: string): Hostname => asBranded<Hostname>(name.toLowerCase());

/** Host of a Kubernetes Service under a DNS domain such as `cluster.local`. */
export function serviceHostname(name: string, namespace: string, domain: string): Hostname {
  return hostname(`${name}.${namespace}.svc.${domain}`);
}

/**
 * Names one object in one cluster: `KIND/NAMESPACE/NAME` (namespace empty when cluster-scoped). The kind is one of `kindName`'s,
 * so that equal kinds of two API groups stay apart.
 */
export type ObjectKey = Branded<string, 'ObjectKey'>;
export const objectKey = (kind: string, namespace: string, name: string): ObjectKey =>
  asBranded<ObjectKey>(`${kind}/${namespace}/${name}`);

/** Kubernetes' own groups and Istio's: no two of them have a kind of one name. */
const plainGroups: ReadonlySet<string> = new Set([
  '',
  'discovery.k8s.io',
  'networking.istio.io',
  'security.istio.io',
  'telemetry.istio.io',
  'extensions.istio.io',
]);

/** A kind as keys have it: `Service`, and with its group where another group may have one of that name, as kubectl writes it. */
export function kindName(group: string, kind: string): string {
  return plainGroups.has(group) ? kind : `${kind}.${group}`;
}

/** The group of `GROUP/VERSION`; empty for `v1`. */
export function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
}

export interface ParsedObjectKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What a key was made of. */
export function parseObjectKey(key: ObjectKey): ParsedObjectKey {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  return { kind, namespace, name };
}
