// What all checks ask of a mesh, worked out once: services by host, what is in each namespace, and every VirtualService once.

import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { Hostname } from '../model/names.ts';
import type { DestinationRulePolicy, Policy, VirtualServicePolicy } from '../model/policy.ts';
import type { MeshService } from '../model/service.ts';
import type { Workload } from '../model/workload.ts';
import { hostMatches, isVisible } from '../mesh/visibility.ts';

export interface MeshFacts {
  readonly mesh: MeshSnapshot;
  /** In order of precedence, with the routes of delegates in place; delegates themselves are left out. */
  readonly virtualServices: readonly VirtualServicePolicy[];
  readonly destinationRules: readonly DestinationRulePolicy[];
  /** The service of a host, or the declared pattern that covers it. */
  readonly serviceOf: (host: Hostname) => MeshService | undefined;
  /** Of the primary, each once. */
  readonly workloadsIn: (namespace: string) => readonly Workload[];
  readonly allWorkloads: readonly Workload[];
  /** With a service, a workload or a policy. */
  readonly namespaces: ReadonlySet<string>;
}

export function factsOf(mesh: MeshSnapshot): MeshFacts {
  const { policies, services } = mesh;
  const virtualServices = distinct([
    ...[...policies.virtualServices.values()].flat(),
    ...policies.wildcardVirtualServices,
  ]);
  const destinationRules = distinct([
    ...[...policies.destinationRules.values()].flat(),
    ...policies.wildcardDestinationRules,
  ]);
  const patterns = [...services.values()].filter(({ host }) => host.startsWith('*'));
  const workloads = workloadsByNamespace(mesh);
  const namespaces = new Set<string>(workloads.keys());
  for (const { namespace } of services.values()) namespaces.add(namespace);
  for (const policy of declaredPolicies(mesh)) namespaces.add(policy.namespace);
  return {
    mesh,
    virtualServices,
    destinationRules,
    serviceOf: (host) => services.get(host) ?? patterns.find((one) => hostMatches(one.host, host)),
    workloadsIn: (namespace) => workloads.get(namespace) ?? [],
    allWorkloads: [...workloads.values()].flat(),
    namespaces,
  };
}

/** Every policy of the mesh, some more than once. */
function declaredPolicies({ policies }: MeshSnapshot): readonly Policy[] {
  return [
    ...[...policies.virtualServices.values()].flat(),
    ...policies.wildcardVirtualServices,
    ...policies.delegation.delegates.values(),
    ...[...policies.destinationRules.values()].flat(),
    ...policies.wildcardDestinationRules,
    ...policies.peerAuthentications,
    ...policies.authorizationPolicies,
    ...policies.gateways,
    ...policies.requestAuthentications,
    ...policies.telemetries,
    ...policies.proxyConfigs,
    ...policies.sidecars,
    ...policies.envoyFilters,
  ];
}

/** The rules that hold for a host and clients of a namespace: of the first of client's, service's and root namespace with any. */
export function rulesFor(
  { mesh }: MeshFacts,
  host: Hostname,
  { client, service }: { readonly client: string; readonly service: string },
): readonly DestinationRulePolicy[] {
  const { destinationRules, wildcardDestinationRules } = mesh.policies;
  const visible = ({ exportTo, namespace }: DestinationRulePolicy): boolean =>
    isVisible(exportTo, namespace, client) || exportTo.includes('*');
  const exact = (destinationRules.get(host) ?? []).filter(visible);
  const patterns = wildcardDestinationRules.filter((rule) => visible(rule) && hostMatches(rule.host, host));
  for (const namespace of [client, service, mesh.config.rootNamespace]) {
    for (const rules of [exact, patterns]) {
      const own = rules.filter((rule) => rule.namespace === namespace);
      if (own.length > 0) return own;
    }
  }
  return [];
}

function distinct<P extends Policy>(policies: readonly P[]): readonly P[] {
  return [...new Map(policies.map((policy) => [policy.source, policy])).values()];
}

function workloadsByNamespace({ workloads }: MeshSnapshot): ReadonlyMap<string, readonly Workload[]> {
  const found = new Map<string, Workload[]>();
  // One with two addresses is told under each.
  for (const workload of new Set(workloads.values())) {
    const { namespace } = workload.identity;
    const list = found.get(namespace);
    if (list === undefined) found.set(namespace, [workload]);
    else list.push(workload);
  }
  return found;
}
