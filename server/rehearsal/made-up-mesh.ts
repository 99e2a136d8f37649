// What is rehearsed with: a small mesh that exists nowhere, as a source would tell it.

import type { SourceEvent } from '../../discovery/model/source-event.ts';
import { parseObject } from '../../discovery/source/object-schema.ts';
import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import { struct } from '../generate/well-known-types.ts';

/** Of the cluster, its network and its only namespace. */
export const madeUpName = 'rehearsal';

const serviceCount = 20;

/** All of the mesh. */
export function madeUpObjects(): readonly SourceEvent[] {
  const indexes = Array.from({ length: serviceCount }, (_, index) => index);
  return [
    { kind: 'connected' },
    changed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: madeUpName } }),
    ...indexes.flatMap((index) => [serviceOf(index), sliceOf(index, 0)]),
    { kind: 'synced' },
  ];
}

/** Something that each `nth` time differs from before: endpoints, and now and then a route. */
export function madeUpChange(nth: number): SourceEvent {
  const index = nth % serviceCount;
  return nth % 5 === 4 ? routeOf(index, nth) : sliceOf(index, nth);
}

/** What proxies ask for once they know the clusters. */
export function madeUpClusters(): readonly string[] {
  return Array.from({ length: serviceCount }, (_, index) => `outbound|80||${hostOf(index)}`);
}

/** A sidecar; four workloads take turns. */
export function madeUpNode(index: number): Node {
  const address = `198.18.255.${index + 1}`;
  const app = `app-${index % 4}`;
  return {
    id: `sidecar~${address}~${app}-${index}.${madeUpName}~${madeUpName}.svc.cluster.local`,
    cluster: `${app}.${madeUpName}`,
    userAgentName: 'envoy',
    metadata: struct({
      CLUSTER_ID: madeUpName,
      NETWORK: madeUpName,
      NAMESPACE: madeUpName,
      SERVICE_ACCOUNT: 'default',
      ISTIO_VERSION: '1.28.0',
      MESH_ID: madeUpName,
      WORKLOAD_NAME: app,
      NAME: `${app}-${index}`,
      LABELS: { app },
      INSTANCE_IPS: address,
    }),
  };
}

function serviceOf(index: number): SourceEvent {
  return changed({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: nameOf(index), namespace: madeUpName },
    spec: {
      clusterIP: `198.18.254.${index + 1}`,
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      selector: { app: nameOf(index) },
    },
  });
}

function sliceOf(index: number, nth: number): SourceEvent {
  const addresses = [`198.18.0.${index + 1}`, `198.18.1.${index + 1}`, `198.19.${Math.floor(nth / 250)}.${nth % 250}`];
  return changed({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${nameOf(index)}-a`,
      namespace: madeUpName,
      labels: { 'kubernetes.io/service-name': nameOf(index) },
    },
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });
}

function routeOf(index: number, nth: number): SourceEvent {
  const host = hostOf(index);
  return changed({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: nameOf(index), namespace: madeUpName },
    spec: {
      hosts: [host],
      http: [{ headers: { request: { set: { 'x-nth': String(nth) } } }, route: [{ destination: { host } }] }],
    },
  });
}

function changed(manifest: object): SourceEvent {
  const object = parseObject(manifest, 'primary');
  if (object === undefined || Array.isArray(object)) throw new TypeError('a made-up object is not valid');
  return { kind: 'changed', object };
}

function nameOf(index: number): string {
  return `service-${index}`;
}

function hostOf(index: number): string {
  return `${nameOf(index)}.${madeUpName}.svc.cluster.local`;
}
