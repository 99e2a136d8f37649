// What each of the two regions holds: services whose pods are all in the mesh, spare pods beside the endpoints of each, and the
// gateway of its network. Addresses of pods are the same in both, as they may be on networks of their own. In: numbers. Out: objects.

import type { TestObject } from '../../support/kube-api.ts';
import { clusterIpOf, namespace, namespaceObjects, serviceObject, sliceObject } from '../manifests.ts';

export interface RegionSize {
  readonly services: number;
  /** Of each service in each region, spare pods not counted. */
  readonly endpoints: number;
  /** Pods beside them; 1 unless said. */
  readonly spares?: number;
}

export interface RegionIdentity {
  /** 0 or 1. */
  readonly index: number;
  readonly network: string;
  /** The address of the network's gateway. */
  readonly gateway: string;
}

/** Everything that is there before the services. */
export function foundationOf({ network, gateway }: RegionIdentity): readonly TestObject[] {
  return [...namespaceObjects(network), gatewayObject(network, gateway)];
}

/** A service, its pods, and those of them that are its endpoints. */
export function serviceObjects(
  service: number,
  { endpoints, spares = 1 }: RegionSize,
  { index }: RegionIdentity,
): readonly TestObject[] {
  const pods = Array.from({ length: endpoints + spares }, (_, nth) => podObject(service, nth));
  return [serviceObject(service, clusterIpOf(service, index)), ...pods, sliceOfPods(service, endpoints)];
}

/** The slice of a service once its spare pod is an endpoint as well. */
export function sliceWithSpare(service: number, { endpoints }: RegionSize): TestObject {
  return sliceOfPods(service, endpoints + 1);
}

export function spareAddress(service: number, { endpoints }: RegionSize): string {
  return podAddress(service, endpoints);
}

/** The slice of a service with its first so many pods. */
export function sliceOfPods(service: number, pods: number): TestObject {
  const addresses = Array.from({ length: pods }, (_, nth) => podAddress(service, nth));
  return sliceObject(service, 0, addresses);
}

function podObject(service: number, nth: number): TestObject {
  const app = `svc-${service}`;
  const podIP = podAddress(service, nth);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${app}-${nth}`, namespace, labels: { app, 'security.istio.io/tlsMode': 'istio' } },
    spec: {
      serviceAccountName: app,
      containers: [{ name: 'app', image: 'app:1', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
    status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function gatewayObject(network: string, address: string): TestObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'eastwest-gateway',
      namespace: 'istio-system',
      labels: { 'topology.istio.io/network': network },
    },
    spec: { externalIPs: [address], ports: [{ name: 'tls', port: 15_443, protocol: 'TCP' }] },
  };
}

export function podAddress(service: number, nth: number): string {
  return `10.${10 + nth}.${Math.floor(service / 250)}.${(service % 250) + 1}`;
}
