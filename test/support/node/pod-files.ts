// Files that a kubelet puts into every container. In: the pod and its address. Out: name in /etc → text.

import type { V1Pod } from '@kubernetes/client-node';
import { clusterDomain } from './cluster-names.ts';

export function podFiles({ metadata, spec }: V1Pod, podIp: string, nameServer: string): ReadonlyMap<string, string> {
  const aliases = (spec?.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip} ${hostnames.join(' ')}`);
  const hosts = ['127.0.0.1 localhost', '::1 localhost', `${podIp} ${spec?.hostname ?? metadata?.name}`, ...aliases];
  const ours = spec?.dnsPolicy !== 'None';
  const searches = ours ? [`${metadata?.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain] : [];
  const { nameservers = [], searches: more = [], options = [] } = spec?.dnsConfig ?? {};
  const all = [
    ...(ours ? ['ndots:5'] : []),
    ...options.map(({ name, value }) => (value === undefined ? name : `${name}:${value}`)),
  ];
  const resolver = [
    ...[...(ours ? [nameServer] : []), ...nameservers].map((address) => `nameserver ${address}`),
    `search ${[...searches, ...more].join(' ')}`,
    `options ${all.join(' ')}`,
  ];
  return new Map([
    ['hosts', `${hosts.join('\n')}\n`],
    ['resolv.conf', `${resolver.join('\n')}\n`],
  ]);
}
