// An object that somebody would write to an API server, with what that server fills in: the time of what is there, or now, and of a
// Service the addresses and node ports that it has. In: the object, and what is known of the cluster. Out: the object as it would come.

import type { ServiceDeclaration } from '../convert/service.ts';
import { isMapping } from '../convert/field-reader.ts';
import { keyOf, kindOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { localName } from './local-name.ts';

export function asAssigned(object: KubernetesObject, index: ClusterIndex, nowMs: number): KubernetesObject {
  const createdAtMs = index.createdAtMs(keyOf(object)) ?? nowMs;
  const timed = { ...object, metadata: { ...object.metadata, createdAtMs } };
  if (kindOf(object) !== 'Service') return timed;
  const known = index.services.get(localName(object.metadata.namespace, object.metadata.name));
  return known === undefined ? timed : { ...timed, body: serviceBody(object.body, known) };
}

function serviceBody(body: KubernetesObject['body'], known: ServiceDeclaration): KubernetesObject['body'] {
  const spec = isMapping(body['spec']) ? body['spec'] : {};
  const { addresses, hostnames, nodePorts } = known.entryPoints;
  const keepsAddress =
    known.service.kind === 'cluster-ip' &&
    spec['clusterIP'] === undefined &&
    spec['clusterIPs'] === undefined &&
    spec['type'] !== 'ExternalName';
  const ingress = [...addresses.map((ip) => ({ ip })), ...hostnames.map((hostname) => ({ hostname }))];
  return {
    ...body,
    spec: {
      ...spec,
      ...(keepsAddress ? { clusterIPs: known.service.addresses } : {}),
      ...(Array.isArray(spec['ports']) ? { ports: spec['ports'].map((port) => withNodePort(port, nodePorts)) } : {}),
    },
    ...(body['status'] === undefined && spec['type'] === 'LoadBalancer'
      ? { status: { loadBalancer: { ingress } } }
      : {}),
  };
}

function withNodePort(port: unknown, nodePorts: Readonly<Record<number, number>>): unknown {
  if (!isMapping(port) || port['nodePort'] !== undefined || typeof port['port'] !== 'number') return port;
  const nodePort = nodePorts[port['port']];
  return nodePort === undefined ? port : { ...port, nodePort };
}
