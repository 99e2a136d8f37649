// Reads the node that an Envoy announces in its first message: id, metadata as Istio's agent writes it, locality,
// extensions. In: an xDS Node. Out: a Proxy, or a sentence that says what is malformed.

import { isIP } from 'node:net';
import type { Locality } from '../../discovery/model/locality.ts';
import { clusterId, networkId, type ClusterId, type NetworkId } from '../../discovery/model/names.ts';
import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import type { Struct, Value } from '../../proto/generated/google.protobuf.ts';
import type { AnnouncedExtensions } from './announced-extensions.ts';
import { announcedTopology } from './announced-topology.ts';
import type { Capabilities, InterceptionMode, Proxy, ProxyType } from './proxy.ts';

export interface ParseNodeOptions {
  readonly variant: 'delta' | 'sotw';
  /** Used when the node does not say: the instance's own cluster and its network. */
  readonly defaultClusterId: ClusterId;
  readonly defaultNetwork: NetworkId;
  /** Absent: what the node was built with is not remembered. */
  readonly extensions?: AnnouncedExtensions | undefined;
}

export interface InvalidNode {
  readonly kind: 'invalid';
  /** One sentence: what is wrong and what was expected. */
  readonly message: string;
}

/** The proxy that `node` describes. Fields that it leaves out may be completed from the mesh (`locateProxy`). */
export function parseNode(node: Node, options: ParseNodeOptions): Proxy | InvalidNode {
  const nodeId = node.id ?? '';
  const parts = nodeId.split('~');
  const [type = '', address = '', fullName = '', dnsDomain = ''] = parts;
  if (parts.length !== 4) {
    return invalid(`node id ${quote(nodeId)} has ${parts.length} parts; TYPE~IP~NAME.NAMESPACE~DOMAIN is expected`);
  }
  if (!isProxyType(type)) {
    return invalid(`node id ${quote(nodeId)} is of type ${quote(type)}; "sidecar" and "router" are served`);
  }
  const metadata = fieldsOf(node.metadata);
  const addresses = unique([...(address === '' ? [] : [address]), ...commaList(metadata.get('INSTANCE_IPS'))]);
  if (addresses.length === 0) {
    return invalid(`node id ${quote(nodeId)} has no IP address and its metadata has no INSTANCE_IPS`);
  }
  const badAddress = addresses.find((candidate) => isIP(candidate) === 0);
  if (badAddress !== undefined) {
    return invalid(`node id ${quote(nodeId)} announces ${quote(badAddress)}, which is not an IP address`);
  }
  const dot = fullName.lastIndexOf('.');
  if (dot <= 0 || dot === fullName.length - 1) {
    return invalid(`node id ${quote(nodeId)} has ${quote(fullName)} where NAME.NAMESPACE is expected`);
  }
  const extensions = options.extensions?.of(node.extensions);
  const topology = type === 'router' ? announcedTopology(metadata.get('PROXY_CONFIG')) : undefined;
  return {
    nodeId,
    type,
    addresses,
    name: fullName.slice(0, dot),
    namespace: nonEmpty(text(metadata.get('NAMESPACE'))) ?? fullName.slice(dot + 1),
    dnsDomain,
    clusterId: clusterId(nonEmpty(text(metadata.get('CLUSTER_ID'))) ?? options.defaultClusterId),
    network: networkId(text(metadata.get('NETWORK')) ?? options.defaultNetwork),
    locality: localityOf(node),
    labels: labelsOf(metadata),
    serviceAccount: text(metadata.get('SERVICE_ACCOUNT')) ?? '',
    requestedNetworks: commaList(metadata.get('REQUESTED_NETWORK_VIEW')).map((name) => networkId(name)),
    capabilities: capabilitiesOf(node, options.variant),
    interceptionMode: interceptionModeOf(metadata),
    ...(extensions === undefined ? {} : { extensions }),
    ...(text(metadata.get('DNS_CAPTURE')) === 'true' ? { dnsCapture: true } : {}),
    ...(topology === undefined ? {} : { topology }),
    istioVersion: text(metadata.get('ISTIO_VERSION')) ?? '',
    metadata: textsOf(metadata),
  };
}

function capabilitiesOf(node: Node, variant: 'delta' | 'sotw'): Capabilities {
  const has = (name: string): boolean =>
    (node.extensions ?? []).some((extension) => extension.name === name && extension.disabled !== true);
  return {
    istioFilters: has('istio.alpn'),
    ...(has('envoy.access_loggers.stats') ? { statsLogger: isAtLeast(node, 1, 39) ? 'scope' : 'prefix' } : {}),
    virtualHostDiscovery: variant === 'delta',
  };
}

function isAtLeast({ userAgentBuildVersion }: Node, major: number, minor: number): boolean {
  const { majorNumber = 0, minorNumber = 0 } = userAgentBuildVersion?.version ?? {};
  return majorNumber > major || (majorNumber === major && minorNumber >= minor);
}

function interceptionModeOf(metadata: ReadonlyMap<string, Value>): InterceptionMode {
  const given = text(metadata.get('INTERCEPTION_MODE'));
  return given === 'TPROXY' || given === 'NONE' ? given : 'REDIRECT';
}

// STATIC_LABELS come from the bootstrap, LABELS from the running pod: the latter are newer.
function labelsOf(metadata: ReadonlyMap<string, Value>): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const key of ['STATIC_LABELS', 'LABELS']) {
    for (const [name, value] of fieldsOf(metadata.get(key)?.structValue)) {
      const label = text(value);
      if (label !== undefined) labels[name] = label;
    }
  }
  return labels;
}

function localityOf(node: Node): Locality {
  const { region = '', zone = '', subZone = '' } = node.locality ?? {};
  return { region, zone, subzone: subZone };
}

function fieldsOf(struct: Struct | undefined): ReadonlyMap<string, Value> {
  return new Map(Object.entries(struct?.fields ?? {}));
}

function text(value: Value | undefined): string | undefined {
  return value?.stringValue;
}

/** Longer texts are nothing that anybody would compare with. */
const maxMetadataLength = 256;

function textsOf(metadata: ReadonlyMap<string, Value>): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [name, value] of metadata) {
    const given = text(value);
    if (given !== undefined && given.length <= maxMetadataLength) texts[name] = given;
  }
  return texts;
}

function commaList(value: Value | undefined): readonly string[] {
  return (text(value) ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

function isProxyType(type: string): type is ProxyType {
  return type === 'sidecar' || type === 'router';
}

/** Quoted and cut, since the text comes from a stranger. */
function quote(value: string): string {
  return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
}

function invalid(message: string): InvalidNode {
  return { kind: 'invalid', message };
}
