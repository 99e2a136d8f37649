// What the proxies of one inbound view are sent about the workload they stand beside.

import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { generateInbound } from '../generate/inbound.ts';
import { buildInboundView } from '../view/inbound-view.ts';
import type { InboundDescription } from '../view/view-key.ts';
import { ResourceSets } from './resource-sets.ts';
import type { ResourceSet } from './type-snapshot.ts';

export class InboundResources {
  readonly #description: InboundDescription;
  readonly #sets = new ResourceSets();
  #mesh: MeshSnapshot;

  constructor(description: InboundDescription, mesh: MeshSnapshot) {
    this.#description = description;
    this.#mesh = mesh;
    this.#generate();
  }

  set(typeUrl: string): ResourceSet {
    return this.#sets.get(typeUrl);
  }

  /** Brings everything up to `mesh`. Returns the types that differ. */
  update(mesh: MeshSnapshot, change: ChangeSet): ReadonlySet<string> {
    const before = this.#mesh;
    this.#mesh = mesh;
    const concerned =
      change.everything ||
      before.config !== mesh.config ||
      before.policies.peerAuthentications !== mesh.policies.peerAuthentications ||
      before.policies.gateways !== mesh.policies.gateways ||
      [...change.services].some((host) => this.#inNamespace(before, host) || this.#inNamespace(mesh, host));
    return concerned ? this.#generate() : new Set();
  }

  #inNamespace(mesh: MeshSnapshot, host: Parameters<MeshSnapshot['services']['get']>[0]): boolean {
    return mesh.services.get(host)?.namespace === this.#description.namespace;
  }

  #generate(): ReadonlySet<string> {
    const generated = generateInbound(buildInboundView(this.#description, this.#mesh));
    this.#sets.replaceAll(Cluster.typeUrl, generated.clusters);
    this.#sets.replaceAll(Listener.typeUrl, generated.listeners);
    return this.#sets.commit();
  }
}
