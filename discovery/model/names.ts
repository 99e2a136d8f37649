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

/** Names one object in one cluster: `KIND/NAMESPACE/NAME` (namespace empty when cluster-scoped). */
export type ObjectKey = Branded<string, 'ObjectKey'>;
export const objectKey = (kind: string, namespace: string, name: string): ObjectKey =>
  asBranded<ObjectKey>(`${kind}/${namespace}/${name}`);
