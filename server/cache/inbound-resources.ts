// What the proxies of one inbound view are sent about the workload they stand beside.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { generateInbound } from '../generate/inbound.ts';
import { buildInboundView } from '../view/inbound-view.ts';
import type { InboundScope } from '../view/scope.ts';
import { ResourceSets, type EncodingListener } from './resource-sets.ts';
import type { ResourceSet } from './type-snapshot.ts';

export class InboundResources {
  readonly #scope: InboundScope;
  readonly #sets: ResourceSets;
  #mesh: MeshSnapshot;

  constructor(scope: InboundScope, mesh: MeshSnapshot, onEncoded?: EncodingListener) {
    this.#sets = new ResourceSets(onEncoded);
    this.#scope = scope;
    this.#mesh = mesh;
    this.#generate();
  }

  set(typeUrl: string): ResourceSet {
    return this.#sets.get(typeUrl);
  }

  /** Brings everything up to `mesh`, of which only the configuration matters: the rest is in the scope. */
  update(mesh: MeshSnapshot): ReadonlySet<string> {
    const sameConfig = this.#mesh.config === mesh.config;
    this.#mesh = mesh;
    return sameConfig ? new Set() : this.#generate();
  }

  #generate(): ReadonlySet<string> {
    const generated = generateInbound(buildInboundView(this.#scope, this.#mesh));
    this.#sets.replaceAll(Cluster.typeUrl, generated.clusters);
    this.#sets.replaceAll(Listener.typeUrl, generated.listeners);
    return this.#sets.commit();
  }
}
