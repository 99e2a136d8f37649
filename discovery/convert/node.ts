// A Node → where its Pods are, and by which external addresses its node ports are entered.

import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { Locality } from '../model/locality.ts';
import { canonicalAddress } from './address.ts';
import { FieldReader, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { label } from './well-known.ts';

export interface NodeDeclaration {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: Locality;
  readonly externalAddresses: readonly string[];
}

export function convertNode(object: KubernetesObject): Conversion<NodeDeclaration> {
  const findings = new Findings(object);
  const { name, labels } = object.metadata;
  const status = new FieldReader(object.body, '', findings).object('status');
  const externalAddresses: string[] = [];
  for (const reader of status?.objects('addresses') ?? []) {
    if (reader.string('type') !== 'ExternalIP') continue;
    const text = reader.string('address') ?? '';
    const address = canonicalAddress(text);
    if (address !== undefined) externalAddresses.push(address);
    else findings.error('invalid-address', reader.at('address'), `${show(text)} is not an IP address: correct it`);
  }
  return findings.conclude({
    name,
    labels,
    locality: {
      region: labels[label.region] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '',
      zone: labels[label.zone] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '',
      subzone: labels[label.subzone] ?? '',
    },
    externalAddresses: externalAddresses.toSorted(),
  });
}
