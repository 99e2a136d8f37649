// Sorts the endpoints behind one destination by what becomes of them. The decision itself is the view's: each endpoint is
// put to it alone (of those that differ in nothing but address and name, one) and the answer is read off.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { ServicePort } from '../../discovery/model/service.ts';
import { bracketed } from '../generate/names.ts';
import type { NetworkView } from '../view/network-view.ts';
import { buildOutboundView, type EndpointSelection } from '../view/outbound-view.ts';
import type { OutboundScope } from '../view/scope.ts';
import { labelsMatch } from '../view/visibility.ts';
import { roundPercent, type LeftOut, type WhyEndpoints } from './why-report.ts';

export interface EndpointsQuestion {
  readonly mesh: MeshSnapshot;
  readonly scope: OutboundScope;
  readonly host: Hostname;
  readonly port: ServicePort;
  readonly selection: EndpointSelection;
}

interface Fate {
  readonly outcome: WhyEndpoints['outcome'];
  readonly gateways: readonly string[];
}

/** Endpoints that meet the same fate. */
interface Group {
  readonly fate: Fate;
  /** When they are used; undefined for those that are not. */
  readonly priority: number | undefined;
  readonly members: Endpoint[];
}

/** What the view makes of an address: of an endpoint, or of a gateway. */
interface Place {
  readonly priority: number;
  readonly weight: number;
}

interface Places {
  readonly endpoints: ReadonlyMap<Endpoint, Place>;
  /** By socket. */
  readonly gateways: ReadonlyMap<string, Place>;
}

export interface ExplainedEndpoints {
  readonly groups: readonly WhyEndpoints[];
  /** Those that get requests while nothing fails. */
  readonly used: readonly UsedEndpoint[];
}

export interface UsedEndpoint {
  readonly endpoint: Endpoint;
  /** Of the requests to the destination. */
  readonly percent: number;
}

const maxAddresses = 5;

/** Groups of endpoints that share cluster, network and fate: used ones first, then by cluster and network. */
export function explainEndpoints(question: EndpointsQuestion): ExplainedEndpoints {
  const { mesh, scope, host, port, selection } = question;
  const endpoints = mesh.endpoints.get(host) ?? [];
  const places = placesIn(buildOutboundView(scope, mesh).endpointsFor(host, port, selection));
  const fates = new Map<string, Fate>();
  const groups = new Map<string, Group>();
  for (const endpoint of endpoints) {
    const kind = kindOf(endpoint);
    const alone = fates.get(kind) ?? fateOf(endpoint, question);
    fates.set(kind, alone);
    const unused = alone.outcome === 'direct' && !places.endpoints.has(endpoint);
    const fate = unused ? leftOut('duplicate-address') : alone;
    const priority = priorityOf(endpoint, fate, places);
    const key = JSON.stringify([endpoint.clusterId, endpoint.network, fate.outcome, fate.gateways, priority]);
    const group = groups.get(key) ?? { fate, priority, members: [] };
    group.members.push(endpoint);
    groups.set(key, group);
  }
  const all = [...groups.values()];
  const first = all.filter((group) => !isDegraded(group, mesh) && weightOf(group) > 0);
  const weights = firstWeights(first.length === 0 ? all : first, places);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const percentOf = (group: Group): number => (total === 0 ? 0 : (100 * (weights.get(group) ?? 0)) / total);
  const described = all.flatMap((group) => describe(group, question, percentOf(group))).toSorted(compareGroups);
  return { groups: described, used: [...weights.keys()].flatMap((group) => usedOf(group, percentOf(group), places)) };
}

/** What each of a group gets: by the weights that the proxy is told, behind a gateway by their own. */
function usedOf({ members }: Group, percent: number, { endpoints }: Places): readonly UsedEndpoint[] {
  const weighed = members.map((endpoint) => ({
    endpoint,
    weight: endpoints.get(endpoint)?.weight ?? endpoint.weight,
  }));
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0);
  return weighed.map(({ endpoint, weight }) => ({ endpoint, percent: total === 0 ? 0 : (percent * weight) / total }));
}

/** What each group gets of the traffic while nothing fails, as weights. A gateway's is shared by those that stand behind it. */
function firstWeights(groups: readonly Group[], { endpoints, gateways }: Places): ReadonlyMap<Group, number> {
  const least = Math.min(...groups.flatMap(({ priority }) => priority ?? []));
  const behind = new Map<string, number>();
  const taking = groups.filter((group) => group.priority === least && weightOf(group) > 0);
  for (const group of taking) {
    for (const name of group.fate.gateways) behind.set(name, (behind.get(name) ?? 0) + weightOf(group));
  }
  return new Map(
    taking.map((group) => {
      const direct = group.fate.outcome === 'direct' ? group.members : [];
      const ofEndpoints = direct.reduce((sum, endpoint) => sum + (endpoints.get(endpoint)?.weight ?? 0), 0);
      const ofGateways = group.fate.gateways.reduce((sum, name) => {
        const part = weightOf(group) / (behind.get(name) ?? 1);
        return sum + part * (gateways.get(name)?.weight ?? 0);
      }, 0);
      return [group, ofEndpoints + ofGateways];
    }),
  );
}

function priorityOf(endpoint: Endpoint, { outcome, gateways }: Fate, places: Places): number | undefined {
  if (outcome === 'direct') return places.endpoints.get(endpoint)?.priority;
  const priorities = gateways.flatMap((name) => places.gateways.get(name)?.priority ?? []);
  return priorities.length === 0 ? undefined : Math.min(...priorities);
}

/** Everything that may decide an endpoint's fate on its own. */
function kindOf({ address: _address, hostname: _hostname, workload: _workload, ...rest }: Endpoint): string {
  return JSON.stringify(rest);
}

function fateOf(endpoint: Endpoint, question: EndpointsQuestion): Fate {
  const { mesh, scope, host, port, selection } = question;
  if (!labelsMatch(selection.labels, endpoint.labels)) return leftOut('not-in-subset');
  const alone = { ...mesh, endpoints: mesh.endpoints.with([[host, [endpoint]]]) };
  const view = buildOutboundView(scope, alone).endpointsFor(host, port, selection);
  const [dropped] = view.dropped;
  if (dropped !== undefined) return leftOut(dropped.reason);
  const reached = view.groups.flatMap((group) => group.endpoints);
  const gateways = reached.flatMap((one) => (one.kind === 'gateway' ? [socket(one.gateway)] : []));
  if (gateways.length > 0) return { outcome: 'gateway', gateways };
  return endpoint.health === 'draining' ? leftOut('draining') : { outcome: 'direct', gateways: [] };
}

function leftOut(outcome: LeftOut): Fate {
  return { outcome, gateways: [] };
}

function placesIn(view: NetworkView): Places {
  const endpoints = new Map<Endpoint, Place>();
  const gateways = new Map<string, Place>();
  for (const { priority, endpoints: reached } of view.groups) {
    for (const one of reached) {
      const place = { priority, weight: one.weight };
      if (one.kind === 'direct') endpoints.set(one.endpoint, place);
      else gateways.set(socket(one.gateway), place);
    }
  }
  return { endpoints, gateways };
}

function isDegraded({ members }: Group, mesh: MeshSnapshot): boolean {
  return members.some(({ clusterId }) => mesh.degradedClusters.has(clusterId));
}

function weightOf({ fate, members }: Group): number {
  if (fate.outcome !== 'direct' && fate.outcome !== 'gateway') return 0;
  return members.reduce((sum, endpoint) => sum + endpoint.weight, 0);
}

function describe(group: Group, question: EndpointsQuestion, percent: number): readonly WhyEndpoints[] {
  const { fate, members } = group;
  const [first] = members;
  if (first === undefined) return [];
  return [
    {
      clusterId: first.clusterId,
      network: first.network,
      outcome: fate.outcome,
      explanation: `${explanationOf(fate, first, question)}${reserveText(group, question, percent === 0)}`,
      count: members.length,
      addresses: members.slice(0, maxAddresses).map(({ address }) => address),
      gateways: fate.gateways,
      percent: roundPercent(percent),
      ...(group.priority === undefined || weightOf(group) === 0 ? {} : { tier: group.priority }),
    },
  ];
}

/** Why endpoints that could be used are not used first, or are although their cluster is not heard. */
function reserveText(group: Group, { mesh }: EndpointsQuestion, isReserve: boolean): string {
  if (weightOf(group) === 0) return '';
  if (!isDegraded(group, mesh)) return isReserve ? '; but only when those that locality settings prefer fail' : '';
  const { clusterId = '' } = group.members[0] ?? {};
  const cause = `; ${clusterId} was not heard for too long`;
  return isReserve ? `${cause}: used only when no others are left` : `${cause}, but no others are left`;
}

function explanationOf({ outcome, gateways }: Fate, endpoint: Endpoint, question: EndpointsQuestion): string {
  const { scope, port } = question;
  const network = nameOf(endpoint.network);
  switch (outcome) {
    case 'direct':
      return `on the same network (${network}), used directly`;
    case 'gateway':
      return `on ${network}, reached through ${gateways.length === 1 ? 'its gateway' : 'its gateways'} ${gateways.join(', ')} over mutual TLS${withoutDead(deadGateways(endpoint, question))}`;
    case 'no-gateway':
      if (deadGateways(endpoint, question) !== '') {
        return (
          `on ${network}, and no gateway of it answers any more (${deadGateways(endpoint, question)}): ` +
          'restore one; a raw address never crosses networks'
        );
      }
      return (
        `on ${network}, for which no gateway is known: label its east-west gateway Service with ` +
        `topology.istio.io/network=${endpoint.network} and give it an address; a raw address never crosses networks`
      );
    case 'no-mtls-across-networks':
      return withoutMtls(network, question.selection.reach);
    case 'not-ready':
      return endpoint.health === 'draining' ? 'draining, so a gateway gets no new connections for it' : 'not ready';
    case 'draining':
      return 'draining: it finishes what it has and gets nothing new';
    case 'cluster-local':
      return `the service is cluster-local, and this endpoint is in ${endpoint.clusterId}, not in ${scope.clusterId}`;
    case 'network-not-requested':
      return `the proxy asked only for networks ${scope.requestedNetworks.map(nameOf).join(', ') || nameOf(scope.network)}`;
    case 'port-not-served':
      return `serves no port named ${port.name === '' ? '(unnamed)' : port.name}; it has ${portNames(endpoint)}`;
    case 'no-share':
      return 'locality settings give its place no traffic from here, and nothing fails over to it';
    case 'not-in-subset':
      return "its labels don't match the subset";
    case 'duplicate-address':
    default:
      return 'another cluster gives the same address and port on this network, and that one is used';
  }
}

/** Those of the endpoint's network, in words; empty when there are none. */
function deadGateways({ network }: Endpoint, { mesh }: EndpointsQuestion): string {
  return (mesh.deadGateways.get(network) ?? []).map(socket).join(', ');
}

function withoutDead(sockets: string): string {
  return sockets === '' ? '' : `, without ${sockets}, which does not answer any more`;
}

function withoutMtls(network: string, reach: EndpointSelection['reach']): string {
  if (reach === 'direct-mtls') return 'has no sidecar, so a passed-through connection has no mutual TLS to end at it';
  if (reach === 'direct') {
    return `on ${network}, and its gateway passes on nothing but mutual TLS of the mesh, which is turned off for this destination`;
  }
  return `on ${network} and without a sidecar: its gateway passes on nothing but mutual TLS of the mesh`;
}

function portNames(endpoint: Endpoint): string {
  const names = Object.keys(endpoint.ports).map((name) => (name === '' ? '(unnamed)' : name));
  return names.length === 0 ? 'none' : names.join(', ');
}

function nameOf(network: string): string {
  return network === '' ? 'the unnamed network' : network;
}

function socket({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${bracketed(address)}:${String(port)}`;
}

function compareGroups(a: WhyEndpoints, b: WhyEndpoints): number {
  return (
    Number(b.percent > 0) - Number(a.percent > 0) ||
    compareText(a.clusterId, b.clusterId) ||
    compareText(a.network, b.network) ||
    compareText(a.outcome, b.outcome)
  );
}
