// What a Pod or a WorkloadEntry declares: an address, who runs there and where, in one shape for both.

import type { EndpointHealth, TlsMode, WorkloadIdentity } from '../model/endpoint.ts';
import type { Locality } from '../model/locality.ts';
import type { Hostname, ObjectKey } from '../model/names.ts';
import { label } from './well-known.ts';

export interface WorkloadDeclaration {
  readonly key: ObjectKey;
  readonly kind: 'pod' | 'workload-entry';
  /** The Kubernetes object's own name. */
  readonly name: string;
  readonly namespace: string;
  readonly identity: WorkloadIdentity;
  /** Canonical addresses; empty while none is known. */
  readonly addresses: readonly string[];
  /** Of a WorkloadEntry that has a DNS name instead of an address: only ServiceEntries that resolve by DNS can use it. */
  readonly dnsName?: Hostname | undefined;
  readonly health: EndpointHealth;
  /** It has ended and gets no endpoint: a Pod in phase Failed or Succeeded. */
  readonly ended: boolean;
  readonly deleting: boolean;
  /** It shares the node's address, so its address alone does not tell who it is. */
  readonly hostNetwork: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly nodeName?: string | undefined;
  /** Declared at the workload itself; wins over its node's. */
  readonly locality?: Locality | undefined;
  /** Declared at the workload itself. */
  readonly network?: string | undefined;
  readonly tlsMode: TlsMode;
  readonly weight: number;
  /** Container ports of a Pod by name; ports of a WorkloadEntry by the Service's port name. */
  readonly namedPorts: Readonly<Record<string, number>>;
  readonly hostname?: string | undefined;
  readonly subdomain?: string | undefined;
  readonly createdAtMs: number;
}

/** Istio's canonical name and revision: their labels, else the usual application labels, else the workload's name and `latest`. */
export function canonicalService(
  labels: Readonly<Record<string, string>>,
  workloadName: string,
): { readonly canonicalName: string; readonly canonicalRevision: string } {
  return {
    canonicalName: labels[label.canonicalName] ?? labels[label.appName] ?? labels['app'] ?? workloadName,
    canonicalRevision: labels[label.canonicalRevision] ?? labels[label.appVersion] ?? labels['version'] ?? 'latest',
  };
}

/** Reads the label `istio-locality`, whose parts are separated by dots because labels can't hold a slash. */
export function labelLocality(labels: Readonly<Record<string, string>>): Locality | undefined {
  const text = labels[label.locality];
  if (text === undefined || text === '') return undefined;
  const [region = '', zone = '', subzone = ''] = text.includes('/') ? text.split('/') : text.split('.');
  return { region, zone, subzone };
}
