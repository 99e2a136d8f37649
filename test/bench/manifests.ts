// The mesh that the benchmark serves: N services with M endpoints each, and what changes in it. The objects are those
// that Kubernetes itself would have, so a real API server and a registry directory take the same.

import type { TestObject } from '../support/kube-api.ts';

export const namespace = 'load';

export function namespaceObjects(network: string): readonly TestObject[] {
  const of = (name: string, labels: Readonly<Record<string, string>> = {}): TestObject => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  });
  return [of('istio-system', { 'topology.istio.io/network': network }), of(namespace)];
}

/** `clusterIp`: where no API server hands one out. */
export function serviceObject(index: number, clusterIp?: string): TestObject {
  const app = serviceName(index);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace },
    spec: {
      ...(clusterIp === undefined ? {} : { clusterIP: clusterIp }),
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      selector: { app },
    },
  };
}

/** Ready endpoints of a service: `count` of its own and the extra addresses. */
export function sliceObject(index: number, count: number, extra: readonly string[] = []): TestObject {
  const own = Array.from(
    { length: count },
    (_, nth) => `10.${10 + nth}.${Math.floor(index / 250)}.${(index % 250) + 1}`,
  );
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${serviceName(index)}-a`,
      namespace,
      labels: {
        'kubernetes.io/service-name': serviceName(index),
        'endpointslice.kubernetes.io/managed-by': 'bench',
      },
    },
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [...own, ...extra].map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

/** A VirtualService that sets a header to `marker` on the way to the service. */
export function virtualServiceObject(index: number, marker: string): TestObject {
  const host = hostOf(index);
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: serviceName(index), namespace },
    spec: {
      hosts: [host],
      http: [{ headers: { request: { set: { 'x-marker': marker } } }, route: [{ destination: { host } }] }],
    },
  };
}

/** As loose as can be. */
function looseDefinition(kind: string, plural: string): TestObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.networking.istio.io` },
    spec: {
      group: 'networking.istio.io',
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
}

export const virtualServiceDefinition = looseDefinition('VirtualService', 'virtualservices');
export const sidecarDefinition = looseDefinition('Sidecar', 'sidecars');

/** The same object elsewhere. */
export function inNamespace(object: TestObject, name: string): TestObject {
  return { ...object, metadata: { ...object.metadata, namespace: name } };
}

/** The nth of so many namespaces in turn; the usual one when there is one. */
export function namespaceOf(index: number, namespaces: number): string {
  return namespaces === 1 ? namespace : `${namespace}-${index % namespaces}`;
}

/** Its workloads call only what is in their own namespace. */
export function sidecarObject(inside: string): TestObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Sidecar',
    metadata: { name: 'default', namespace: inside },
    spec: { egress: [{ hosts: ['./*'] }] },
  };
}

/** Of the range of test/support/kube.ts, which each cluster has its own of, behind what the API server takes for itself. */
export function clusterIpOf(index: number, cluster = 0): string {
  return `10.${96 + cluster}.${1 + Math.floor(index / 250)}.${(index % 250) + 1}`;
}

export function hostOf(index: number): string {
  return `${serviceName(index)}.${namespace}.svc.cluster.local`;
}

function serviceName(index: number): string {
  return `svc-${index}`;
}
