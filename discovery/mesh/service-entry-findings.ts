// ServiceEntries that are not in force for one of their hosts: a Service has it, or an older ServiceEntry of the same namespace. In: what
// the primary's ServiceEntries declare, and the mesh. Out: findings.

import type { ClusterSnapshot } from '../model/cluster-snapshot.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { Hostname } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import type { ServiceEntryHost } from '../model/service-entry-host.ts';
import type { MeshService } from '../model/service.ts';
import { inForce } from './merge-service-entries.ts';

export function* serviceEntryFindings(
  declared: ClusterSnapshot['serviceEntries'],
  { services }: Pick<MeshSnapshot, 'services'>,
): Generator<Problem> {
  for (const [host, entries] of declared ?? []) {
    const service = services.get(host);
    if (service !== undefined && service.entry === undefined) {
      for (const entry of entries) yield hiddenByService(host, entry, service);
    } else if (entries.length > 1) {
      const winners = inForce(entries);
      for (const entry of entries) {
        const winner = winners.find((one) => one.service.namespace === entry.service.namespace);
        if (winner !== undefined && winner !== entry) yield hiddenByEntry(host, entry, winner);
      }
    }
  }
}

function hiddenByService(host: Hostname, entry: ServiceEntryHost, service: MeshService): Problem {
  const message =
    `${host} is the Service ${service.namespace}/${service.name} of ${service.clusters.join(', ')}, which holds, so this ` +
    `ServiceEntry has no effect for that host; remove the host, or give it another name.`;
  return finding(entry, message);
}

function hiddenByEntry(host: Hostname, entry: ServiceEntryHost, winner: ServiceEntryHost): Problem {
  const message =
    `${winner.service.entry?.source ?? ''} is older and declares ${host} in the same namespace, so this ServiceEntry has ` +
    `no effect for that host; put both into one.`;
  return finding(entry, message);
}

function finding({ service, origin }: ServiceEntryHost, message: string): Problem {
  return {
    severity: 'warning',
    code: 'conflicting-host',
    object: service.entry?.source,
    field: 'spec.hosts',
    ...(origin === undefined ? {} : { origin }),
    message,
  };
}
