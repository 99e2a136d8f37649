// A Kubernetes Service → what its cluster declares by it: the service itself, how its target ports are found at an endpoint,
// and the addresses by which it is entered from outside (which make it a network gateway when it is labelled as one).

import type { KubernetesObject } from '../model/kubernetes-object.ts';
import { networkId, serviceHostname, type ClusterId, type NetworkId } from '../model/names.ts';
import type { Origin } from '../model/problem.ts';
import type { ClusterService, ServiceKind, ServicePort } from '../model/service.ts';
import { canonicalAddress } from './address.ts';
import { readExportTo } from './export-to.ts';
import { FieldReader, isMapping, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { selectProtocol } from './protocol.ts';
import { annotation, defaultGatewayPort, label } from './well-known.ts';

/** How a service is reached from outside its cluster. */
export interface ServiceEntryPoints {
  /** Load balancer and external IPs. */
  readonly addresses: readonly string[];
  /** Host names of the load balancer, to be resolved. */
  readonly hostnames: readonly string[];
  /** Node ports by service port. */
  readonly nodePorts: Readonly<Record<number, number>>;
  /** Labels of the nodes whose external addresses are entered by node port; absent: none. */
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined;
}

export interface ServiceDeclaration {
  readonly service: ClusterService;
  /** Target port names by service port name, for ports whose target has a name. */
  readonly namedTargets: Readonly<Record<string, string>>;
  readonly entryPoints: ServiceEntryPoints;
  /** Set when the Service is labelled as the gateway of a network. */
  readonly gateway?: { readonly network: NetworkId; readonly port: number } | undefined;
  readonly origin?: Origin | undefined;
}

export interface ServiceContext {
  readonly clusterId: ClusterId;
  /** DNS domain of services. */
  readonly domain: string;
}

export function convertService(object: KubernetesObject, context: ServiceContext): Conversion<ServiceDeclaration> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  const { name, namespace, labels } = object.metadata;
  const type = spec.string('type') ?? 'ClusterIP';
  const clusterIps = readClusterIps(spec);
  const kind: ServiceKind =
    type === 'ExternalName' ? 'external-name' : clusterIps.includes('None') ? 'headless' : 'cluster-ip';
  const externalName = kind === 'external-name' ? readExternalName(spec) : undefined;
  const { ports, namedTargets, nodePorts } = readPorts(spec);
  const selector = spec.stringMap('selector');
  const service: ClusterService = {
    host: serviceHostname(name, namespace, context.domain),
    name,
    namespace,
    clusterId: context.clusterId,
    kind,
    addresses: kind === 'cluster-ip' ? checkAddresses(clusterIps, spec, findings) : [],
    ...(externalName === undefined ? {} : { externalName }),
    ports,
    labels,
    ...(Object.keys(selector).length === 0 ? {} : { selector }),
    exportTo: readExportTo(object.metadata.annotations[annotation.exportTo], findings),
    publishNotReadyAddresses: spec.boolean('publishNotReadyAddresses') ?? false,
    createdAtMs: object.metadata.createdAtMs,
  };
  const gateway = readGateway(labels, findings);
  return findings.conclude({
    service,
    namedTargets,
    entryPoints: readEntryPoints(object, body, spec, nodePorts),
    ...(gateway === undefined ? {} : { gateway }),
    ...(object.origin === undefined ? {} : { origin: object.origin }),
  });
}

/** A DNS name or, which Kubernetes takes too, an IP address; in lower case and without the dot of the root. */
function readExternalName(spec: FieldReader): string {
  const name = spec.requiredString('externalName').toLowerCase().replace(/\.$/, '');
  const isName = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/.test(name);
  if (name !== '' && !isName && canonicalAddress(name) === undefined) {
    spec.findings.error('invalid-address', spec.at('externalName'), `${show(name)} is not a DNS name: correct it`);
  }
  return name;
}

function readClusterIps(spec: FieldReader): readonly string[] {
  const all = spec.strings('clusterIPs');
  const one = spec.string('clusterIP') ?? '';
  return all.length > 0 ? all : one === '' ? [] : [one];
}

function checkAddresses(texts: readonly string[], spec: FieldReader, findings: Findings): string[] {
  const addresses: string[] = [];
  for (const [index, text] of texts.entries()) {
    const address = canonicalAddress(text);
    if (address !== undefined) addresses.push(address);
    else {
      const field = spec.has('clusterIPs') ? `spec.clusterIPs[${index}]` : 'spec.clusterIP';
      findings.error('invalid-address', field, `${show(text)} is not an IP address: correct it`);
    }
  }
  return addresses;
}

interface Ports {
  readonly ports: readonly ServicePort[];
  readonly namedTargets: Readonly<Record<string, string>>;
  readonly nodePorts: Readonly<Record<number, number>>;
}

function readPorts(spec: FieldReader): Ports {
  const ports: ServicePort[] = [];
  const namedTargets: Record<string, string> = {};
  const nodePorts: Record<number, number> = {};
  const names = new Set<string>();
  const readers = spec.objects('ports');
  for (const reader of readers) {
    const name = reader.string('name') ?? '';
    const port = reader.port('port');
    const transport = reader.string('protocol') ?? 'TCP';
    const target = readTargetPort(reader);
    const nodePort = reader.port('nodePort');
    if (!reader.has('port')) reader.missing('port');
    if (name === '' && readers.length > 1) {
      reader.findings.error(
        'missing-field',
        reader.at('name'),
        'a port of a Service with several ports needs a name: add it',
      );
    }
    if (!['TCP', 'UDP', 'SCTP'].includes(transport)) {
      reader.findings.error(
        'invalid-protocol',
        reader.at('protocol'),
        `${show(transport)} is not TCP, UDP or SCTP: correct it`,
      );
    }
    if (names.has(name)) {
      reader.findings.error('duplicate-port', reader.at('name'), `two ports are named ${show(name)}: rename one`);
    }
    names.add(name);
    if (port === undefined || transport !== 'TCP') continue;
    if (ports.some((other) => other.port === port)) {
      reader.findings.error('duplicate-port', reader.at('port'), `port ${port} is declared twice: remove one`);
    }
    if (typeof target === 'string') namedTargets[name] = target;
    if (nodePort !== undefined) nodePorts[port] = nodePort;
    ports.push({
      name,
      port,
      protocol: selectProtocol(name, reader.string('appProtocol')),
      ...(typeof target === 'string' ? {} : { targetPort: target ?? port }),
    });
  }
  return { ports: ports.toSorted((a, b) => a.port - b.port), namedTargets, nodePorts };
}

/** A number, a container port's name, or undefined when the target is the port itself. */
function readTargetPort(reader: FieldReader): number | string | undefined {
  const value = reader.raw('targetPort');
  if (typeof value !== 'string') {
    const target = reader.integer('targetPort', 0, 65_535, 'invalid-port');
    return target === 0 ? undefined : target;
  }
  if (/^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(value)) return value;
  const message = `${show(value)} is neither a port number nor the name of a container port: correct it`;
  reader.findings.error('invalid-port', reader.at('targetPort'), message);
  return undefined;
}

function readEntryPoints(
  object: KubernetesObject,
  body: FieldReader,
  spec: FieldReader,
  nodePorts: Readonly<Record<number, number>>,
): ServiceEntryPoints {
  const addresses = new Set<string>();
  const hostnames = new Set<string>();
  for (const ingress of body.object('status')?.object('loadBalancer')?.objects('ingress') ?? []) {
    const ip = ingress.string('ip');
    const name = ingress.string('hostname');
    if (ip !== undefined && ip !== '') addAddress(addresses, ip, ingress.at('ip'), body.findings);
    else if (name !== undefined && name !== '') hostnames.add(name.toLowerCase());
  }
  for (const [index, ip] of spec.strings('externalIPs').entries()) {
    addAddress(addresses, ip, `spec.externalIPs[${index}]`, body.findings);
  }
  const nodeSelector = readNodeSelector(object.metadata.annotations[annotation.nodeSelector], body.findings);
  return {
    addresses: [...addresses].toSorted(),
    hostnames: [...hostnames].toSorted(),
    nodePorts,
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  };
}

function addAddress(addresses: Set<string>, text: string, field: string, findings: Findings): void {
  const address = canonicalAddress(text);
  if (address === undefined) findings.error('invalid-address', field, `${show(text)} is not an IP address: correct it`);
  else addresses.add(address);
}

/** The annotation holds a JSON mapping of node labels; `{}` means every node. */
function readNodeSelector(text: string | undefined, findings: Findings): Readonly<Record<string, string>> | undefined {
  if (text === undefined) return undefined;
  const field = `metadata.annotations["${annotation.nodeSelector}"]`;
  const parsed = parseJson(text);
  if (!isMapping(parsed)) {
    findings.error(
      'invalid-annotation',
      field,
      `${show(text)} is not a JSON mapping of node labels: write {} for every node`,
    );
    return undefined;
  }
  return new FieldReader({ selector: parsed }, field, findings).stringMap('selector');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readGateway(labels: Readonly<Record<string, string>>, findings: Findings): ServiceDeclaration['gateway'] {
  const network = labels[label.network];
  if (network === undefined || network === '') return undefined;
  const text = labels[label.gatewayPort];
  const port = text === undefined ? defaultGatewayPort : Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return { network: networkId(network), port };
  findings.error(
    'invalid-port',
    `metadata.labels["${label.gatewayPort}"]`,
    `${show(text)} is not a port number: correct it`,
  );
  return undefined;
}
