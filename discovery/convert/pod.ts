// A Pod → the workload that runs in it: addresses, readiness, identity, labels and named ports.

import type { EndpointHealth } from '../model/endpoint.ts';
import { keyOf, type KubernetesObject, type ObjectMeta } from '../model/kubernetes-object.ts';
import { canonicalAddress } from './address.ts';
import { FieldReader, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { label } from './well-known.ts';
import { canonicalService, labelLocality, type WorkloadDeclaration } from './workload-declaration.ts';

export function convertPod(object: KubernetesObject): Conversion<WorkloadDeclaration> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  const status = body.object('status') ?? new FieldReader({}, 'status', findings);
  const meta = object.metadata;
  const workloadName = ownerName(meta);
  const phase = status.string('phase');
  const serviceAccount = spec.string('serviceAccountName') ?? spec.string('serviceAccount') ?? '';
  return findings.conclude({
    key: keyOf(object),
    kind: 'pod',
    name: meta.name,
    namespace: meta.namespace,
    identity: {
      name: workloadName,
      namespace: meta.namespace,
      serviceAccount: serviceAccount === '' ? 'default' : serviceAccount,
      ...canonicalService(meta.labels, workloadName),
    },
    addresses: readAddresses(status),
    health: readHealth(status, phase, meta.deleting ?? false),
    ended: phase === 'Failed' || phase === 'Succeeded',
    deleting: meta.deleting ?? false,
    hostNetwork: spec.boolean('hostNetwork') ?? false,
    labels: meta.labels,
    nodeName: spec.string('nodeName'),
    locality: labelLocality(meta.labels),
    network: meta.labels[label.network],
    tlsMode: meta.labels[label.tlsMode] === 'istio' ? 'istio' : 'disabled',
    weight: 1,
    namedPorts: readNamedPorts(spec),
    hostname: spec.string('hostname'),
    subdomain: spec.string('subdomain'),
    createdAtMs: meta.createdAtMs,
  });
}

function readAddresses(status: FieldReader): string[] {
  const addresses = new Set<string>();
  const add = (text: string | undefined, field: string): void => {
    if (text === undefined || text === '') return;
    const address = canonicalAddress(text);
    if (address !== undefined) addresses.add(address);
    else status.findings.error('invalid-address', field, `${show(text)} is not an IP address: correct it`);
  };
  add(status.string('podIP'), 'status.podIP');
  for (const reader of status.objects('podIPs')) add(reader.string('ip'), reader.at('ip'));
  return [...addresses];
}

/** A Pod written by hand may have an address and no conditions: that counts as ready. */
function readHealth(status: FieldReader, phase: string | undefined, deleting: boolean): EndpointHealth {
  const conditions = status.objects('conditions');
  const ready = conditions.find((condition) => condition.string('type') === 'Ready');
  const isReady =
    ready === undefined
      ? conditions.length === 0 && (phase === undefined || phase === 'Running')
      : ready.string('status') === 'True';
  if (!isReady) return 'unhealthy';
  return deleting ? 'draining' : 'healthy';
}

function readNamedPorts(spec: FieldReader): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  // A sidecar may be an init container that keeps running, and it may own the port.
  for (const container of [...spec.objects('containers'), ...spec.objects('initContainers')]) {
    for (const reader of container.objects('ports')) {
      const name = reader.string('name') ?? '';
      const port = reader.port('containerPort');
      const transport = reader.string('protocol') ?? 'TCP';
      const isNew = name !== '' && !Object.hasOwn(ports, name);
      if (isNew && port !== undefined && transport === 'TCP') ports[name] = port;
    }
  }
  return ports;
}

/** The name of what made the Pod, as its author knows it: the Deployment rather than its ReplicaSet, the CronJob rather than its Job. */
function ownerName(meta: ObjectMeta): string {
  const owner = meta.ownerReferences?.find((reference) => reference.controller);
  if (owner === undefined) return meta.name;
  const hash = meta.labels[label.podTemplateHash];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return owner.name.slice(0, -hash.length - 1);
  }
  // A CronJob names its Jobs after itself and the minute (8 digits or more) they were due.
  return owner.kind === 'Job' ? owner.name.replace(/-\d{8,10}$/, '') : owner.name;
}
