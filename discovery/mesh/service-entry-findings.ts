// ServiceEntries that are not in force for one of their hosts, or not whole: a Service has it, or an older ServiceEntry of the same namespace
// that they can't be joined with. In: what the primary's ServiceEntries declare, and the mesh. Out: findings.

import type { ClusterSnapshot } from '../model/cluster-snapshot.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { Hostname } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import type { ServiceEntryHost } from '../model/service-entry-host.ts';
import type { MeshService } from '../model/service.ts';
import { mergeByNamespace, type EntryDifference } from './merge-namespace-entries.ts';

export function* serviceEntryFindings(
  declared: ClusterSnapshot['serviceEntries'],
  { services }: Pick<MeshSnapshot, 'services'>,
): Generator<Problem> {
  for (const [host, entries] of declared ?? []) {
    const service = services.get(host);
    if (service !== undefined && service.entry === undefined) {
      for (const entry of entries) yield hiddenByService(host, entry, service);
    } else if (entries.length > 1) {
      for (const { differences } of mergeByNamespace(entries)) {
        for (const difference of differences) yield decidedByOldest(host, difference);
      }
    }
  }
}

function hiddenByService(host: Hostname, entry: ServiceEntryHost, service: MeshService): Problem {
  const message =
    `${host} is the Service ${service.namespace}/${service.name} of ${service.clusters.join(', ')}, which holds, so this ` +
    `ServiceEntry has no effect for that host; remove the host, or give it another name.`;
  return finding(entry, 'spec.hosts', message);
}

function decidedByOldest(host: Hostname, { entry, oldest, field, what, joined }: EntryDifference): Problem {
  const older = `${oldest.service.entry?.source ?? ''} is older and declares ${host} in the same namespace`;
  const message = joined
    ? `${older}: ports and endpoints of both are joined, but ${what} of this ServiceEntry has no effect for that host; make them alike.`
    : `${older} with another ${what}, so this ServiceEntry has no effect for that host; make them alike, or put both into one.`;
  return finding(entry, field, message);
}

function finding({ service, origin }: ServiceEntryHost, field: string, message: string): Problem {
  return {
    severity: 'warning',
    code: 'conflicting-host',
    object: service.entry?.source,
    field,
    ...(origin === undefined ? {} : { origin }),
    message,
  };
}
