// What patches of a gateway's configuration may name besides what is in it: the ports, names and Gateways of its servers. In: a view.
// Out: the same by socket and by route configuration.

import { gatewayServers, httpServers, serverRouteName } from '../generate/gateway-servers.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import type { RoutedServer } from './match-route.ts';
import type { PatchSurroundings } from './view-patches.ts';

export function patchSurroundings(view: OutboundView): PatchSurroundings {
  const gatewayPorts = new Map<number, Set<number>>();
  const routedServers = new Map<string, RoutedServer[]>();
  if (view.scope.type === 'sidecar') return { gatewayPorts, routedServers };
  for (const { server, socket } of gatewayServers(view).accepted) {
    const ports = gatewayPorts.get(socket.port) ?? new Set();
    gatewayPorts.set(socket.port, ports.add(server.port));
  }
  for (const one of httpServers(view)) {
    const route = serverRouteName(one);
    const servers = routedServers.get(route) ?? [];
    servers.push({
      ports: new Set([one.server.port, one.socket.port]),
      portName: one.server.name,
      gateway: `${one.gateway.namespace}/${one.gateway.name}`,
    });
    routedServers.set(route, servers);
  }
  return { gatewayPorts, routedServers };
}
