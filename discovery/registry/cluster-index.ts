// What one Kubernetes cluster declares at present, filed by what it is looked up by, so that a change finds the few services
// and workloads that depend on it, however many there are. In: declarations put and removed. Out: lookups, and what is to be
// derived again.

import type { MeshSettings } from '../model/mesh-config.ts';
import type { NodeDeclaration } from '../convert/node.ts';
import type { TokenDeclaration } from '../convert/service-account-token.ts';
import type { SliceDeclaration } from '../convert/endpoint-slice.ts';
import type { GatewayResource } from '../convert/gateway-resource.ts';
import type { ServiceDeclaration } from '../convert/service.ts';
import type { ServiceEntryDeclaration } from '../convert/service-entry.ts';
import { selects } from '../convert/well-known.ts';
import type { WorkloadDeclaration } from '../convert/workload-declaration.ts';
import type { WorkloadIdentity } from '../model/endpoint.ts';
import { objectKey, parseObjectKey, type ObjectKey } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import type { Policy } from '../model/policy.ts';
import type { RemoteSecret } from '../model/remote-secret.ts';
import { MultiMap } from './multi-map.ts';
import { mapOver } from './overlay-map.ts';
import { ServiceEntryIndex } from './service-entry-index.ts';
import { SharedValues } from './shared-values.ts';

/** What must be derived again. Services are named `NAMESPACE/NAME`. */
export interface Affected {
  readonly services: Set<string>;
  readonly addresses: Set<string>;
  readonly policies: Set<ObjectKey>;
  gateways: boolean;
  tokens: boolean;
  roots: boolean;
  remoteSecrets: boolean;
  /** The cluster's network may differ, and with it every endpoint. */
  network: boolean;
}

export function nothingAffected(): Affected {
  return {
    services: new Set(),
    addresses: new Set(),
    policies: new Set(),
    gateways: false,
    tokens: false,
    roots: false,
    remoteSecrets: false,
    network: false,
  };
}

/** `NAMESPACE/NAME` of an object that is looked up by name from its namespace. */
export const localName = (namespace: string, name: string): string => `${namespace}/${name}`;

export class ClusterIndex {
  readonly services: Map<string, ServiceDeclaration>;
  /** The services among them that have a way in from outside: each may be a gateway. */
  readonly entryServices: Map<string, ServiceDeclaration>;
  /** Gateways of the Gateway API that are a network's. */
  readonly gatewayResources: Map<ObjectKey, GatewayResource>;
  readonly serviceEntries: ServiceEntryIndex;
  readonly nodes: Map<string, NodeDeclaration>;
  readonly policies: Map<ObjectKey, Policy>;
  readonly tokens: Map<ObjectKey, TokenDeclaration>;
  /** PEM bundles by namespace. */
  readonly roots: Map<string, string>;
  /** From ConfigMap `istio`. */
  meshSettings: MeshSettings | undefined;
  /** What each Secret that declares remote clusters declares. */
  readonly remoteSecrets: Map<ObjectKey, readonly RemoteSecret[]>;
  /** Namespaces whose Pods get a sidecar unless they say otherwise. */
  readonly injectedNamespaces: Set<string>;
  systemNetworkLabel: string | undefined;
  affected: Affected = nothingAffected();
  readonly labels = new SharedValues<Readonly<Record<string, string>>>();
  readonly portNumbers = new SharedValues<Readonly<Record<string, number>>>();
  readonly #identities = new SharedValues<WorkloadIdentity>();

  readonly #slices: Map<ObjectKey, SliceDeclaration>;
  readonly #workloads: Map<ObjectKey, WorkloadDeclaration>;
  readonly #servicesBySelector: MultiMap<string, string>;
  /** Names of labels that services are filed by: workloads are filed by no others. */
  readonly #selectorLabels: Set<string>;
  readonly #slicesByService: MultiMap<string, ObjectKey>;
  readonly #slicesByPod: MultiMap<ObjectKey, ObjectKey>;
  /** Of endpoints that name no Pod. */
  readonly #slicesByAddress: MultiMap<string, ObjectKey>;
  readonly #slicesByNode: MultiMap<string, ObjectKey>;
  readonly #workloadsByLabel: MultiMap<string, ObjectKey>;
  readonly #workloadsByAddress: MultiMap<string, ObjectKey>;
  readonly #workloadsByNode: MultiMap<string, ObjectKey>;

  /** Over another index: what is put here stays here, and what is put there shows here where nothing else was put. */
  constructor(below?: ClusterIndex) {
    this.services = mapOver(below?.services);
    this.entryServices = mapOver(below?.entryServices);
    this.gatewayResources = mapOver(below?.gatewayResources);
    this.serviceEntries = new ServiceEntryIndex(below?.serviceEntries);
    this.nodes = mapOver(below?.nodes);
    this.policies = mapOver(below?.policies);
    this.tokens = mapOver(below?.tokens);
    this.roots = mapOver(below?.roots);
    this.meshSettings = below?.meshSettings;
    this.remoteSecrets = mapOver(below?.remoteSecrets);
    this.injectedNamespaces = new Set(below?.injectedNamespaces);
    this.systemNetworkLabel = below?.systemNetworkLabel;
    this.#slices = mapOver(below && below.#slices);
    this.#workloads = mapOver(below && below.#workloads);
    this.#servicesBySelector = new MultiMap(below && below.#servicesBySelector);
    this.#selectorLabels = new Set(below && below.#selectorLabels);
    this.#slicesByService = new MultiMap(below && below.#slicesByService);
    this.#slicesByPod = new MultiMap(below && below.#slicesByPod);
    this.#slicesByAddress = new MultiMap(below && below.#slicesByAddress);
    this.#slicesByNode = new MultiMap(below && below.#slicesByNode);
    this.#workloadsByLabel = new MultiMap(below && below.#workloadsByLabel);
    this.#workloadsByAddress = new MultiMap(below && below.#workloadsByAddress);
    this.#workloadsByNode = new MultiMap(below && below.#workloadsByNode);
  }

  /** What was affected since this was last asked. */
  takeAffected(): Affected {
    const affected = this.affected;
    this.affected = nothingAffected();
    return affected;
  }

  putService(name: string, next: ServiceDeclaration | undefined): void {
    const before = this.services.get(name);
    const oldKey = serviceIndexKey(before);
    const newKey = serviceIndexKey(next);
    if (oldKey !== undefined) this.#servicesBySelector.delete(oldKey, name);
    if (newKey !== undefined) this.#servicesBySelector.add(newKey, name);
    if (next?.service.selector !== undefined) this.#fileBy(firstLabel(next.service.selector));
    if (next === undefined) this.services.delete(name);
    else this.services.set(name, next);
    if (next !== undefined && canBeGateway(next)) this.entryServices.set(name, next);
    else this.entryServices.delete(name);
    this.affected.services.add(name);
    this.affected.gateways ||= canBeGateway(before) || canBeGateway(next);
  }

  putServiceEntry(key: ObjectKey, next: ServiceEntryDeclaration | undefined): void {
    if (next?.selector !== undefined) this.#fileBy(firstLabel(next.selector));
    this.serviceEntries.put(key, next);
  }

  putGatewayResource(key: ObjectKey, next: GatewayResource | undefined): void {
    if (next === undefined && !this.gatewayResources.has(key)) return;
    if (next === undefined) this.gatewayResources.delete(key);
    else this.gatewayResources.set(key, next);
    this.affected.gateways = true;
  }

  putSlice(key: ObjectKey, next: SliceDeclaration | undefined): void {
    const before = this.#slices.get(key);
    if (before !== undefined) this.#fileSlice(key, before, 'delete');
    if (next === undefined) this.#slices.delete(key);
    else {
      this.#slices.set(key, next);
      this.#fileSlice(key, next, 'add');
    }
  }

  putWorkload(key: ObjectKey, next: WorkloadDeclaration | undefined): void {
    const before = this.#workloads.get(key);
    if (before !== undefined) this.#fileWorkload(before, 'delete');
    if (next === undefined) this.#workloads.delete(key);
    else {
      const kept = this.#shared(next, before);
      // The key that is filed is the one that is held already.
      this.#workloads.set(kept.key, kept);
      this.#fileWorkload(kept, 'add');
    }
  }

  putNode(name: string, next: NodeDeclaration | undefined): void {
    const before = this.nodes.get(name);
    if (next === undefined) this.nodes.delete(name);
    else this.nodes.set(name, next);
    for (const key of this.#workloadsByNode.get(name)) {
      const workload = this.#workloads.get(key);
      if (workload !== undefined) this.#touchWorkload(workload);
    }
    for (const key of this.#slicesByNode.get(name)) this.#touchSlice(key);
    this.affected.gateways ||= (before?.externalAddresses.length ?? 0) + (next?.externalAddresses.length ?? 0) > 0;
  }

  putNamespace(name: string, isInjected: boolean): void {
    if (this.injectedNamespaces.has(name) === isInjected) return;
    if (isInjected) this.injectedNamespaces.add(name);
    else this.injectedNamespaces.delete(name);
    for (const [service, declaration] of this.services) {
      if (declaration.service.namespace === name) this.affected.services.add(service);
    }
  }

  /** Everything that depends on the cluster's network. */
  touchEverything(): void {
    for (const name of this.services.keys()) this.affected.services.add(name);
    for (const workload of this.#workloads.values()) this.#touchWorkload(workload);
    this.serviceEntries.touchEverything();
    this.affected.gateways = true;
    this.affected.network = true;
  }

  /** Slices of a service, by name. */
  slicesOf(service: string): SliceDeclaration[] {
    return [...this.#slicesByService.get(service)]
      .flatMap((key) => this.#slices.get(key) ?? [])
      .toSorted((a, b) => compareText(a.name, b.name));
  }

  /** Workloads of a namespace that a selector selects, by key. */
  selected(namespace: string, selector: Readonly<Record<string, string>>): WorkloadDeclaration[] {
    return [...this.#workloadsByLabel.get(selectorIndexKey(namespace, selector))]
      .flatMap((key) => this.#workloads.get(key) ?? [])
      .filter((workload) => selects(selector, workload.labels))
      .toSorted((a, b) => compareText(a.key, b.key));
  }

  /** Whether an object is known that something is derived from. */
  has(key: ObjectKey): boolean {
    return this.declared(key) !== undefined;
  }

  /** What an object declares, of the kinds that are held by object. */
  declared(key: ObjectKey): object | undefined {
    const { kind, namespace, name } = parseObjectKey(key);
    if (kind === 'Service') return this.services.get(localName(namespace, name));
    if (kind === 'Node') return this.nodes.get(name);
    return (
      this.policies.get(key) ??
      this.#workloads.get(key) ??
      this.#slices.get(key) ??
      this.gatewayResources.get(key) ??
      this.serviceEntries.get(key)
    );
  }

  /** Since when it is there; undefined when it is not, or when that is not known. */
  createdAtMs(key: ObjectKey): number | undefined {
    const { kind, namespace, name } = parseObjectKey(key);
    if (kind === 'Service') return this.services.get(localName(namespace, name))?.service.createdAtMs;
    return (this.policies.get(key) ?? this.#workloads.get(key) ?? this.serviceEntries.get(key))?.createdAtMs;
  }

  podNamed(namespace: string, name: string): WorkloadDeclaration | undefined {
    return this.#workloads.get(objectKey('Pod', namespace, name));
  }

  /**
   * Who has an address. An address is handed on when its Pod ends, so a live Pod comes before one being deleted, a Pod
   * before a WorkloadEntry that claims its address, and a younger before an older one; Pods on the node's own network can't be told apart by it and are left out.
   */
  workloadAt(address: string): WorkloadDeclaration | undefined {
    return [...this.#workloadsByAddress.get(address)]
      .flatMap((key) => this.#workloads.get(key) ?? [])
      .filter((workload) => !workload.hostNetwork && !workload.ended)
      .toSorted(
        (a, b) =>
          Number(a.deleting) - Number(b.deleting) ||
          Number(a.kind !== 'pod') - Number(b.kind !== 'pod') ||
          b.createdAtMs - a.createdAtMs ||
          compareText(a.key, b.key),
      )[0];
  }

  #fileSlice(key: ObjectKey, slice: SliceDeclaration, action: 'add' | 'delete'): void {
    const service = localName(slice.namespace, slice.serviceName);
    this.#slicesByService[action](service, key);
    for (const endpoint of slice.endpoints) {
      if (endpoint.podName === undefined) this.#slicesByAddress[action](endpoint.address, key);
      else this.#slicesByPod[action](objectKey('Pod', slice.namespace, endpoint.podName), key);
      if (endpoint.nodeName !== undefined) this.#slicesByNode[action](endpoint.nodeName, key);
    }
    this.affected.services.add(service);
  }

  #fileWorkload(workload: WorkloadDeclaration, action: 'add' | 'delete'): void {
    const { key, namespace } = workload;
    for (const [name, value] of Object.entries(workload.labels)) {
      if (this.#selectorLabels.has(name)) this.#workloadsByLabel[action](labelIndexKey(namespace, name, value), key);
    }
    for (const address of workload.addresses) this.#workloadsByAddress[action](address, key);
    if (workload.nodeName !== undefined) this.#workloadsByNode[action](workload.nodeName, key);
    this.#touchWorkload(workload);
  }

  /** The first service that is filed by a label's name has all workloads filed by it. */
  #fileBy(name: string): void {
    if (this.#selectorLabels.has(name)) return;
    this.#selectorLabels.add(name);
    for (const { key, namespace, labels } of this.#workloads.values()) {
      const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
      if (value !== undefined) this.#workloadsByLabel.add(labelIndexKey(namespace, name, value), key);
    }
  }

  /** The same workload, holding what others hold too. */
  #shared(next: WorkloadDeclaration, before: WorkloadDeclaration | undefined): WorkloadDeclaration {
    return {
      ...next,
      key: before?.key ?? next.key,
      identity: this.#identities.share(next.identity, before?.identity),
      labels: this.labels.share(next.labels, before?.labels),
      namedPorts: this.portNumbers.share(next.namedPorts, before?.namedPorts),
    };
  }

  #touchWorkload(workload: WorkloadDeclaration): void {
    for (const [name, value] of Object.entries(workload.labels)) {
      for (const service of this.#servicesBySelector.get(labelIndexKey(workload.namespace, name, value))) {
        const selector = this.services.get(service)?.service.selector;
        if (selector !== undefined && selects(selector, workload.labels)) this.affected.services.add(service);
      }
    }
    this.serviceEntries.touchWorkload(workload.namespace, workload.labels);
    if (workload.kind === 'pod') {
      for (const key of this.#slicesByPod.get(workload.key)) this.#touchSlice(key);
    }
    for (const address of workload.addresses) {
      this.affected.addresses.add(address);
      for (const key of this.#slicesByAddress.get(address)) this.#touchSlice(key);
    }
  }

  #touchSlice(key: ObjectKey): void {
    const slice = this.#slices.get(key);
    if (slice !== undefined) this.affected.services.add(localName(slice.namespace, slice.serviceName));
  }
}

/** Services with any way in from outside; MeshNetworks may name one of them. */
function canBeGateway(declaration: ServiceDeclaration | undefined): boolean {
  if (declaration === undefined) return false;
  const { addresses, hostnames, nodeSelector } = declaration.entryPoints;
  return addresses.length > 0 || hostnames.length > 0 || nodeSelector !== undefined;
}

const labelIndexKey = (namespace: string, name: string, value: string): string => `${namespace}/${name}=${value}`;

/** A selector is filed under the first of its labels in text order. */
function selectorIndexKey(namespace: string, selector: Readonly<Record<string, string>>): string {
  const name = firstLabel(selector);
  return labelIndexKey(namespace, name, selector[name] ?? '');
}

function firstLabel(selector: Readonly<Record<string, string>>): string {
  const [name = ''] = Object.keys(selector).toSorted();
  return name;
}

function serviceIndexKey(declaration: ServiceDeclaration | undefined): string | undefined {
  const selector = declaration?.service.selector;
  return selector === undefined ? undefined : selectorIndexKey(declaration?.service.namespace ?? '', selector);
}
