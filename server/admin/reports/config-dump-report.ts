// `istio.io/debug/config_dump`: what one proxy is served, as the sections of Envoy's own dump, which `istioctl proxy-status POD`
// compares it with. Shape: envoy.admin.v3.ConfigDump, without the message around the sections.

import { encode } from '../../../proto/codec.ts';
import { ClustersConfigDump, ListenersConfigDump, RoutesConfigDump } from '../../../proto/generated/envoy.admin.v3.ts';
import { Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { Listener } from '../../../proto/generated/envoy.config.listener.v3.ts';
import { RouteConfiguration, VirtualHost } from '../../../proto/generated/envoy.config.route.v3.ts';
import type { Any } from '../../../proto/generated/google.protobuf.ts';
import { concat, frame } from '../../../proto/splice.ts';
import { compareText } from '../../../discovery/model/network-gateway.ts';
import type { EncodedResource } from '../../cache/encoded-resource.ts';
import type { ReportResource } from '../../stream/snapshot-source.ts';
import { routeConfigurationOf } from '../../stream/type-rules.ts';

/** Field of RouteConfiguration that holds virtual hosts. */
const virtualHostsField = 2;

/** Always the three sections that are compared, whether there is anything in them or not. */
export function configDumpReport(dump: ReadonlyMap<string, readonly EncodedResource[]>): readonly ReportResource[] {
  const of = (typeUrl: string): readonly EncodedResource[] =>
    (dump.get(typeUrl) ?? []).toSorted((a, b) => compareText(a.name, b.name));
  const virtualHosts = Map.groupBy(of(VirtualHost.typeUrl), ({ name }) => routeConfigurationOf(name));
  const clusters: ClustersConfigDump = {
    dynamicActiveClusters: of(Cluster.typeUrl).map((resource) => ({
      versionInfo: resource.version,
      cluster: anyOf(resource),
    })),
  };
  const listeners: ListenersConfigDump = {
    dynamicListeners: of(Listener.typeUrl).map((resource) => ({
      name: resource.name,
      activeState: { versionInfo: resource.version, listener: anyOf(resource) },
    })),
  };
  const routes: RoutesConfigDump = {
    dynamicRouteConfigs: of(RouteConfiguration.typeUrl).map((resource) => ({
      versionInfo: resource.version,
      routeConfig: wholeRoute(resource, virtualHosts.get(resource.name) ?? []),
    })),
  };
  return [
    section(ClustersConfigDump.typeUrl, encode<ClustersConfigDump>(ClustersConfigDump, clusters)),
    section(ListenersConfigDump.typeUrl, encode<ListenersConfigDump>(ListenersConfigDump, listeners)),
    section(RoutesConfigDump.typeUrl, encode<RoutesConfigDump>(RoutesConfigDump, routes)),
  ];
}

function section(typeUrl: string, value: Uint8Array): ReportResource {
  return { name: typeUrl.slice(typeUrl.lastIndexOf('.') + 1), typeUrl, value };
}

/** Envoy shows a route configuration with the virtual hosts that came by themselves. */
function wholeRoute({ typeUrl, body }: EncodedResource, virtualHosts: readonly EncodedResource[]): Any {
  const added = virtualHosts.map((virtualHost) => frame(virtualHostsField, virtualHost.body));
  return { typeUrl, value: concat([body, ...added]) };
}

function anyOf({ typeUrl, body }: EncodedResource): Any {
  return { typeUrl, value: body };
}
