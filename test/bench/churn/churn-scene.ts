// Where steady changes happen: one cluster, or two on two networks whose gateways lead to each other's pods. In: the mesh. Out: the
// registry of the instance, and how the change of a number is written.

import { eachOf } from '../each-of.ts';
import { inNamespace, namespaceOf, sidecarDefinition, sidecarObject } from '../manifests.ts';
import { foundationOf, serviceObjects, sliceOfPods } from '../regions/region-objects.ts';
import { openRegions, untilRemoteIsRead, type RegionFilling } from '../regions/regions.ts';
import type { BenchRegistry, Filling } from '../registry.ts';
import type { ServerUnderTest } from '../server-under-test.ts';
import { changedSlice, fillMesh, type ChurnMesh } from './churn-mesh.ts';
import { podsAfter, turns } from './gateway-weight.ts';

export interface ChurnScene extends AsyncDisposable {
  readonly registry: BenchRegistry;
  /** Writes the change of that number; it is the service's change of number `turn`. */
  readonly change: (nth: number, place: { readonly service: number; readonly turn: number }) => Promise<void>;
  /** Resolves when the server knows all of it. */
  readonly ready: (server: ServerUnderTest) => Promise<void>;
  /** Endpoints of each service behind a gateway, where services change there as well. */
  readonly remoteEndpoints?: number;
}

/** What is stored is kept for the next run. */
export async function openOneCluster(
  open: (filling: Filling) => Promise<BenchRegistry>,
  mesh: ChurnMesh,
): Promise<ChurnScene> {
  const { services, endpoints, namespaces } = mesh;
  const registry = await open({
    name: `churn-${services}-${endpoints}-${namespaces}`,
    writeInto: (empty) => fillMesh(empty, mesh),
  });
  return {
    registry,
    change: (nth, { service }) => registry.replace(changedSlice(nth, service, mesh)),
    ready: async () => undefined,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

/** Takes the registry, which is empty. All pods are in the mesh; each service changes in one of the two clusters. */
export async function openTwoClusters(empty: BenchRegistry, mesh: ChurnMesh): Promise<ChurnScene> {
  const { services, endpoints, namespaces } = mesh;
  const isScoped = namespaces > 1;
  if (isScoped && empty.kind === 'kube') await empty.define(sidecarDefinition);
  const filling: RegionFilling = async (region, identity) => {
    await region.write(...foundationOf(identity));
    for (let nth = 0; nth < namespaces; nth += 1) {
      const name = namespaceOf(nth, namespaces);
      await region.write({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      if (isScoped && identity.index === 0) await region.write(sidecarObject(name));
    }
    await eachOf(Array(services).keys(), (service) => {
      const objects = serviceObjects(
        service,
        { ...mesh, spares: identity.index === 1 && isRemote(service, mesh) ? turns : 0 },
        identity,
      );
      return region.write(...objects.map((object) => inNamespace(object, namespaceOf(service, namespaces))));
    });
  };
  const regions = await openRegions(empty, mesh, filling);
  return {
    registry: { ...regions.own, pids: () => [...regions.own.pids(), ...regions.remote.pids()] },
    change: (nth, { service, turn }) => {
      if (!isRemote(service, mesh)) return regions.own.replace(changedSlice(nth, service, mesh));
      const slice = sliceOfPods(service, podsAfter(turn, endpoints));
      return regions.remote.replace(inNamespace(slice, namespaceOf(service, namespaces)));
    },
    ready: (server) => untilRemoteIsRead(server, mesh),
    remoteEndpoints: endpoints,
    [Symbol.asyncDispose]: () => regions[Symbol.asyncDispose](),
  };
}

/** Every other one in each namespace. */
function isRemote(service: number, { namespaces }: ChurnMesh): boolean {
  return Math.floor(service / namespaces) % 2 === 1;
}
