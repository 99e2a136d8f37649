// Clients and servers that don't agree on mutual TLS: a DestinationRule that speaks plain text, or TLS of its own, to workloads that
// insist on the mesh's; one that insists towards workloads that have none. In: the mesh. Out: findings. Only workloads of the
// primary are judged, since those of other clusters obey policies that are not read.

import type { Endpoint } from '../model/endpoint.ts';
import type { MeshSnapshot } from '../model/mesh-snapshot.ts';
import type { ClientTlsMode, DestinationRulePolicy, MtlsMode, TrafficPolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { mtlsModesOf } from '../mesh/mtls-mode.ts';
import { labelsMatch } from '../mesh/visibility.ts';
import { endpointKinds } from './endpoint-kinds.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* mtlsFindings({ mesh, destinationRules }: MeshFacts): Generator<Problem> {
  for (const rule of destinationRules) {
    const declared = [...tlsModesOf(rule)];
    if (declared.length === 0) continue;
    const servers = serversOf(mesh, rule);
    for (const { field, mode, labels, port } of declared) {
      const own = servers.filter(({ endpoint }) => labelsMatch(labels, endpoint.labels));
      const problem = conflict(rule, { field, mode, modes: own.map((server) => server.modeAt(port)) });
      if (problem !== undefined) yield problem;
    }
  }
}

interface DeclaredMode {
  readonly field: string;
  readonly mode: ClientTlsMode;
  /** Of the subset. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the service; undefined: all. */
  readonly port?: number | undefined;
}

function* tlsModesOf({ trafficPolicy, portPolicies, subsets }: DestinationRulePolicy): Generator<DeclaredMode> {
  yield* modesIn('spec.trafficPolicy', { trafficPolicy, portPolicies, labels: {} });
  for (const [index, subset] of subsets.entries()) {
    const { labels, portPolicies: ports = new Map<number, TrafficPolicy>() } = subset;
    const own = { trafficPolicy: subset.trafficPolicy, portPolicies: ports, labels };
    yield* modesIn(`spec.subsets[${index}].trafficPolicy`, own);
  }
}

function* modesIn(
  path: string,
  part: Pick<DestinationRulePolicy, 'trafficPolicy' | 'portPolicies'> & Pick<DeclaredMode, 'labels'>,
): Generator<DeclaredMode> {
  const { trafficPolicy, portPolicies, labels } = part;
  if (trafficPolicy.tls !== undefined) yield { field: `${path}.tls.mode`, mode: trafficPolicy.tls.mode, labels };
  let index = 0;
  for (const [port, { tls }] of portPolicies) {
    const field = `${path}.portLevelSettings[${index}].tls.mode`;
    if (tls !== undefined) yield { field, mode: tls.mode, labels, port };
    index += 1;
  }
}

interface Server {
  readonly endpoint: Endpoint;
  /** `none`: it has no proxy. */
  readonly modeAt: (port: number | undefined) => MtlsMode | 'none';
}

/** One for each kind of workload behind the host. */
function serversOf(mesh: MeshSnapshot, { host }: DestinationRulePolicy): readonly Server[] {
  const portNames = new Map((mesh.services.get(host)?.ports ?? []).map(({ port, name }) => [port, name]));
  return endpointKinds(mesh.endpoints.get(host) ?? []).flatMap((endpoint) => {
    if (endpoint.clusterId !== mesh.primary) return [];
    const { workload, labels, tlsMode, ports } = endpoint;
    const { defaultMode, portModes } = mtlsModesOf({ namespace: workload.namespace, labels }, mesh);
    const modeAt = (port: number | undefined): MtlsMode | 'none' => {
      if (tlsMode === 'disabled') return 'none';
      const target = port === undefined ? undefined : ports[portNames.get(port) ?? ''];
      return (target === undefined ? undefined : portModes.get(target)) ?? defaultMode;
    };
    return [{ endpoint, modeAt }];
  });
}

function conflict(
  rule: DestinationRulePolicy,
  { field, mode, modes }: { field: string; mode: ClientTlsMode; modes: readonly (MtlsMode | 'none')[] },
): Problem | undefined {
  const code = 'mtls-conflict';
  if (mode !== 'istio-mutual' && modes.includes('strict')) {
    const how = mode === 'disable' ? 'plain text' : 'TLS of its own';
    return finding(rule, {
      code,
      field,
      what: `The rule sends ${how} to ${rule.host}, where a PeerAuthentication takes nothing but mutual TLS of the mesh`,
      so: 'connections to those workloads are closed',
      remedy: 'remove tls, or make the PeerAuthentication PERMISSIVE',
    });
  }
  if (mode !== 'istio-mutual' || modes.length === 0 || modes.some((one) => one !== 'none' && one !== 'disable')) {
    return undefined;
  }
  return finding(rule, {
    code,
    field,
    what: `The rule sends mutual TLS of the mesh to ${rule.host}, whose workloads have no proxy or DISABLE it`,
    so: 'connections to them fail',
    remedy: 'remove tls, which leaves the choice to the mesh, or inject the workloads',
  });
}
