// Route configurations. A client that speaks delta gets a frame that its virtual hosts are discovered into, one by one; a
// client that does not gets whole ones.

import { RouteConfiguration, type Route, type VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { aggregated } from './config-source.ts';
import { passthroughCluster } from './names.ts';
import type { Resource } from './resource.ts';
import { duration, isFalse } from './well-known-types.ts';

/** One frame a name, for delta: requests for no known host are in it, virtual hosts come by VHDS. */
export function generateRouteConfigurations(
  view: OutboundView,
  routeNames: Iterable<string>,
): readonly Resource<RouteConfiguration>[] {
  return [...new Set(routeNames)]
    .toSorted((a, b) => compareText(a, b))
    .map((name) =>
      resource({
        ...shared(name),
        virtualHosts: restVirtualHosts(view),
        vhds: { configSource: aggregated },
      }),
    );
}

/** One whole route configuration, for state of the world. `virtualHosts` come in any order. */
export function generateWholeRouteConfiguration(
  view: OutboundView,
  routeName: string,
  virtualHosts: Iterable<Resource<VirtualHost>>,
): Resource<RouteConfiguration> {
  const sorted = [...virtualHosts].toSorted((a, b) => compareText(a.name, b.name));
  return resource({
    ...shared(routeName),
    virtualHosts: [...sorted.map(({ message }) => message), ...restVirtualHosts(view)],
  });
}

function shared(name: string): RouteConfiguration {
  return {
    name,
    validateClusters: isFalse,
    ignorePortInHostMatching: true,
    maxDirectResponseBodySizeBytes: { value: 1_048_576 },
  };
}

/** Requests for hosts that are no service: on to where they were going, or refused. A gateway answers them with 404 by itself. */
function restVirtualHosts(view: OutboundView): readonly VirtualHost[] {
  if (view.scope.type !== 'sidecar') return [];
  return [view.outboundTrafficPolicy === 'allow-any' ? allowAny : blockAll];
}

// The same objects for all, so that they are encoded once.
const allowAny = restVirtualHost('allow_any', { route: { cluster: passthroughCluster, timeout: duration(0) } });
const blockAll = restVirtualHost('block_all', { directResponse: { status: 502 } });

function restVirtualHost(name: string, action: Pick<Route, 'route' | 'directResponse'>): VirtualHost {
  return Object.freeze({ name, domains: ['*'], routes: [{ name, match: { prefix: '/' }, ...action }] });
}

function resource(message: RouteConfiguration): Resource<RouteConfiguration> {
  return { type: RouteConfiguration, name: message.name ?? '', message, sources: [] };
}
