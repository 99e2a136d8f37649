// An Istio WorkloadEntry → the workload outside Kubernetes that it stands for.
// https://istio.io/latest/docs/reference/config/networking/workload-entry/

import type { EndpointHealth } from '../model/endpoint.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import { parseLocality } from '../model/locality.ts';
import { canonicalAddress } from './address.ts';
import { FieldReader, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { label } from './well-known.ts';
import { canonicalService, labelLocality, type WorkloadDeclaration } from './workload-declaration.ts';

export function convertWorkloadEntry(object: KubernetesObject): Conversion<WorkloadDeclaration> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  const meta = object.metadata;
  const labels = { ...meta.labels, ...spec.stringMap('labels') };
  const serviceAccount = spec.string('serviceAccount') ?? '';
  const text = spec.requiredString('address');
  const address = canonicalAddress(text);
  if (text !== '' && address === undefined) {
    const message = `${show(text)} is not an IP address (host names and sockets are not supported yet): write an IP address`;
    findings.error('invalid-address', 'spec.address', message);
  }
  const locality = spec.string('locality') ?? '';
  const network = spec.string('network') ?? '';
  const ports = readPorts(spec);
  const weight = spec.integer('weight', 0, 1_000_000) ?? 1;
  spec.end();
  return findings.conclude({
    key: keyOf(object),
    kind: 'workload-entry',
    name: meta.name,
    namespace: meta.namespace,
    identity: {
      name: meta.name,
      namespace: meta.namespace,
      serviceAccount,
      ...canonicalService(labels, meta.name),
    },
    addresses: address === undefined ? [] : [address],
    ...(hostName === undefined ? {} : { dnsName: hostName }),
    health: readHealth(body.object('status')),
    ended: false,
    deleting: meta.deleting ?? false,
    hostNetwork: false,
    labels,
    locality: locality === '' ? labelLocality(labels) : parseLocality(locality),
    network: network === '' ? labels[label.network] : network,
    // An entry with a service account has a proxy that holds its certificate, unless its label says otherwise.
    tlsMode:
      (labels[label.tlsMode] ?? (serviceAccount === '' ? 'disabled' : 'istio')) === 'istio' ? 'istio' : 'disabled',
    weight: weight === 0 ? 1 : weight,
    namedPorts: ports,
    createdAtMs: meta.createdAtMs,
  });
}

/** The condition `Healthy`, which the control plane that a machine's agent reports to writes; without one it counts as healthy. */
function readHealth(status: FieldReader | undefined): EndpointHealth {
  const healthy = status?.objects('conditions').find((condition) => condition.string('type') === 'Healthy');
  return healthy?.string('status') === 'False' ? 'unhealthy' : 'healthy';
}
