// What the proxies of one inbound view are sent about the workload they stand beside.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { generateInbound } from '../generate/inbound.ts';
import { inboundClusterName } from '../generate/names.ts';
import { ViewPatches } from '../patch/view-patches.ts';
import { buildInboundView } from '../view/inbound-view.ts';
import type { InboundScope } from '../view/scope.ts';
import { resourceName } from './encoded-resource.ts';
import { ResourceSets, type EncodingListener } from './resource-sets.ts';
import type { ResourceSet } from './type-snapshot.ts';

const noTypes: ReadonlySet<string> = new Set();

export class InboundResources {
  readonly #scope: InboundScope;
  readonly #sets: ResourceSets;
  readonly #patches: ViewPatches;
  #mesh: MeshSnapshot;

  constructor(scope: InboundScope, mesh: MeshSnapshot, onEncoded?: EncodingListener) {
    this.#sets = new ResourceSets(onEncoded);
    this.#scope = scope;
    this.#patches = new ViewPatches(scope.patches);
    this.#mesh = mesh;
    this.#generate();
  }

  get patches(): ViewPatches {
    return this.#patches;
  }

  /** Patches that were left out. */
  problems(): Iterable<Problem> {
    return this.#patches.problems(({ typeUrl, name }) => this.set(typeUrl).get(resourceName(name)) !== undefined);
  }

  set(typeUrl: string): ResourceSet {
    return this.#sets.get(typeUrl);
  }

  /** Brings everything up to `mesh`, of which only the configuration matters: the rest is in the scope. */
  update(mesh: MeshSnapshot): ReadonlySet<string> {
    const sameConfig = this.#mesh.config === mesh.config;
    this.#mesh = mesh;
    return sameConfig ? noTypes : this.#generate();
  }

  #generate(): ReadonlySet<string> {
    const generated = generateInbound(buildInboundView(this.#scope, this.#mesh));
    const hosts = Map.groupBy(this.#scope.ports, ({ port }) => inboundClusterName(port));
    const clusters = generated.clusters.flatMap((cluster) => {
      const own = hosts.get(cluster.name) ?? [];
      const patched = this.#patches.cluster(
        cluster,
        own.map(({ host }) => host),
      );
      return patched ?? [];
    });
    this.#sets.replaceAll(Cluster.typeUrl, [...clusters, ...this.#patches.addedClusters()]);
    this.#sets.replaceAll(Listener.typeUrl, this.#patches.listeners(generated.listeners));
    return this.#sets.commit();
  }
}
