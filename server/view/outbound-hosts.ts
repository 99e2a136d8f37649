// The hosts that one class of proxies may be asked for: services that it knows, and names that VirtualServices and Gateways give.

import type { PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { GatewayPolicy } from '../../discovery/model/policy.ts';
import { serverHosts } from './server-hosts.ts';

/** What the hosts of a client come from. */
export interface HostSources {
  readonly services: Iterable<Hostname>;
  /** Undefined: a sidecar, which is bound to `mesh`. Else the Gateways that select a router. */
  readonly gateways: readonly GatewayPolicy[] | undefined;
  readonly policies: PolicyIndex;
}

/** Each host once, sorted. */
export function outboundHosts({ services, gateways, policies }: HostSources): readonly Hostname[] {
  const hosts = new Set(services);
  for (const host of serverHosts(gateways ?? [])) hosts.add(host);
  const names = gateways?.map(({ namespace, name }) => `${namespace}/${name}`) ?? ['mesh'];
  const lists = names.length === 0 ? [] : [...policies.virtualServices.values(), policies.wildcardVirtualServices];
  for (const policy of lists.flat()) {
    if (!policy.gateways.some((gateway) => names.includes(gateway))) continue;
    // To sidecars a pattern is for the services that it covers.
    for (const host of policy.hosts) if (gateways !== undefined || !host.startsWith('*')) hosts.add(host);
  }
  return [...hosts].toSorted((a, b) => compareText(a, b));
}
