// Who may answer for a host. In: endpoints. Out: the SPIFFE ids of the workloads behind them.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';

/** Sorted, each once. One that ends in `/` stands for every account of a namespace. */
export function identitiesOf(
  endpoints: readonly Endpoint[],
  { trustDomain, trustDomainAliases }: Pick<MeshConfig, 'trustDomain' | 'trustDomainAliases'>,
): readonly string[] {
  const accounts = new Set<string>();
  for (const { tlsMode, workload } of endpoints) {
    if (tlsMode !== 'istio') continue;
    // A remote may be read without its pods: then the namespace is known, which is the same in all clusters, not the account.
    accounts.add(`ns/${workload.namespace}/sa/${workload.serviceAccount}`);
  }
  return [...new Set([trustDomain, ...trustDomainAliases])]
    .flatMap((domain) => [...accounts].map((account) => `spiffe://${domain}/${account}`))
    .toSorted((a, b) => compareText(a, b));
}
