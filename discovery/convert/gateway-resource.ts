// A Gateway of the Gateway API that carries the label of a network → the way into that network: its passthrough ports and its
// addresses. In: the object. Out: the declaration; undefined for a Gateway that is no network's.
// https://gateway-api.sigs.k8s.io/reference/spec/#gateway

import type { ClusterMode } from '../model/cluster-snapshot.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import { networkId, type NetworkId, type ObjectKey } from '../model/names.ts';
import type { Origin } from '../model/problem.ts';
import { canonicalAddress } from './address.ts';
import { FieldReader, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { defaultGatewayPort, label, listenerProtocol, remoteGatewayClass } from './well-known.ts';

export interface GatewayResource {
  readonly key: ObjectKey;
  readonly network: NetworkId;
  /** Of its listeners that pass mutual TLS through by SNI. */
  readonly ports: readonly number[];
  readonly addresses: readonly string[];
  /** To be resolved. */
  readonly hostnames: readonly string[];
  /** Where addresses and host names are from. */
  readonly field: string;
  readonly origin?: Origin | undefined;
}

export interface GatewayResourceContext {
  readonly mode: ClusterMode;
  /** DNS domain of services. */
  readonly domain: string;
}

export function convertGatewayResource(
  object: KubernetesObject,
  context: GatewayResourceContext,
): Conversion<GatewayResource> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  const { labels } = object.metadata;
  const network = labels[label.network] ?? '';
  if (network === '') {
    // A remote's are its own instance's business.
    if (context.mode === 'primary') {
      const text = `only Gateways with the label ${label.network} are read, as gateways of that network`;
      findings.warn('unsupported-kind', '', `${text}; this one has no effect: remove it or add the label`);
    }
    return findings.conclude<GatewayResource>(undefined);
  }
  // It stands for a gateway elsewhere, as whoever manages the cluster sees it.
  const isElsewhere = spec.string('gatewayClassName') === remoteGatewayClass;
  if (isElsewhere && context.mode !== 'primary') return findings.conclude<GatewayResource>(undefined);
  const ports = passthroughPorts(spec, labels[label.gatewayPort]);
  if (ports.length === 0) {
    const option = `the tls option ${listenerProtocol.option}: ${listenerProtocol.autoPassthrough}`;
    const text = `no listener passes mutual TLS through, so the Gateway is no way into ${network}`;
    findings.warn('no-passthrough-listener', 'spec.listeners', `${text}: give one ${option}`);
  }
  const declared = readAddresses(spec, context);
  const assigned = readAddresses(body.object('status') ?? new FieldReader({}, 'status', findings), context);
  const isDeclared = declared.addresses.length + declared.hostnames.length > 0;
  return findings.conclude({
    key: keyOf(object),
    network: networkId(network),
    ports,
    ...(isDeclared ? declared : assigned),
    ...(object.origin === undefined ? {} : { origin: object.origin }),
  });
}

/** A listener says so by an option, or is the one on the network's gateway port. */
function passthroughPorts(spec: FieldReader, portLabel: string | undefined): readonly number[] {
  const gatewayPort = portLabel === undefined ? defaultGatewayPort : Number(portLabel);
  const ports = new Set<number>();
  for (const listener of spec.objects('listeners')) {
    const port = listener.port('port');
    const tls = listener.object('tls');
    if (port === undefined || tls === undefined) continue;
    const options = tls.stringMap('options');
    const isPassthrough = options[listenerProtocol.option] === listenerProtocol.autoPassthrough;
    if (isPassthrough || (port === gatewayPort && listener.string('protocol') === 'TLS')) ports.add(port);
  }
  return [...ports].toSorted((a, b) => a - b);
}

function readAddresses(
  place: FieldReader,
  { domain }: GatewayResourceContext,
): Pick<GatewayResource, 'addresses' | 'hostnames' | 'field'> {
  const addresses = new Set<string>();
  const hostnames = new Set<string>();
  for (const reader of place.objects('addresses')) {
    const type = reader.string('type') ?? 'IPAddress';
    // Without a value any address is asked for; which one it became is in the status.
    const value = reader.string('value') ?? '';
    if (value === '') continue;
    if (type === 'IPAddress') {
      const address = canonicalAddress(value);
      if (address !== undefined) addresses.add(address);
      else {
        const message = `${show(value)} is not an IP address: correct it`;
        reader.findings.error('invalid-address', reader.at('value'), message);
      }
    } else if (type === 'Hostname' && !isInsideCluster(value, domain)) hostnames.add(value.toLowerCase());
  }
  return { addresses: [...addresses].toSorted(), hostnames: [...hostnames].toSorted(), field: place.at('addresses') };
}

/** The name of a Service is known in its own cluster only. */
function isInsideCluster(name: string, domain: string): boolean {
  const lower = name.toLowerCase().replace(/\.$/, '');
  return lower.endsWith('.svc') || lower.endsWith(`.svc.${domain}`);
}
