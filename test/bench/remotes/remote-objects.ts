// What a remote cluster of the benchmark holds: services of pods with sidecars on a hundred nodes, and the gateway of its
// network, written as Kubernetes and an injector would have them. In: numbers. Out: objects.

import type { TestObject } from '../../support/kube-api.ts';

export const namespace = 'shop';
const nodeCount = 100;

export interface RemoteSize {
  readonly services: number;
  /** Of all services together; each has as many as the others. */
  readonly pods: number;
}

/** Everything that is there before the services. `network`: of the cluster. */
export function clusterObjects(network: string): readonly TestObject[] {
  return [
    systemNamespaceOf(network),
    namespaceObject(namespace, { 'istio-injection': 'enabled' }),
    ...Array.from({ length: nodeCount }, (_, index) => nodeObject(index)),
    gatewayService(network),
  ];
}

export function systemNamespaceOf(network: string): TestObject {
  return namespaceObject('istio-system', { 'topology.istio.io/network': network });
}

function namespaceObject(name: string, labels: Readonly<Record<string, string>>): TestObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function nodeObject(index: number): TestObject {
  const zone = `region-a-${'abc'[index % 3] ?? ''}`;
  const labels = {
    'kubernetes.io/hostname': nodeName(index),
    'topology.kubernetes.io/region': 'region-a',
    'topology.kubernetes.io/zone': zone,
  };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName(index), labels }, spec: {} };
}

function gatewayService(network: string): TestObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'eastwest-gateway',
      namespace: 'istio-system',
      labels: { 'topology.istio.io/network': network },
    },
    spec: { externalIPs: ['192.0.2.10'], ports: [{ name: 'tls', port: 15_443, protocol: 'TCP' }] },
  };
}

export function serviceObject(service: number): TestObject {
  const app = serviceName(service);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace, labels: { app } },
    spec: {
      selector: { app },
      ports: [
        { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' },
        { name: 'grpc', port: 9000, targetPort: 9000, protocol: 'TCP' },
      ],
    },
  };
}

/** `unready`: the number of a pod that takes no traffic. The pods of service S are those whose number divided by the services leaves S. */
export function sliceObject(size: RemoteSize, service: number, unready?: number): TestObject {
  const app = serviceName(service);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${app}-x7k2p`,
      namespace,
      labels: {
        'kubernetes.io/service-name': app,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'grpc', port: 9000, protocol: 'TCP' },
    ],
    endpoints: podsOf(size, service).map((pod) => {
      const ready = pod !== unready;
      return {
        addresses: [podAddress(pod)],
        conditions: { ready, serving: ready, terminating: false },
        nodeName: nodeName(pod % nodeCount),
        targetRef: { kind: 'Pod', namespace, name: podName(size, pod) },
        zone: `region-a-${'abc'[(pod % nodeCount) % 3] ?? ''}`,
      };
    }),
  };
}

export function podObject(size: RemoteSize, pod: number, ready = true): TestObject {
  const app = serviceName(serviceOf(size, pod));
  const condition = (type: string, status = 'True'): Readonly<Record<string, unknown>> => ({
    type,
    status,
    lastTransitionTime: '2026-11-22T00:00:00Z',
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(size, pod),
      namespace,
      labels: {
        app,
        version: 'v1',
        'pod-template-hash': templateHash,
        'security.istio.io/tlsMode': 'istio',
        'service.istio.io/canonical-name': app,
        'service.istio.io/canonical-revision': 'v1',
      },
      annotations: {
        'prometheus.io/scrape': 'true',
        'sidecar.istio.io/status': JSON.stringify({ revision: 'default', volumes: ['istio-envoy', 'istio-token'] }),
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${app}-${templateHash}`,
          uid: '6f1d3b0e-58a4-4a53-9d5b-0d0c0c7a9b11',
          controller: true,
        },
      ],
    },
    spec: {
      nodeName: nodeName(pod % nodeCount),
      serviceAccountName: app,
      containers: [
        container('app', [
          { name: 'http', containerPort: 8080 },
          { name: 'grpc', containerPort: 9000 },
        ]),
        container('istio-proxy', [{ name: 'http-envoy-prom', containerPort: 15_090 }]),
      ],
    },
    status: {
      phase: 'Running',
      podIP: podAddress(pod),
      podIPs: [{ ip: podAddress(pod) }],
      conditions: [
        condition('PodScheduled'),
        condition('Initialized'),
        condition('ContainersReady', ready ? 'True' : 'False'),
        condition('Ready', ready ? 'True' : 'False'),
      ],
    },
  };
}

function container(name: string, ports: readonly object[]): object {
  const env = ['POD_NAME', 'POD_NAMESPACE', 'LOG_LEVEL', 'DATABASE_URL', 'CACHE_URL', 'FEATURES'];
  return {
    name,
    image: `registry.example.com/shop/${name}:1.2.3`,
    ports,
    env: env.map((variable) => ({ name: variable, value: `value-of-${variable.toLowerCase()}-for-${name}` })),
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '1Gi' } },
    readinessProbe: { httpGet: { path: '/healthz/ready', port: 15_021 }, periodSeconds: 2 },
  };
}

const templateHash = '7d4b9c6f5';

export function serviceOf({ services }: RemoteSize, pod: number): number {
  return pod % services;
}

function podsOf({ services, pods }: RemoteSize, service: number): readonly number[] {
  return Array.from({ length: Math.floor(pods / services) }, (_, nth) => nth * services + service);
}

function serviceName(service: number): string {
  return `svc-${service}`;
}

function podName(size: RemoteSize, pod: number): string {
  const suffix = (pod * 7919).toString(36).padStart(5, 'x').slice(-5);
  return `${serviceName(serviceOf(size, pod))}-${templateHash}-${suffix}`;
}

function podAddress(pod: number): string {
  return `10.${64 + Math.floor(pod / 62_500)}.${Math.floor(pod / 250) % 250}.${(pod % 250) + 1}`;
}

function nodeName(index: number): string {
  return `ip-10-0-${index}-17.region-a.compute.internal`;
}
