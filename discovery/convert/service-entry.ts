// A ServiceEntry → hosts that the mesh did not know, or knew only outside it: how connections to them are recognised, and
// where they go.
// https://istio.io/latest/docs/reference/config/networking/service-entry/

import type { KubernetesObject } from '../model/kubernetes-object.ts';
import { keyOf } from '../model/kubernetes-object.ts';
import { hostname, type Hostname, type ObjectKey } from '../model/names.ts';
import type { Origin } from '../model/problem.ts';
import type { EntryResolution, ServicePort } from '../model/service.ts';
import { canonicalAddress, isCidr } from './address.ts';
import { readChoice } from './choice.ts';
import { checkExportTo } from './export-to.ts';
import { FieldReader, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { readServicePorts } from './service-entry-ports.ts';
import { isDnsName, readWorkloadFields, type WorkloadFields } from './workload-fields.ts';

export interface ServiceEntryDeclaration {
  readonly key: ObjectKey;
  readonly name: string;
  readonly namespace: string;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly origin?: Origin | undefined;
  readonly hosts: readonly Hostname[];
  /** Canonical IP addresses. */
  readonly addresses: readonly string[];
  /** CIDR blocks. */
  readonly ranges: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly resolution: EntryResolution;
  readonly isExternal: boolean;
  readonly endpoints: readonly WorkloadFields[];
  /** Of workloads in its namespace; absent: it selects none. */
  readonly selector?: Readonly<Record<string, string>> | undefined;
  readonly subjectAltNames: readonly string[];
  readonly exportTo: readonly string[];
}

type Resolution = EntryResolution | 'dynamic-dns';

const resolutions: Readonly<Record<string, Resolution>> = {
  NONE: 'none',
  STATIC: 'static',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dynamic-dns',
};

export function convertServiceEntry(object: KubernetesObject): Conversion<ServiceEntryDeclaration> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  body.ignore('status');
  body.end();
  const { name, namespace, createdAtMs, labels } = object.metadata;
  const hosts = readHosts(spec);
  const { addresses, ranges } = readAddresses(spec);
  const isExternal = readChoice(spec, 'location', { MESH_EXTERNAL: true, MESH_INTERNAL: false }) ?? true;
  const resolution = readResolution(spec);
  const ports = readServicePorts(spec);
  const endpoints = spec.objects('endpoints').map((reader) => readEndpoint(reader, ports));
  const selector = readSelector(spec);
  checkTogether(spec, { hosts, addresses, ranges, ports, resolution, endpoints, selector });
  const exportTo = checkExportTo(spec.strings('exportTo'), 'spec.exportTo', findings);
  const subjectAltNames = spec.strings('subjectAltNames');
  spec.end();
  return findings.conclude({
    key: keyOf(object),
    name,
    namespace,
    createdAtMs,
    labels,
    ...(object.origin === undefined ? {} : { origin: object.origin }),
    hosts,
    addresses,
    ranges,
    ports,
    resolution,
    isExternal,
    endpoints,
    ...(selector === undefined ? {} : { selector }),
    subjectAltNames,
    exportTo,
  });
}

/** Taken as they are: no search domain completes them. */
function readHosts(spec: FieldReader): readonly Hostname[] {
  const hosts = new Set<Hostname>();
  const texts = spec.strings('hosts');
  if (texts.length === 0) spec.missing('hosts');
  for (const [index, text] of texts.entries()) {
    const field = `${spec.at('hosts')}[${index}]`;
    if (text === '*') {
      spec.findings.error('invalid-host', field, '"*" is every host: name a domain, such as "*.example.com"');
    } else if (isDnsName(text.replace(/^\*\./, '')) && canonicalAddress(text) === undefined) hosts.add(hostname(text));
    else spec.findings.error('invalid-host', field, `${show(text)} is not a host name: correct it`);
  }
  return [...hosts];
}

function readAddresses(spec: FieldReader): Pick<ServiceEntryDeclaration, 'addresses' | 'ranges'> {
  const addresses = new Set<string>();
  const ranges = new Set<string>();
  for (const [index, text] of spec.strings('addresses').entries()) {
    const [block = '', bits = ''] = text.split('/');
    const address = canonicalAddress(bits === '' ? text : block);
    const isWhole = (bits === '32' && !block.includes(':')) || (bits === '128' && block.includes(':'));
    if (address !== undefined && (bits === '' || isWhole)) addresses.add(address);
    else if (address !== undefined && isCidr(text)) ranges.add(`${address}/${bits}`);
    else {
      const message = `${show(text)} is neither an IP address nor a CIDR block such as "10.0.0.0/8": correct it`;
      spec.findings.error('invalid-address', `${spec.at('addresses')}[${index}]`, message);
    }
  }
  return { addresses: [...addresses], ranges: [...ranges] };
}

function readResolution(spec: FieldReader): EntryResolution {
  const resolution = readChoice(spec, 'resolution', resolutions) ?? 'none';
  if (resolution !== 'dynamic-dns') return resolution;
  const message =
    'spec.resolution DYNAMIC_DNS is not supported: use DNS with hosts that are no patterns, or NONE for a pattern';
  spec.findings.error('unsupported-field', spec.at('resolution'), message);
  return 'none';
}

function readEndpoint(reader: FieldReader, ports: readonly ServicePort[]): WorkloadFields {
  const fields = readWorkloadFields(reader, {});
  for (const name of Object.keys(fields.ports)) {
    if (ports.some((port) => port.name === name)) continue;
    const field = `${reader.at('ports')}.${name}`;
    reader.findings.error('unknown-port', field, `${field} is not the name of one of spec.ports: correct it`);
  }
  reader.end();
  return fields;
}

function readSelector(spec: FieldReader): Readonly<Record<string, string>> | undefined {
  const reader = spec.object('workloadSelector');
  if (reader === undefined) return undefined;
  const labels = reader.stringMap('labels');
  if (Object.keys(labels).length === 0) reader.missing('labels');
  reader.end();
  return labels;
}

type Parts = Pick<
  ServiceEntryDeclaration,
  'hosts' | 'addresses' | 'ranges' | 'ports' | 'resolution' | 'endpoints' | 'selector'
>;

/** What single fields can't tell. */
function checkTogether(spec: FieldReader, parts: Parts): void {
  const { hosts, addresses, ranges, ports, resolution, endpoints, selector } = parts;
  const error = (code: string, field: string, message: string): void => {
    spec.findings.error(code, `spec.${field}`, message);
  };
  const isDns = resolution === 'dns' || resolution === 'dns-round-robin';
  if (selector !== undefined && endpoints.length > 0) {
    error(
      'contradicting-fields',
      'workloadSelector',
      'spec.endpoints and spec.workloadSelector exclude each other: remove one',
    );
  }
  if (resolution === 'none' && (endpoints.length > 0 || selector !== undefined)) {
    const field = selector === undefined ? 'endpoints' : 'workloadSelector';
    const message = `spec.${field} has no effect with spec.resolution NONE, which connects to where the caller meant: use STATIC or DNS, or remove the field`;
    error('contradicting-fields', field, message);
  }
  if (resolution === 'static' && endpoints.length === 0 && selector === undefined) {
    error(
      'missing-field',
      'endpoints',
      'spec.resolution STATIC needs spec.endpoints or spec.workloadSelector: add one',
    );
  }
  if (resolution === 'static') {
    for (const [index, { hostName }] of endpoints.entries()) {
      if (hostName === undefined) continue;
      const message = `${show(hostName)} is a DNS name, which spec.resolution STATIC does not resolve: write an IP address, or use DNS`;
      error('invalid-address', `endpoints[${index}].address`, message);
    }
  }
  if (isDns && endpoints.length === 0 && selector === undefined) {
    for (const [index, host] of hosts.entries()) {
      if (!host.startsWith('*')) continue;
      const message = `${show(host)} is a pattern, and nobody can look it up: add spec.endpoints, or use spec.resolution NONE`;
      error('invalid-host', `hosts[${index}]`, message);
    }
  }
  if (resolution === 'dns-round-robin' && endpoints.length > 1) {
    error(
      'contradicting-fields',
      'endpoints',
      'spec.resolution DNS_ROUND_ROBIN takes one endpoint: remove the others, or use DNS',
    );
  }
  if (isDns && ranges.length > 0) {
    const message =
      'a CIDR block in spec.addresses needs spec.resolution NONE or STATIC: write addresses, or change the resolution';
    error('contradicting-fields', 'addresses', message);
  }
  if (addresses.length + ranges.length > 0) return;
  for (const [index, { port, protocol }] of ports.entries()) {
    if (!['tcp', 'mongo', 'mysql', 'redis'].includes(protocol)) continue;
    const message = `without spec.addresses every connection to port ${port} that no other service has goes here, unless the proxy answers DNS; add spec.addresses`;
    spec.findings.warn('captures-port', `${spec.at('ports')}[${index}]`, message);
  }
}
