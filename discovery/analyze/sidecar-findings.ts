// Sidecars that name hosts which don't exist. In: the mesh. Out: findings. Only whole names are judged, not patterns.

import { serviceHostname } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* sidecarFindings({ mesh, serviceOf, virtualServices }: MeshFacts): Generator<Problem> {
  const routed = new Set(virtualServices.flatMap(({ hosts }) => hosts));
  for (const policy of mesh.policies.sidecars) {
    for (const [index, { hosts }] of (policy.egress ?? []).entries()) {
      for (const [number, { namespace, host }] of hosts.entries()) {
        if (host.startsWith('*') || namespace === '~' || serviceOf(host) !== undefined || routed.has(host)) continue;
        const isShort = !host.includes('.');
        const meant = serviceHostname(
          host,
          /^[.*]$/.test(namespace) ? policy.namespace : namespace,
          mesh.config.domain,
        );
        yield finding(policy, {
          code: 'unknown-host',
          field: `spec.egress[${index}].hosts[${number}]`,
          what: isShort ? `${host} is not the full name of any host` : `There is no service ${host}`,
          so: 'nothing can be called because of this entry',
          remedy: isShort
            ? `write the full name, as in ${namespace}/${meant}`
            : 'correct the name, or declare the host in a ServiceEntry',
        });
      }
    }
  }
}
