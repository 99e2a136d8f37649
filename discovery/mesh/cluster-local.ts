// Which hosts stay inside their cluster. MeshConfig decides by its longest matching pattern; else Istio's built-in list does:
// kube-system, the API server, and the control plane itself.

import type { MeshConfig } from '../model/mesh-config.ts';
import type { Hostname } from '../model/names.ts';

export function isClusterLocal(host: Hostname, config: MeshConfig): boolean {
  let longest: MeshConfig['clusterLocalHosts'][number] | undefined;
  for (const entry of config.clusterLocalHosts) {
    if (matches(entry.host, host) && entry.host.length > (longest?.host.length ?? -1)) longest = entry;
  }
  return longest?.clusterLocal ?? isBuiltIn(host, config);
}

function isBuiltIn(host: string, { domain, systemNamespace }: MeshConfig): boolean {
  return (
    host.endsWith(`.kube-system.svc.${domain}`) ||
    host === `kubernetes.default.svc.${domain}` ||
    host === `istiod.${systemNamespace}.svc.${domain}`
  );
}

function matches(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*') ? host.endsWith(pattern.slice(1)) : pattern === host;
}
