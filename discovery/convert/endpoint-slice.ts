// An EndpointSlice → the addresses and ports that back a Service, with their health. Hints are not read: locality decides.
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/

import type { EndpointHealth, TlsMode } from '../model/endpoint.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import { canonicalAddress, ipFamily } from './address.ts';
import { FieldReader, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { label } from './well-known.ts';

export interface SliceEndpoint {
  readonly address: string;
  readonly health: EndpointHealth;
  readonly hostname?: string | undefined;
  readonly nodeName?: string | undefined;
  readonly zone?: string | undefined;
  /** Name of the Pod in the same namespace that has the address. */
  readonly podName?: string | undefined;
}

export interface SliceDeclaration {
  readonly name: string;
  readonly namespace: string;
  /** Name of the Service in the same namespace. */
  readonly serviceName: string;
  /** Port numbers by name; TCP only. */
  readonly ports: Readonly<Record<string, number>>;
  readonly endpoints: readonly SliceEndpoint[];
  /** For endpoints whose Pod is not known: the slice's own label `security.istio.io/tlsMode`, when it has one. */
  readonly tlsMode?: TlsMode | undefined;
}

export function convertEndpointSlice(object: KubernetesObject): Conversion<SliceDeclaration> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const { name, namespace, labels } = object.metadata;
  const serviceName = labels[label.serviceName];
  if (serviceName === undefined || serviceName === '') {
    const field = `metadata.labels["${label.serviceName}"]`;
    findings.warn(
      'missing-label',
      field,
      `the label ${label.serviceName} is missing, so the slice backs no Service: add it`,
    );
    return findings.conclude<SliceDeclaration>(undefined);
  }
  const type = body.requiredString('addressType');
  if (type === 'FQDN') {
    findings.warn(
      'unsupported-address-type',
      'addressType',
      'slices of host names are not used: list IP addresses instead',
    );
    return findings.conclude<SliceDeclaration>(undefined);
  }
  if (type !== '' && type !== 'IPv4' && type !== 'IPv6') {
    findings.error('invalid-address', 'addressType', `${show(type)} is not IPv4 or IPv6: correct it`);
  }
  return findings.conclude({
    name,
    namespace,
    serviceName,
    ports: readPorts(body),
    endpoints: body.objects('endpoints').flatMap((endpoint) => readEndpoint(endpoint, type)),
    tlsMode: readTlsMode(labels[label.tlsMode]),
  });
}

function readTlsMode(text: string | undefined): TlsMode | undefined {
  if (text === undefined) return undefined;
  return text === 'istio' ? 'istio' : 'disabled';
}

function readPorts(body: FieldReader): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const reader of body.objects('ports')) {
    const port = reader.port('port');
    if ((reader.string('protocol') ?? 'TCP') === 'TCP' && port !== undefined) ports[reader.string('name') ?? ''] = port;
  }
  return ports;
}

function readEndpoint(reader: FieldReader, type: string): SliceEndpoint[] {
  const health = readHealth(reader.object('conditions'));
  const target = reader.object('targetRef');
  const shared = {
    health,
    hostname: reader.string('hostname'),
    nodeName: reader.string('nodeName'),
    zone: reader.string('zone'),
    podName: target?.string('kind') === 'Pod' ? target.string('name') : undefined,
  };
  const endpoints: SliceEndpoint[] = [];
  const texts = reader.strings('addresses');
  if (texts.length === 0) reader.missing('addresses');
  for (const [index, text] of texts.entries()) {
    const address = canonicalAddress(text);
    const field = `${reader.at('addresses')}[${index}]`;
    if (address === undefined) {
      reader.findings.error('invalid-address', field, `${show(text)} is not an IP address: correct it`);
    } else if (ipFamily(text) !== type) {
      reader.findings.error(
        'invalid-address',
        field,
        `${show(text)} is not of the slice's addressType ${type}: correct one`,
      );
    } else endpoints.push({ address, ...shared });
  }
  return endpoints;
}

/** Absent conditions count as ready; terminating but still serving drains. */
function readHealth(conditions: FieldReader | undefined): EndpointHealth {
  const ready = conditions?.boolean('ready') ?? true;
  const terminating = conditions?.boolean('terminating') ?? false;
  const serving = conditions?.boolean('serving') ?? ready;
  if (ready) return 'healthy';
  return terminating && serving ? 'draining' : 'unhealthy';
}
