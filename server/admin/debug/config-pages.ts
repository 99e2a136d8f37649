// Debug pages about declared configuration: MeshConfig and the policies of the primary, as they were understood.

import type { MeshSnapshot, PolicyIndex } from '../../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../../discovery/model/network-gateway.ts';
import type { Policy, PolicyKind } from '../../../discovery/model/policy.ts';
import { document, type DebugPage } from './debug-page.ts';

export const mesh: DebugPage = {
  name: 'mesh',
  help: 'Mesh configuration in force',
  render: (reader) => document(meshConfig(reader.mesh())),
};

export const configz: DebugPage = {
  name: 'configz',
  help: 'Istio objects in force, converted: full host names, plain numbers',
  render: (reader) => document(policiesOf(reader.mesh().policies).map(configEntry)),
};

/** Every policy once, sorted by kind, namespace and name. */
export function policiesOf(index: PolicyIndex): readonly Policy[] {
  const all = new Map<string, Policy>();
  const add = (policies: Iterable<Policy>): void => {
    for (const policy of policies) all.set(policy.source, policy);
  };
  for (const list of index.virtualServices.values()) add(list);
  for (const list of index.destinationRules.values()) add(list);
  add(index.wildcardVirtualServices);
  add(index.wildcardDestinationRules);
  add(index.peerAuthentications);
  add(index.authorizationPolicies);
  add(index.telemetries);
  add(index.proxyConfigs);
  add(index.requestAuthentications);
  add(index.gateways);
  add(index.sidecars);
  add(index.envoyFilters);
  return [...all.values()].toSorted((a, b) => compareText(a.source, b.source));
}

const apiVersionOf: Readonly<Record<PolicyKind, string>> = {
  VirtualService: 'networking.istio.io/v1',
  DestinationRule: 'networking.istio.io/v1',
  Gateway: 'networking.istio.io/v1',
  Sidecar: 'networking.istio.io/v1',
  EnvoyFilter: 'networking.istio.io/v1alpha3',
  PeerAuthentication: 'security.istio.io/v1',
  AuthorizationPolicy: 'security.istio.io/v1',
  Telemetry: 'telemetry.istio.io/v1',
  ProxyConfig: 'networking.istio.io/v1beta1',
  RequestAuthentication: 'security.istio.io/v1',
};

function configEntry(policy: Policy): Record<string, unknown> {
  const { kind, name, namespace, createdAtMs, source: _source, ...spec } = policy;
  return {
    kind,
    apiVersion: apiVersionOf[kind],
    metadata: { name, namespace, creationTimestamp: new Date(createdAtMs).toISOString() },
    spec: plain(spec),
  };
}

/** Maps as objects, which JSON can carry. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, entry]) => [String(key), plain(entry)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

/** Under the names of MeshConfig. */
function meshConfig({ config }: MeshSnapshot): Record<string, unknown> {
  return {
    trustDomain: config.trustDomain,
    trustDomainAliases: config.trustDomainAliases,
    rootNamespace: config.rootNamespace,
    connectTimeout: `${String(config.connectTimeoutMs / 1000)}s`,
    accessLogFile: config.accessLogFile,
    enableAutoMtls: config.enableAutoMtls,
    outboundTrafficPolicy: { mode: config.outboundTrafficPolicy === 'allow-any' ? 'ALLOW_ANY' : 'REGISTRY_ONLY' },
    serviceSettings: config.clusterLocalHosts.map(({ host, clusterLocal }) => ({
      settings: { clusterLocal },
      hosts: [host],
    })),
  };
}
