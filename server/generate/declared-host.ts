// A host that no service has and a VirtualService declares: sidecars route requests for it on port 80, as Istio does.

import { isIP } from 'node:net';
import { hostname, type Hostname } from '../../discovery/model/names.ts';
import { VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { noHostResources, type HostRoutes } from './host-resources.ts';
import { routeName, virtualHostName } from './names.ts';
import { declaredRoutes } from './route.ts';

const port = 80;

/** Nothing for a pattern, for an address, and for what is the short name of a service. */
export function declaredHostRoutes(view: OutboundView, host: Hostname): HostRoutes {
  if (host.startsWith('*')) return noHostResources;
  const [policy] = view.virtualServicesAt(host, 'mesh');
  if (policy === undefined || policy.http.length === 0 || isIP(host) !== 0 || isShortName(view, host))
    return noHostResources;
  const { routes, problems } = declaredRoutes(view, [policy], { port, gateway: 'mesh' });
  const route = routeName(port);
  const name = virtualHostName(route, host, port);
  const message: VirtualHost = { name, domains: [host], routes, includeRequestAttemptCount: true };
  const resource = { type: VirtualHost, name, message, sources: [policy.source] };
  return { virtualHosts: [{ routeName: route, resource }], listeners: [{ kind: 'http', port }], problems };
}

/** Whether the virtual host of a service has this name already, `NAME.NAMESPACE` or `NAME.NAMESPACE.svc`. */
function isShortName(view: OutboundView, host: Hostname): boolean {
  return fullNames(host, view.config.domain).some((full) => view.service(full) !== undefined);
}

/** The services that `host` may be a shorter name of. */
export function fullNames(host: Hostname, domain: string): readonly Hostname[] {
  const [name, namespace, svc, ...rest] = host.split('.');
  if (name === undefined || namespace === undefined || rest.length > 0) return [];
  if (svc !== undefined && svc !== 'svc') return [];
  return [hostname(`${name}.${namespace}.svc.${domain}`)];
}
