// The EndpointSlices of one cluster, by service and by whatever else decides what their endpoints are: Pods, addresses, Nodes. In: slices
// put and removed. Out: the slices of a service, and the services that something is an endpoint of.

import type { SliceDeclaration } from '../convert/endpoint-slice.ts';
import { objectKey, type ObjectKey } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import { localName } from './local-name.ts';
import { MultiMap } from './multi-map.ts';
import { mapOver } from './overlay-map.ts';

/** Services are named `NAMESPACE/NAME`. */
export class SliceIndex {
  readonly #slices: Map<ObjectKey, SliceDeclaration>;
  readonly #byService: MultiMap<string, ObjectKey>;
  readonly #byPod: MultiMap<ObjectKey, ObjectKey>;
  /** Of endpoints that name no Pod. */
  readonly #byAddress: MultiMap<string, ObjectKey>;
  readonly #byNode: MultiMap<string, ObjectKey>;

  /** Over another index: what is put here stays here. */
  constructor(below?: SliceIndex) {
    this.#slices = mapOver(below && below.#slices);
    this.#byService = new MultiMap(below && below.#byService);
    this.#byPod = new MultiMap(below && below.#byPod);
    this.#byAddress = new MultiMap(below && below.#byAddress);
    this.#byNode = new MultiMap(below && below.#byNode);
  }

  get(key: ObjectKey): SliceDeclaration | undefined {
    return this.#slices.get(key);
  }

  put(key: ObjectKey, next: SliceDeclaration | undefined): void {
    const before = this.#slices.get(key);
    if (before !== undefined) this.#file(key, before, 'delete');
    if (next === undefined) this.#slices.delete(key);
    else {
      this.#slices.set(key, next);
      this.#file(key, next, 'add');
    }
  }

  /** Slices of a service, by name. */
  of(service: string): SliceDeclaration[] {
    return [...this.#byService.get(service)]
      .flatMap((key) => this.#slices.get(key) ?? [])
      .toSorted((a, b) => compareText(a.name, b.name));
  }

  /** Services with an endpoint that names the Pod. */
  servicesOfPod(pod: ObjectKey): string[] {
    return this.#servicesOf(this.#byPod.get(pod));
  }

  /** Services with an endpoint at the address that names no Pod. */
  servicesAt(address: string): string[] {
    return this.#servicesOf(this.#byAddress.get(address));
  }

  servicesOnNode(node: string): string[] {
    return this.#servicesOf(this.#byNode.get(node));
  }

  #servicesOf(keys: Iterable<ObjectKey>): string[] {
    const services: string[] = [];
    for (const key of keys) {
      const slice = this.#slices.get(key);
      if (slice !== undefined) services.push(serviceOf(slice));
    }
    return services;
  }

  #file(key: ObjectKey, slice: SliceDeclaration, action: 'add' | 'delete'): void {
    this.#byService[action](serviceOf(slice), key);
    for (const endpoint of slice.endpoints) {
      if (endpoint.podName === undefined) this.#byAddress[action](endpoint.address, key);
      else this.#byPod[action](objectKey('Pod', slice.namespace, endpoint.podName), key);
      if (endpoint.nodeName !== undefined) this.#byNode[action](endpoint.nodeName, key);
    }
  }
}

/** The service whose endpoints it has. */
export function serviceOf({ namespace, serviceName }: SliceDeclaration): string {
  return localName(namespace, serviceName);
}
