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
import { parseObjectKey, type ObjectKey } from '../model/names.ts';
import type { Policy } from '../model/policy.ts';
import type { RemoteSecret } from '../model/remote-secret.ts';
import { nothingAffected, type Affected } from './affected.ts';
import { localName } from './local-name.ts';
import { MultiMap } from './multi-map.ts';
import { mapOver } from './overlay-map.ts';
import { labelKey, selectorKey } from './selector-key.ts';
import { ServiceEntryIndex } from './service-entry-index.ts';
import { SharedValues } from './shared-values.ts';
import { serviceOf, SliceIndex } from './slice-index.ts';
import { WorkloadIndex } from './workload-index.ts';

export class ClusterIndex {
  readonly services: Map<string, ServiceDeclaration>;
  /** The services among them that have a way in from outside: each may be a gateway. */
  readonly entryServices: Map<string, ServiceDeclaration>;
  /** Gateways of the Gateway API that are a network's. */
  readonly gatewayResources: Map<ObjectKey, GatewayResource>;
  readonly serviceEntries: ServiceEntryIndex;
  /** To be changed by `putSlice` alone. */
  readonly slices: SliceIndex;
  /** To be changed by `putWorkload` alone. */
  readonly workloads: WorkloadIndex;
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

  /** By the label that they select by. */
  readonly #servicesBySelector: MultiMap<string, string>;

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
    this.slices = new SliceIndex(below?.slices);
    this.workloads = new WorkloadIndex({ labels: this.labels, portNumbers: this.portNumbers }, below?.workloads);
    this.#servicesBySelector = new MultiMap(below && below.#servicesBySelector);
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
    if (next?.service.selector !== undefined) this.workloads.fileFor(next.service.selector);
    if (next === undefined) this.services.delete(name);
    else this.services.set(name, next);
    if (next !== undefined && canBeGateway(next)) this.entryServices.set(name, next);
    else this.entryServices.delete(name);
    this.affected.services.add(name);
    this.affected.gateways ||= canBeGateway(before) || canBeGateway(next);
  }

  putServiceEntry(key: ObjectKey, next: ServiceEntryDeclaration | undefined): void {
    if (next?.selector !== undefined) this.workloads.fileFor(next.selector);
    this.serviceEntries.put(key, next);
  }

  putGatewayResource(key: ObjectKey, next: GatewayResource | undefined): void {
    if (next === undefined && !this.gatewayResources.has(key)) return;
    if (next === undefined) this.gatewayResources.delete(key);
    else this.gatewayResources.set(key, next);
    this.affected.gateways = true;
  }

  putSlice(key: ObjectKey, next: SliceDeclaration | undefined): void {
    const before = this.slices.get(key);
    this.slices.put(key, next);
    if (before !== undefined) this.affected.services.add(serviceOf(before));
    if (next !== undefined) this.affected.services.add(serviceOf(next));
  }

  putWorkload(key: ObjectKey, next: WorkloadDeclaration | undefined): void {
    const before = this.workloads.get(key);
    const after = this.workloads.put(key, next);
    if (before !== undefined) this.#touchWorkload(before);
    if (after !== undefined) this.#touchWorkload(after);
  }

  putNode(name: string, next: NodeDeclaration | undefined): void {
    const before = this.nodes.get(name);
    if (next === undefined) this.nodes.delete(name);
    else this.nodes.set(name, next);
    for (const workload of this.workloads.onNode(name)) this.#touchWorkload(workload);
    this.#touchServices(this.slices.servicesOnNode(name));
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
    for (const workload of this.workloads.values()) this.#touchWorkload(workload);
    this.serviceEntries.touchEverything();
    this.affected.gateways = true;
    this.affected.network = true;
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
      this.workloads.get(key) ??
      this.slices.get(key) ??
      this.gatewayResources.get(key) ??
      this.serviceEntries.get(key)
    );
  }

  /** Since when it is there; undefined when it is not, or when that is not known. */
  createdAtMs(key: ObjectKey): number | undefined {
    const { kind, namespace, name } = parseObjectKey(key);
    if (kind === 'Service') return this.services.get(localName(namespace, name))?.service.createdAtMs;
    return (this.policies.get(key) ?? this.workloads.get(key) ?? this.serviceEntries.get(key))?.createdAtMs;
  }

  #touchWorkload(workload: WorkloadDeclaration): void {
    for (const [name, value] of Object.entries(workload.labels)) {
      for (const service of this.#servicesBySelector.get(labelKey(workload.namespace, name, value))) {
        const selector = this.services.get(service)?.service.selector;
        if (selector !== undefined && selects(selector, workload.labels)) this.affected.services.add(service);
      }
    }
    this.serviceEntries.touchWorkload(workload.namespace, workload.labels);
    if (workload.kind === 'pod') this.#touchServices(this.slices.servicesOfPod(workload.key));
    for (const address of workload.addresses) {
      this.affected.addresses.add(address);
      this.#touchServices(this.slices.servicesAt(address));
    }
  }

  #touchServices(services: Iterable<string>): void {
    for (const service of services) this.affected.services.add(service);
  }
}

/** Services with any way in from outside; MeshNetworks may name one of them. */
function canBeGateway(declaration: ServiceDeclaration | undefined): boolean {
  if (declaration === undefined) return false;
  const { addresses, hostnames, nodeSelector } = declaration.entryPoints;
  return addresses.length > 0 || hostnames.length > 0 || nodeSelector !== undefined;
}

function serviceIndexKey(declaration: ServiceDeclaration | undefined): string | undefined {
  const selector = declaration?.service.selector;
  return selector === undefined ? undefined : selectorKey(declaration?.service.namespace ?? '', selector);
}
