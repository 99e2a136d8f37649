// Listeners of gateways, as the Gateway objects that select them declare: so far mTLS passthrough between networks.

import { compareText } from '../../discovery/model/network-gateway.ts';
import { TrafficDirection } from '../../proto/generated/envoy.config.core.v3.ts';
import { Listener, type FilterChain } from '../../proto/generated/envoy.config.listener.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { socketAddress } from './address.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import { tlsInspector } from './listener-filter.ts';
import { blackHoleCluster, listenerName, wildcardAddresses } from './names.ts';
import type { Resource } from './resource.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { meshAlpnProtocols } from './transport-socket.ts';

type ServerName = Extract<ListenerContribution, { kind: 'sni' }>;

/** One listener for each port of an `AUTO_PASSTHROUGH` server, with one filter chain for each server name. */
export function generateRouterListeners(
  view: OutboundView,
  contributions: Iterable<ListenerContribution>,
): readonly Resource<Listener>[] {
  const byPort = new Map<number, ServerName[]>();
  for (const gateway of view.gateways()) {
    for (const { tlsMode, port } of gateway.servers) if (tlsMode === 'auto-passthrough') byPort.set(port, []);
  }
  for (const contribution of contributions) {
    if (contribution.kind === 'sni') byPort.get(contribution.port)?.push(contribution);
  }
  return [...byPort]
    .toSorted(([a], [b]) => a - b)
    .map(([port, serverNames]) => passthroughListener(view, port, serverNames));
}

function passthroughListener(
  view: OutboundView,
  servicePort: number,
  serverNames: readonly ServerName[],
): Resource<Listener> {
  const [main, ...others] = wildcardAddresses(view.scope.families);
  const port = new Map(view.scope.targetPorts).get(servicePort) ?? servicePort;
  const name = listenerName(main, port);
  const message: Listener = {
    name,
    address: socketAddress(main, port),
    additionalAddresses: others.map((address) => ({ address: socketAddress(address, port) })),
    trafficDirection: TrafficDirection.OUTBOUND,
    listenerFilters: [tlsInspector()],
    filterChains: serverNames
      .toSorted((a, b) => compareText(a.sni, b.sni))
      .map(({ sni }) => passthroughChain(view, sni)),
    // A name that is not exported is refused; with no chain at all Envoy would refuse the listener.
    defaultFilterChain: { name: 'unknown-server-name', filters: [tcpProxy(blackHoleCluster, view.config)] },
  };
  const sources = view.gateways().map(({ source }) => source);
  return { type: Listener, name, message, sources };
}

// TLS is not ended here: the workloads at both ends see each other's certificates.
function passthroughChain(view: OutboundView, sni: string): FilterChain {
  return {
    name: sni,
    filterChainMatch: {
      serverNames: [sni],
      transportProtocol: 'tls',
      applicationProtocols: meshAlpnProtocols,
    },
    filters: [tcpProxy(sni, view.config)],
  };
}
