// Answers "why does (or doesn't) this workload reach that host": pure, from the mesh, the clusters' states and a proxy.

import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import { formatLocality } from '../../discovery/model/locality.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ClusterId } from '../../discovery/model/names.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import { routeName, virtualHostName } from '../generate/names.ts';
import { buildOutboundView, type OutboundView } from '../view/outbound-view.ts';
import { viewKeysOf } from '../view/view-key.ts';
import { explainRoutes, isUsable } from './explain-routes.ts';
import { findService, nearMisses } from './host-endpoints.ts';
import type { WhyCluster, WhyPort, WhyReport, WhyRoute, WhyService, WhySource, WhyTarget } from './why-report.ts';
import type { WhyAsker } from './why-source.ts';

export interface WhyQuestion {
  readonly mesh: MeshSnapshot;
  readonly clusters: readonly ClusterStatus[];
  readonly source: WhyAsker;
  readonly target: AskedTarget;
}

export interface AskedTarget {
  readonly host: string;
  readonly port?: number | undefined;
}

/** Reads `HOST` or `HOST:PORT`; undefined when it is neither. */
export function parseTarget(text: string): AskedTarget | undefined {
  const [, host, port] = /^([a-z0-9*][-a-z0-9_.*]{0,252})(?::(\d{1,5}))?$/i.exec(text.trim()) ?? [];
  if (host === undefined) return undefined;
  if (port === undefined) return { host };
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? { host, port: number } : undefined;
}

/** Never throws for what was asked; what does not exist is in the verdict. */
export function explain(question: WhyQuestion): WhyReport {
  const { mesh, source, target } = question;
  const service = findService(mesh, target.host, source.proxy.namespace);
  if (service === undefined) return unknownHost(question);
  const asked = { ...targetOf(target), host: service.host };
  const scope = viewKeysOf(source.proxy, mesh).outboundScope;
  const view = buildOutboundView(scope, mesh);
  const known = { from: sourceOf(source), to: asked, suggestions: [], service: serviceOf(service, question, view) };
  if (view.service(service.host) === undefined) {
    return { ...known, verdict: 'not-visible', summary: invisibleBecause(service, source), ports: [] };
  }
  const ports = service.ports.filter(({ port }) => target.port === undefined || port === target.port);
  if (ports.length === 0) {
    return { ...known, verdict: 'unknown-port', summary: withoutPort(service, target), ports: [] };
  }
  const explained = ports.map((port) => explainPort(port, service, { question, view }));
  const open = explained.filter((port) => port.routes.some(canTake));
  if (open.length === 0) {
    return { ...known, verdict: 'no-endpoints', summary: nowhere(explained, service, question), ports: explained };
  }
  return { ...known, verdict: 'reachable', summary: reached(open, service), ports: explained };
}

interface PortContext {
  readonly question: WhyQuestion;
  readonly view: OutboundView;
}

function explainPort(port: ServicePort, service: MeshService, { question, view }: PortContext): WhyPort {
  const http = isHttp(port.protocol);
  const virtualService = http ? view.virtualService(service.host) : undefined;
  const routes = explainRoutes({
    mesh: question.mesh,
    scope: view.scope,
    proxy: question.source.proxy,
    service,
    port,
    virtualService,
  });
  return {
    port: port.port,
    name: port.name,
    protocol: port.protocol,
    ...(http ? { virtualHost: virtualHostName(routeName(port.port), service.host, port.port) } : {}),
    ...(virtualService === undefined ? {} : { virtualService: virtualService.source }),
    routes,
  };
}

function canTake(route: WhyRoute): boolean {
  return route.skipped === undefined && (route.action !== undefined || route.destinations.some(isUsable));
}

function sourceOf({ proxy, connected }: WhyAsker): WhySource {
  return {
    proxy: `${proxy.name}.${proxy.namespace}`,
    connected,
    clusterId: proxy.clusterId,
    network: proxy.network,
    locality: formatLocality(proxy.locality),
  };
}

function targetOf({ host, port }: AskedTarget): WhyTarget {
  return { asked: port === undefined ? host : `${host}:${String(port)}`, ...(port === undefined ? {} : { port }) };
}

function stalePolicyOf(clusterId: ClusterId, mesh: MeshSnapshot): WhyCluster['policy'] {
  if (mesh.droppedClusters.has(clusterId)) return 'dropped';
  return mesh.degradedClusters.has(clusterId) ? 'degraded' : undefined;
}

function serviceOf(service: MeshService, { clusters, mesh }: WhyQuestion, view: OutboundView): WhyService {
  return {
    host: service.host,
    kind: service.kind,
    ...(service.externalName === undefined ? {} : { externalName: service.externalName }),
    clusterLocal: service.clusterLocal,
    ...addressesFrom(view, service),
    clusters: service.clusters.map((clusterId) => {
      const status = clusters.find((cluster) => cluster.clusterId === clusterId);
      const policy = stalePolicyOf(clusterId, mesh);
      return {
        clusterId,
        phase: status?.phase,
        staleSince: status?.staleSince,
        ...(policy === undefined ? {} : { policy }),
      };
    }),
    ports: service.ports.map(({ name, port, protocol }) => ({ name, port, protocol })),
    conflicts: service.conflicts,
  };
}

function addressesFrom(view: OutboundView, { host }: MeshService): Pick<WhyService, 'addresses' | 'addressedBy'> {
  const seen = view.service(host);
  const pods = seen?.kind === 'headless' ? new Set(view.namedEndpoints(host).map(({ address }) => address)) : noPods;
  if (pods.size > 0) return { addresses: [...pods].toSorted(compareText), addressedBy: 'pods' };
  const addresses = view.virtualAddresses(host);
  if (addresses.length === 0) return { addresses, addressedBy: 'nothing' };
  const own = seen?.addresses.get(view.scope.clusterId) ?? [];
  return { addresses, addressedBy: own.length > 0 ? 'virtual-ip' : 'allocated' };
}

const noPods: ReadonlySet<string> = new Set();

function unknownHost({ mesh, clusters, source, target }: WhyQuestion): WhyReport {
  const suggestions = nearMisses(mesh, target.host);
  const unheard = clusters.filter(({ phase }) => phase !== 'running').map(({ clusterId }) => clusterId);
  const summary = [
    `No cluster declares a service ${target.host}.`,
    suggestions.length === 0 ? '' : `Close: ${suggestions.join(', ')}.`,
    unheard.length === 0 ? '' : `Not heard completely: ${unheard.join(', ')}.`,
    mesh.config.outboundTrafficPolicy === 'allow-any'
      ? 'Requests pass through to wherever its name resolves (outboundTrafficPolicy ALLOW_ANY).'
      : 'Requests are refused (outboundTrafficPolicy REGISTRY_ONLY).',
  ];
  return {
    from: sourceOf(source),
    to: targetOf(target),
    verdict: 'unknown-host',
    summary: summary.filter((sentence) => sentence !== '').join(' '),
    suggestions,
    ports: [],
  };
}

function invisibleBecause(service: MeshService, { proxy }: WhyAsker): string {
  if (service.clusterLocal && !service.clusters.includes(proxy.clusterId)) {
    return `${service.host} is cluster-local and ${proxy.clusterId} has none; it exists in ${service.clusters.join(', ')}.`;
  }
  return `${service.host} is exported to ${service.exportTo.join(', ')}, which leaves out namespace ${proxy.namespace}.`;
}

function withoutPort(service: MeshService, { port }: AskedTarget): string {
  const ports = service.ports.map((one) => `${String(one.port)} (${one.protocol})`);
  const has = ports.length === 0 ? 'no port' : `ports ${ports.join(', ')}`;
  return `${service.host} has no port ${String(port)} in any cluster; it has ${has}.`;
}

function nowhere(ports: readonly WhyPort[], service: MeshService, question: WhyQuestion): string {
  const destinations = ports.flatMap((port) => port.routes.flatMap((route) => route.destinations));
  const problem = destinations.find((one) => one.problem !== undefined && one.endpoints.length === 0)?.problem;
  const [group] = destinations.flatMap((one) => one.endpoints);
  if (group !== undefined) {
    return `Nothing behind ${service.host} can be used from here: ${group.clusterId}: ${group.explanation}.`;
  }
  if (problem !== undefined && problem !== 'no endpoint can be used') return `${service.host}: ${problem}.`;
  const dropped = service.clusters.filter((clusterId) => question.mesh.droppedClusters.has(clusterId));
  const why =
    dropped.length === 0
      ? ''
      : ` The endpoints of ${dropped.join(', ')} were dropped (--stale-policy drop): it was not heard for too long.`;
  return `${service.host} has no endpoint in any cluster that declares it (${service.clusters.join(', ')}).${why}`;
}

function reached(ports: readonly WhyPort[], service: MeshService): string {
  if (service.externalName !== undefined) return `${service.host} stands for the DNS name ${service.externalName}.`;
  const sentences = ports.map((port) => {
    const route = port.routes.find(canTake);
    if (route?.action !== undefined) return `port ${String(port.port)}: a route ${route.action}`;
    const shares = (route?.shares ?? []).map(({ clusterId, percent }) => `${String(percent)} % to ${clusterId}`);
    const others = port.routes.filter(canTake).length - 1;
    const more = others > 0 ? ` by the first of ${String(others + 1)} routes` : '';
    return `port ${String(port.port)}: ${shares.join(', ')}${more}`;
  });
  return `${service.host} is reachable; ${sentences.join('; ')}.`;
}
