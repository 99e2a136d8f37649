// Answers "why does (or doesn't) this workload reach that host": pure, from the mesh, the clusters' states and a proxy.

import { isIP, isIPv6 } from 'node:net';
import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import { formatLocality } from '../../discovery/model/locality.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { hostname, type ClusterId } from '../../discovery/model/names.ts';
import type { VirtualServicePolicy } from '../../discovery/model/policy.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import { isHttp, type MeshService, type ServicePort } from '../../discovery/model/service.ts';
import { bracketed, routeName, virtualHostName } from '../generate/names.ts';
import { buildOutboundView, type OutboundView } from '../view/outbound-view.ts';
import { viewKeysOf } from '../view/view-key.ts';
import { ownerOfAddress } from './address-owner.ts';
import { explainRoutes } from './explain-routes.ts';
import { invisibleBecause, limitingSidecar } from './explain-visibility.ts';
import type { AskedRequest } from './match-request.ts';
import { findService, nearMisses } from './host-endpoints.ts';
import type { WhyCluster, WhyPort, WhyReport, WhyService, WhySource, WhyTarget } from './why-report.ts';
import type { WhyAsker } from './why-source.ts';
import { beside, isOpen, nowhereText, reachedText, refusedEverywhere } from './why-summary.ts';

export interface WhyQuestion {
  readonly mesh: MeshSnapshot;
  readonly clusters: readonly ClusterStatus[];
  readonly source: WhyAsker;
  readonly target: AskedTarget;
}

export interface AskedTarget extends AskedRequest {
  readonly host: string;
  readonly port?: number | undefined;
}

/** Reads `HOST[:PORT][/PATH]`, an IPv6 address in brackets; undefined when it is no such thing. */
export function parseTarget(text: string): AskedTarget | undefined {
  const [, named, port, path] =
    /^([a-z0-9*][-a-z0-9_.*]{0,252}|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?(\/\S{0,4096})?$/i.exec(text.trim()) ?? [];
  const host = named?.replaceAll(/[[\]]/g, '');
  if (host === undefined || (named?.startsWith('[') === true && !isIPv6(host))) return undefined;
  const request = path === undefined ? {} : { path };
  if (port === undefined) return { host, ...request };
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? { host, port: number, ...request } : undefined;
}

/** Never throws for what was asked; what does not exist is in the verdict. */
export function explain(question: WhyQuestion): WhyReport {
  const { mesh, source, target } = question;
  const scope = viewKeysOf(source.proxy, mesh).outboundScope;
  const view = buildOutboundView(scope, mesh);
  const named = findService(mesh, target.host, source.proxy.namespace);
  const owner =
    named === undefined ? ownerOfAddress({ mesh, view, address: target.host, port: target.port }) : undefined;
  const service = named ?? owner?.service;
  if (service === undefined) return unknownHost(question);
  const asked = { ...targetOf(target), host: service.host, ...(owner === undefined ? {} : { address: target.host }) };
  const known = { from: sourceOf(source), to: asked, suggestions: [], service: serviceOf(service, question, view) };
  if (view.service(service.host) === undefined) {
    const reason = invisibleBecause({ mesh, proxy: source.proxy, service });
    const summary = `${reason} ${passingText(view.outboundTrafficPolicy, question)}`;
    return { ...known, verdict: 'not-visible', summary, ports: [] };
  }
  if (owner?.isElsewhere === true) {
    return { ...known, verdict: 'not-visible', summary: elsewhere(service, question, view), ports: [] };
  }
  const ports = service.ports.filter(({ port }) => target.port === undefined || port === target.port);
  if (ports.length === 0) {
    return { ...known, verdict: 'unknown-port', summary: withoutPort(service, target), ports: [] };
  }
  const explained = ports.map((port) => explainPort(port, service, { question, view }));
  const open = explained.filter(isOpen);
  if (open.length === 0) {
    const summary = `${nowhereText(explained, service, mesh)}${beside(explained)}`;
    return { ...known, verdict: 'no-endpoints', summary, ports: explained };
  }
  const refusal = refusedEverywhere(open);
  if (refusal !== undefined) {
    const summary = `${service.host} can be reached, and refuses this caller: ${refusal}.${beside(open)}`;
    return { ...known, verdict: 'denied', summary, ports: explained };
  }
  return { ...known, verdict: 'reachable', summary: reachedText(open, service), ports: explained };
}

interface PortContext {
  readonly question: WhyQuestion;
  readonly view: OutboundView;
}

function explainPort(port: ServicePort, service: MeshService, { question, view }: PortContext): WhyPort {
  const http = isHttp(port.protocol);
  const { gateway, virtualService } = followed(view, service);
  const { path, method, headers } = question.target;
  const routes = explainRoutes({
    mesh: question.mesh,
    scope: view.scope,
    proxy: question.source.proxy,
    service,
    port,
    virtualService,
    gateway,
    request: {
      ...(path === undefined ? {} : { path }),
      ...(method === undefined ? {} : { method }),
      ...(headers === undefined ? {} : { headers }),
    },
  });
  return {
    port: port.port,
    name: port.name,
    protocol: port.protocol,
    ...(http ? { virtualHost: virtualHostName(routeName(port.port), service.host, port.port) } : {}),
    ...(virtualService === undefined || routes.every(({ place }) => place === undefined)
      ? {}
      : { virtualService: virtualService.source }),
    routes,
  };
}

/** The VirtualService whose routes the proxy follows. A gateway follows those that name one of its Gateways; one that passes on, none. */
function followed(
  view: OutboundView,
  { host }: MeshService,
): { readonly gateway: string; readonly virtualService?: VirtualServicePolicy | undefined } {
  if (view.scope.type !== 'router') return { gateway: 'mesh', virtualService: view.virtualService(host) };
  for (const { namespace, name } of view.gateways()) {
    const gateway = `${namespace}/${name}`;
    const virtualService = view.virtualService(host, gateway);
    if (virtualService !== undefined) return { gateway, virtualService };
  }
  return { gateway: 'mesh' };
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

function targetOf({ host, port, path, method, headers = new Map() }: AskedTarget): WhyTarget {
  const present = [...headers].flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const absent = [...headers].flatMap(([name, value]) => (value === undefined ? [name] : []));
  return {
    asked: `${bracketed(host)}${port === undefined ? '' : `:${String(port)}`}${path ?? ''}`,
    ...(port === undefined ? {} : { port }),
    ...(path === undefined ? {} : { path }),
    ...(method === undefined ? {} : { method }),
    ...(present.length === 0 ? {} : { headers: present }),
    ...(absent.length === 0 ? {} : { withoutHeaders: absent }),
  };
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

/** What becomes of requests for a host that the proxy does not know. */
function passingText(
  policy: OutboundView['outboundTrafficPolicy'],
  { mesh, source }: Pick<WhyQuestion, 'mesh' | 'source'>,
): string {
  const own = limitingSidecar({ mesh, proxy: source.proxy });
  const by = own === undefined || policy === mesh.config.outboundTrafficPolicy ? '' : `, by ${own}`;
  return policy === 'allow-any'
    ? `Requests pass through to wherever its name resolves (outboundTrafficPolicy ALLOW_ANY${by}).`
    : `Requests are refused (outboundTrafficPolicy REGISTRY_ONLY${by}).`;
}

function unknownHost(question: WhyQuestion): WhyReport {
  const { mesh, clusters, source, target } = question;
  const view = buildOutboundView(viewKeysOf(source.proxy, mesh).outboundScope, mesh);
  const routed = view.virtualServicesAt(hostname(target.host.toLowerCase()), 'mesh')[0];
  const suggestions = nearMisses(mesh, target.host);
  const unheard = clusters.filter(({ phase }) => phase !== 'running').map(({ clusterId }) => clusterId);
  const summary = [
    isIP(target.host) === 0
      ? `No cluster declares a service ${target.host}, and no ServiceEntry has it.`
      : `No service has the address ${target.host}, and no ServiceEntry lists it.${podText(mesh, target.host)}`,
    suggestions.length === 0 ? '' : `Close: ${suggestions.join(', ')}.`,
    unheard.length === 0 ? '' : `Not heard completely: ${unheard.join(', ')}.`,
    routed === undefined
      ? passingText(view.outboundTrafficPolicy, question)
      : `${routed.source} has routes for it, which are followed on port 80 alone.`,
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

/** Whose address it is, when it is a pod's. */
function podText({ workloads }: MeshSnapshot, address: string): string {
  const identity = workloads.get(address)?.identity;
  return identity === undefined ? '' : ` It is the address of ${identity.name}.${identity.namespace} itself.`;
}

/** Of an address that a service has in other clusters alone. */
function elsewhere(service: MeshService, question: WhyQuestion, view: OutboundView): string {
  const { target, source } = question;
  const having = [...service.addresses].flatMap(([id, list]) => (list.includes(target.host) ? [id] : []));
  const where =
    having.length === 0
      ? `was allocated to ${service.host} for proxies that know no other address of it, and this one does not use it`
      : `is the address of ${service.host} in ${having.join(', ')} alone`;
  const own = view.virtualAddresses(service.host);
  const here = own.length === 0 ? '' : `; in ${source.proxy.clusterId} it is ${own.join(', ')}`;
  return `${target.host} ${where}${here}. ${passingText(view.outboundTrafficPolicy, question)}`;
}

/** Says which ports there are. */
export function withoutPort(service: MeshService, { port }: AskedTarget): string {
  const ports = service.ports.map((one) => `${String(one.port)} (${one.protocol})`);
  const has = ports.length === 0 ? 'no port' : `ports ${ports.join(', ')}`;
  return `${service.host} has no port ${String(port)} in any cluster; it has ${has}.`;
}
