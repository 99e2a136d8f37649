// The hosts that VirtualServices send to which a Sidecar imports: the proxy must know them to follow the routes, whether the Sidecar
// names them or not. In: a mesh, a scope. Out: hosts; the last answer for a scope is kept while its policies stay the same.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { VirtualServicePolicy } from '../../discovery/model/policy.ts';
import type { OutboundScope } from './scope.ts';

type Seen = (policy: VirtualServicePolicy) => boolean;

interface Answer {
  readonly virtualServices: MeshSnapshot['policies']['virtualServices'];
  readonly wildcards: MeshSnapshot['policies']['wildcardVirtualServices'];
  readonly config: MeshSnapshot['config'];
  readonly hosts: ReadonlySet<Hostname>;
}

const answers = new WeakMap<OutboundScope, Answer>();

/** `seen`: whether the proxy follows the VirtualService; it depends on the scope and the mesh's configuration alone. */
export function routedHosts(
  scope: OutboundScope,
  { policies, config }: MeshSnapshot,
  seen: Seen,
): ReadonlySet<Hostname> {
  const { virtualServices, wildcardVirtualServices: wildcards } = policies;
  const known = answers.get(scope);
  if (known?.virtualServices === virtualServices && known.wildcards === wildcards && known.config === config) {
    return known.hosts;
  }
  const hosts = new Set<Hostname>();
  for (const list of [...virtualServices.values(), wildcards]) {
    for (const policy of list) if (seen(policy)) for (const host of destinationsOf(policy)) hosts.add(host);
  }
  answers.set(scope, { virtualServices, wildcards, config, hosts });
  return hosts;
}

function* destinationsOf({ http, tcp, tls }: VirtualServicePolicy): Generator<Hostname> {
  for (const { destinations, mirrors = [] } of http) {
    for (const { destination } of [...destinations, ...mirrors]) yield destination.host;
  }
  for (const { destinations } of [...tcp, ...tls]) for (const { destination } of destinations) yield destination.host;
}
