// The mesh that changes all the time: services in turn over the namespaces, each of which sees only itself.

import type { TestObject } from '../../support/kube-api.ts';
import { eachOf } from '../each-of.ts';
import {
  inNamespace,
  namespace,
  namespaceObjects,
  namespaceOf,
  sidecarDefinition,
  sidecarObject,
  sliceObject,
} from '../manifests.ts';
import { benchService, type BenchRegistry } from '../registry.ts';
import { network } from '../server-under-test.ts';
import { markerOf } from './marker.ts';

export interface ChurnMesh {
  readonly services: number;
  readonly endpoints: number;
  readonly namespaces: number;
}

export async function fillMesh(registry: BenchRegistry, { services, endpoints, namespaces }: ChurnMesh): Promise<void> {
  await registry.write(...namespaceObjects(network));
  const indexes = Array.from({ length: services }, (_, index) => index);
  if (namespaces > 1) {
    if (registry.kind === 'kube') await registry.define(sidecarDefinition);
    for (let nth = 0; nth < namespaces; nth += 1) {
      const name = namespaceOf(nth, namespaces);
      await registry.write({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, sidecarObject(name));
    }
  }
  await eachOf(indexes, (index) =>
    registry.write(
      ...[benchService(index), sliceObject(index, endpoints)].map((object) =>
        inNamespace(object, namespaceOf(index, namespaces)),
      ),
    ),
  );
}

/** The slice of a service as the change leaves it: its own endpoints, and the address that tells the change. */
export function changedSlice(nth: number, service: number, { endpoints, namespaces }: ChurnMesh): TestObject {
  return inNamespace(sliceObject(service, endpoints, [markerOf(nth)]), namespaceOf(service, namespaces));
}

/** What a fleet is told of it. */
export function fleetIn({ namespaces }: ChurnMesh): { readonly namespace: string; readonly namespaces: number } {
  return { namespace, namespaces };
}
