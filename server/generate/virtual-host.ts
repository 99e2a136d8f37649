// The virtual host of one service port, and the names under which requests find it.

import type { Problem } from '../../discovery/model/problem.ts';
import { hostname, objectKey, type Hostname, type ObjectKey } from '../../discovery/model/names.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';
import { VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { bracketed, outboundClusterName, podClusterName, routeName, virtualHostName } from './names.ts';
import type { Resource } from './resource.ts';
import { declaredRoutes, plainRoute } from './route.ts';
import { trafficPolicyOf } from './traffic-policy.ts';

export interface ServiceVirtualHost {
  readonly routeName: string;
  readonly resource: Resource<VirtualHost>;
  readonly problems: readonly Problem[];
}

/** What requests to `port` of the service are routed by, in the route configuration of that port. */
export function serviceVirtualHost(view: OutboundView, service: MeshService, port: ServicePort): ServiceVirtualHost {
  const route = routeName(port.port);
  const name = virtualHostName(route, service.host, port.port);
  const policy = view.virtualService(service.host);
  const declared =
    policy === undefined || policy.http.length === 0
      ? undefined
      : declaredRoutes(view, [policy], { port: port.port, gateway: 'mesh' });
  const cluster = outboundClusterName({ host: service.host, port: port.port, subset: '' });
  const sources: readonly ObjectKey[] = [
    objectKey('Service', service.namespace, service.name),
    ...(policy === undefined ? [] : [policy.source]),
  ];
  const message: VirtualHost = {
    name,
    domains: domainsOf(view, service, port.port),
    routes: declared?.routes ?? [
      plainRoute(cluster, view.config, trafficPolicyOf(view.destinationRule(service.host), port.port, undefined)),
    ],
    includeRequestAttemptCount: true,
  };
  return {
    routeName: route,
    resource: { type: VirtualHost, name, message, sources },
    problems: declared?.problems ?? [],
  };
}

/**
 * The full name, the shorter forms that DNS search paths give it, and its virtual IPs; ports are ignored by the route
 * configuration. No other host of that route configuration has any of them, since Envoy refuses all of it otherwise: a
 * shorter form that is some host's full name is that host's, and a virtual IP belongs to the oldest service that has it.
 */
function domainsOf(view: OutboundView, service: MeshService, port: number): readonly string[] {
  const { host } = service;
  const names = namesOf(view, service);
  const addresses = view.virtualAddresses(host).filter((address) => view.ownerOf(address, port) === host);
  return [...new Set([...names, ...addresses.map((address) => bracketed(address))])];
}

/**
 * Requests that name a pod of a headless service (`web-0.web`) go to that pod, not to any. No policy of the service holds for
 * them.
 */
export function podVirtualHost(
  view: OutboundView,
  service: MeshService,
  port: ServicePort,
): Omit<ServiceVirtualHost, 'problems'> {
  const route = routeName(port.port);
  const name = virtualHostName(route, hostname(`*.${service.host}`), port.port);
  const message: VirtualHost = {
    name,
    domains: namesOf(view, service).map((form) => `*.${form}`),
    routes: [plainRoute(podClusterName(service.host, port.port), view.config)],
    includeRequestAttemptCount: true,
  };
  const sources = [objectKey('Service', service.namespace, service.name)];
  return { routeName: route, resource: { type: VirtualHost, name, message, sources } };
}

function namesOf(view: OutboundView, service: MeshService): readonly string[] {
  const short = shortForms(view, service).filter((form) => view.service(hostname(form)) === undefined);
  return [service.host, ...short];
}

function shortForms(view: OutboundView, { host, name, namespace }: MeshService): readonly string[] {
  const full: Hostname = host;
  if (full !== `${name}.${namespace}.svc.${view.config.domain}`) return [];
  const own = namespace === view.scope.namespace ? [name] : [];
  return [...own, `${name}.${namespace}`, `${name}.${namespace}.svc`];
}
