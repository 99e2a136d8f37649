// `spec.ports` of a ServiceEntry. Out: service ports by number.

import type { Protocol, ServicePort } from '../model/service.ts';
import { show, type FieldReader } from './field-reader.ts';
import { selectProtocol } from './protocol.ts';

const protocols: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ['HTTP', 'http'],
  ['HTTP2', 'http2'],
  ['GRPC', 'grpc'],
  ['HTTPS', 'https'],
  ['TLS', 'tls'],
  ['TCP', 'tcp'],
  ['MONGO', 'mongo'],
  ['MYSQL', 'mysql'],
  ['REDIS', 'redis'],
  ['UDP', 'udp'],
]);

export function readServicePorts(spec: FieldReader): readonly ServicePort[] {
  const ports: ServicePort[] = [];
  const readers = spec.objects('ports');
  if (readers.length === 0) spec.missing('ports');
  for (const reader of readers) {
    const number = reader.port('number');
    const name = reader.requiredString('name');
    const targetPort = reader.port('targetPort');
    const protocol = readPortProtocol(reader, name);
    reader.end();
    if (!reader.has('number')) reader.missing('number');
    if (number === undefined) continue;
    if (ports.some((other) => other.port === number)) {
      reader.findings.error('duplicate-port', reader.at('number'), `port ${number} is declared twice: remove one`);
    }
    if (ports.some((other) => other.name === name)) {
      reader.findings.error('duplicate-port', reader.at('name'), `two ports are named ${show(name)}: rename one`);
    }
    ports.push({ name, port: number, protocol, ...(targetPort === undefined ? {} : { targetPort }) });
  }
  return ports.toSorted((a, b) => a.port - b.port);
}

/** Without one the port's name says it, as for a Kubernetes Service. */
export function readPortProtocol(reader: FieldReader, name: string): Protocol {
  const text = reader.string('protocol') ?? '';
  if (text === '') return selectProtocol(name, undefined);
  const protocol = protocols.get(text.toUpperCase());
  if (protocol !== undefined) return protocol;
  const field = reader.at('protocol');
  const known = [...protocols.keys()].join(', ');
  reader.findings.error('unsupported-field', field, `${field} ${show(text)} is not supported: use one of ${known}`);
  return 'tcp';
}
