// The fields that a WorkloadEntry and an endpoint in a ServiceEntry have alike. In: their mapping. Out: an address or a DNS
// name, ports, labels and where it is.
// https://istio.io/latest/docs/reference/config/networking/workload-entry/

import type { TlsMode } from '../model/endpoint.ts';
import { parseLocality, type Locality } from '../model/locality.ts';
import { hostname, type Hostname } from '../model/names.ts';
import { canonicalAddress } from './address.ts';
import { show, type FieldReader } from './field-reader.ts';
import { label } from './well-known.ts';
import { labelLocality } from './workload-declaration.ts';

export interface WorkloadFields {
  /** Canonical; undefined when it is a DNS name, or wrong. */
  readonly address: string | undefined;
  /** Where a DNS name stands for the address. */
  readonly hostName: Hostname | undefined;
  /** By the port's name in the service. */
  readonly ports: Readonly<Record<string, number>>;
  /** Its own over the given ones. */
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string | undefined;
  readonly locality: Locality | undefined;
  /** 1 when none is declared. */
  readonly weight: number;
  readonly serviceAccount: string;
  readonly tlsMode: TlsMode;
}

type Place = Pick<WorkloadFields, 'address' | 'hostName'>;

/** `labelsOfObject`: labels that it has anyway. */
export function readWorkloadFields(
  reader: FieldReader,
  labelsOfObject: Readonly<Record<string, string>>,
): WorkloadFields {
  return { ...readPlace(reader), ...readWorkloadTraits(reader, labelsOfObject) };
}

/** All but where it is: what a template of many says. */
export function readWorkloadTraits(
  reader: FieldReader,
  labelsOfObject: Readonly<Record<string, string>>,
): Omit<WorkloadFields, keyof Place> {
  const labels = { ...labelsOfObject, ...reader.stringMap('labels') };
  const serviceAccount = reader.string('serviceAccount') ?? '';
  const locality = reader.string('locality') ?? '';
  const network = reader.string('network') ?? '';
  const weight = reader.integer('weight', 0, 1_000_000) ?? 1;
  return {
    ports: readPorts(reader),
    labels,
    network: network === '' ? labels[label.network] : network,
    locality: locality === '' ? labelLocality(labels) : parseLocality(locality),
    weight: weight === 0 ? 1 : weight,
    serviceAccount,
    // One with a service account has a proxy that holds its certificate, unless its label says otherwise.
    tlsMode:
      (labels[label.tlsMode] ?? (serviceAccount === '' ? 'disabled' : 'istio')) === 'istio' ? 'istio' : 'disabled',
  };
}

/** A DNS name without a pattern, in any case, with or without the dot of the root. */
export function isDnsName(text: string): boolean {
  return /^(?=.{1,253}$)[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*\.?$/i.test(
    text,
  );
}

function readPlace(reader: FieldReader): Place {
  const text = reader.requiredString('address');
  const nowhere = { address: undefined, hostName: undefined };
  if (text === '') return nowhere;
  const field = reader.at('address');
  if (text.startsWith('unix:')) {
    const message = `${show(text)} is a Unix domain socket, and ${field} as a socket is not supported: write an IP address or a DNS name`;
    reader.findings.error('unsupported-field', field, message);
    return nowhere;
  }
  const address = canonicalAddress(text);
  if (address !== undefined) return { address, hostName: undefined };
  // What consists of digits and dots alone is a mistaken address.
  if (isDnsName(text) && !/^[\d.]+$/.test(text)) return { address, hostName: hostname(text.replace(/\.$/, '')) };
  reader.findings.error('invalid-address', field, `${show(text)} is neither an IP address nor a DNS name: correct it`);
  return nowhere;
}

function readPorts(reader: FieldReader): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  const declared = reader.object('ports');
  for (const name of declared?.keys() ?? []) {
    const port = declared?.port(name);
    if (port !== undefined) ports[name] = port;
  }
  return ports;
}
