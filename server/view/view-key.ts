// Which class a proxy belongs to: two scopes with their keys. Proxies with equal keys are sent equal bytes.

import { isIPv6 } from 'node:net';
import { asBranded, type Branded } from '../../discovery/model/brand.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { labelsLookedAt } from './client-traits.ts';
import type { MtlsMode } from '../../discovery/model/policy.ts';
import { envoyPatchesFor, patchesKey } from './envoy-patches.ts';
import { ingressPorts } from './ingress-ports.ts';
import { mtlsModesOf, type MtlsModes } from './mtls-mode.ts';
import type { AddressFamilies, InboundPort, InboundScope, OutboundScope } from './scope.ts';
import { noSecurityPolicies, securityKey, securityPoliciesFor } from './security-policies.ts';
import { telemetryFor } from './telemetry.ts';
import { egressKey, egressScopeOf, sidecarFor } from './sidecar-scope.ts';
import { indexViews, servedPorts, targetPortsOf, type ViewIndex } from './view-index.ts';

/** An `OutboundScope`, written out. */
export type OutboundKey = Branded<string, 'OutboundKey'>;
/** An `InboundScope`, written out. */
export type InboundKey = Branded<string, 'InboundKey'>;

export interface ViewKeys {
  readonly outbound: OutboundKey;
  readonly inbound: InboundKey;
  readonly outboundScope: OutboundScope;
  readonly inboundScope: InboundScope;
}

/**
 * The keys of a proxy in this mesh, to be asked again when services, the primary's endpoints or policies changed: the
 * inbound scope says which ports services give the workload and which mTLS mode each has. Pass an `index` kept between
 * snapshots where many proxies are asked for.
 */
export function viewKeysOf(proxy: Proxy, mesh: MeshSnapshot, index: ViewIndex = indexViews(mesh)): ViewKeys {
  const outboundScope = outboundScopeOf(proxy, mesh, index);
  const inboundScope = inboundScopeOf(proxy, mesh, index);
  return {
    outbound: asBranded<OutboundKey>(keyText(outboundScope)),
    inbound: asBranded<InboundKey>(keyText(inboundScope)),
    outboundScope,
    inboundScope,
  };
}

function keyText(scope: OutboundScope | InboundScope): string {
  const sidecar = 'sidecar' in scope && scope.sidecar !== undefined ? { sidecar: egressKey(scope.sidecar) } : {};
  const patches = scope.patches === undefined ? {} : { patches: patchesKey(scope.patches) };
  return JSON.stringify({ ...scope, security: securityKey(scope.security), ...sidecar, ...patches });
}

function outboundScopeOf(proxy: Proxy, mesh: MeshSnapshot, index: ViewIndex): OutboundScope {
  const isRouter = proxy.type === 'router';
  const telemetry = telemetryFor(proxy, 'client', mesh);
  const patches = envoyPatchesFor(proxy, isRouter ? 'gateway' : 'outbound', mesh);
  const egress = isRouter ? undefined : egressScopeOf(sidecarFor(proxy, mesh.policies, mesh.config.rootNamespace));
  const labelNames = isRouter ? Object.keys(proxy.labels).toSorted(compareText) : labelNamesFor(proxy, index);
  return {
    type: proxy.type,
    clusterId: proxy.clusterId,
    network: proxy.network,
    requestedNetworks: proxy.requestedNetworks.toSorted(compareText),
    namespace: proxy.namespace,
    families: familiesOf(proxy.addresses),
    istioFilters: proxy.capabilities.istioFilters,
    virtualHostDiscovery: proxy.capabilities.virtualHostDiscovery,
    ...(index.clientTraits.locality ? { locality: proxy.locality } : {}),
    labels: labelNames.flatMap((name) => {
      const value = proxy.labels[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
    targetPorts: isRouter && proxy.clusterId === index.mesh.primary ? targetPortsOf(index, proxy) : [],
    security: isRouter ? securityPoliciesFor(proxy, mesh) : noSecurityPolicies,
    ...(isRouter ? topologyOf(proxy, mesh) : {}),
    ...(egress === undefined ? {} : { sidecar: egress }),
    ...(proxy.dnsCapture === true && !isRouter ? { dnsCapture: true as const } : {}),
    ...(telemetry === undefined ? {} : { telemetry }),
    ...(patches === undefined ? {} : { patches }),
  };
}

/** What a gateway says itself goes before what the mesh says, field by field. */
function topologyOf({ topology = {} }: Proxy, { config }: MeshSnapshot): Pick<OutboundScope, 'topology'> {
  const trustedProxies = topology.trustedProxies ?? config.gatewayTopology?.trustedProxies ?? 0;
  const clientCertificate = topology.clientCertificate ?? config.gatewayTopology?.clientCertificate;
  if (trustedProxies === 0 && clientCertificate === undefined) return {};
  return { topology: { trustedProxies, ...(clientCertificate === undefined ? {} : { clientCertificate }) } };
}

function labelNamesFor({ namespace }: Proxy, { sourceLabelNames, clientTraits }: ViewIndex): readonly string[] {
  const others = labelsLookedAt(clientTraits, namespace);
  if (others.length === 0) return sourceLabelNames;
  return [...new Set([...sourceLabelNames, ...others])].toSorted(compareText);
}

function inboundScopeOf(proxy: Proxy, mesh: MeshSnapshot, index: ViewIndex): InboundScope {
  const shared = {
    type: proxy.type,
    families: familiesOf(proxy.addresses),
    istioFilters: proxy.capabilities.istioFilters,
    ...(proxy.interceptionMode === 'TPROXY' ? { transparent: true as const } : {}),
  };
  if (proxy.type === 'router') {
    return { ...shared, ports: [], defaultMode: 'permissive', security: noSecurityPolicies };
  }
  const { defaultMode, portModes } = mtlsModesOf(proxy, mesh);
  const telemetry = telemetryFor(proxy, 'server', mesh);
  const patches = envoyPatchesFor(proxy, 'inbound', mesh);
  const served = proxy.clusterId === mesh.primary ? servedPorts(index, proxy) : [];
  const modeOf = (port: number): MtlsMode => portModes.get(port) ?? defaultMode;
  const sidecar = sidecarFor(proxy, mesh.policies, mesh.config.rootNamespace);
  const ofServices = served.map(({ port, protocol, host, serviceName, serviceNamespace, servicePort }) => ({
    port,
    protocol,
    mode: modeOf(port),
    host,
    serviceName,
    serviceNamespace,
    servicePort,
  }));
  const ports =
    sidecar === undefined || sidecar.ingress.length === 0 ? ofServices : ingressPorts(sidecar, served, modeOf);
  const otherModes = modesOfOtherPorts(ports, { defaultMode, portModes });
  return {
    ...shared,
    ports,
    defaultMode,
    ...(otherModes.length === 0 ? {} : { otherModes }),
    security: securityPoliciesFor(proxy, mesh),
    ...(telemetry === undefined ? {} : { telemetry }),
    ...(patches === undefined ? {} : { patches }),
  };
}

/** A port that is captured at one address only is another port at the others. */
function modesOfOtherPorts(
  ports: readonly InboundPort[],
  { defaultMode, portModes }: MtlsModes,
): readonly (readonly [port: number, mode: MtlsMode])[] {
  const whole = new Set(ports.flatMap(({ port, bind }) => (bind === undefined ? [port] : [])));
  return [...portModes]
    .filter(([port, mode]) => !whole.has(port) && mode !== defaultMode)
    .toSorted(([a], [b]) => a - b);
}

function familiesOf(addresses: readonly string[]): AddressFamilies {
  const some6 = addresses.some((address) => isIPv6(address));
  if (!some6) return 'ipv4';
  return addresses.every((address) => isIPv6(address)) ? 'ipv6' : 'dual';
}
