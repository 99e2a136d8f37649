// Destinations of VirtualServices that don't exist: hosts, ports and subsets. In: the mesh. Out: a finding for each destination,
// whether or not a proxy is connected that has the route.

import type { Destination, VirtualServicePolicy, WeightedDestination } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { isVisible } from '../mesh/visibility.ts';
import { finding, type Subject } from './finding.ts';
import { rulesFor, type MeshFacts } from './mesh-facts.ts';

export function* destinationFindings(facts: MeshFacts): Generator<Problem> {
  for (const policy of facts.virtualServices) {
    for (const place of destinationsOf(policy)) {
      const wrong = whatIsWrong(facts, policy.namespace, place.destination);
      if (wrong === undefined) continue;
      const { subject, field, so } = place;
      yield finding(subject, { code: 'unknown-destination', field, so, ...wrong });
    }
  }
}

interface DestinationPlace {
  readonly subject: Subject;
  readonly field: string;
  readonly destination: Destination;
  readonly so: string;
}

function* destinationsOf(policy: VirtualServicePolicy): Generator<DestinationPlace> {
  for (const [index, { destinations, mirrors = [], place }] of policy.http.entries()) {
    const subject = place?.source === undefined ? policy : { source: place.source, origin: place.origin };
    const field = place?.field ?? `spec.http[${index}]`;
    yield* weighted(subject, field, destinations, 'its requests are answered with 503');
    for (const [number, mirror] of mirrors.entries()) {
      const own = mirror.field ?? `mirrors[${number}].destination`;
      yield { subject, field: `${field}.${own}`, destination: mirror.destination, so: 'nothing is copied to it' };
    }
  }
  for (const kind of ['tls', 'tcp'] as const) {
    for (const [index, { destinations }] of policy[kind].entries()) {
      yield* weighted(policy, `spec.${kind}[${index}]`, destinations, 'its connections are closed');
    }
  }
}

function* weighted(
  subject: Subject,
  field: string,
  destinations: readonly WeightedDestination[],
  so: string,
): Generator<DestinationPlace> {
  for (const [number, { destination }] of destinations.entries()) {
    yield { subject, field: `${field}.route[${number}].destination`, destination, so };
  }
}

function whatIsWrong(
  facts: MeshFacts,
  namespace: string,
  { host, port, subset = '' }: Destination,
): { readonly what: string; readonly remedy: string } | undefined {
  const service = facts.serviceOf(host);
  if (service === undefined) {
    return { what: `There is no service ${host}`, remedy: 'correct the name, or declare it in a ServiceEntry' };
  }
  const seen = [service, ...(service.others ?? [])].find((one) => isVisible(one.exportTo, one.namespace, namespace));
  if (seen === undefined) {
    const remedy = `add ${namespace} to its exportTo`;
    return { what: `Service ${host} is not exported to namespace ${namespace}`, remedy };
  }
  if (port !== undefined && !seen.ports.some((one) => one.port === port)) {
    return { what: `Service ${host} has no port ${port}`, remedy: `name one of ${numbersOf(seen.ports)}` };
  }
  if (subset === '') return undefined;
  const rules = rulesFor(facts, host, { client: namespace, service: seen.namespace });
  const names = rules.flatMap(({ subsets }) => subsets.map(({ name }) => name));
  if (names.includes(subset)) return undefined;
  const known = names.length === 0 ? '' : ` (it has ${names.join(', ')})`;
  return {
    what: `Host ${host} has no subset ${subset}${known}`,
    remedy: 'declare it in a DestinationRule for the host',
  };
}

function numbersOf(ports: readonly { readonly port: number }[]): string {
  return ports.length === 0 ? 'its ports (it has none)' : ports.map(({ port }) => String(port)).join(', ');
}
