// What the contract of all sources needs of a real API server: definitions of the mesh's kinds, timings that suit tests, and a
// way to write whatever the suite asks for.

import { KubeSource } from '../../discovery/source/kube/kube-source.ts';
import type { KubeTimings } from '../../discovery/source/kube/timings.ts';
import type { TestObject } from '../support/kube-api.ts';
import type { Manifest } from '../support/kube-objects.ts';
import type { KubeCluster } from '../support/kube.ts';
import { waitFor } from '../support/wait-for.ts';
import type { SourceFixture } from './source-contract.ts';

/** Quick for tests. */
export const quick: Partial<KubeTimings> = {
  backOffFirstMs: 50,
  backOffLongestMs: 500,
  rediscoverMs: 500,
  absentGraceMs: 300,
  forbiddenRetryMs: 500,
  answerTimeoutMs: 3_000,
  probeMs: 1_000,
  relistAfterOutageMs: 1_500,
};

/** As loose as can be: what is in the objects is checked by the reader. The first version is the stored one. */
export function definition(kind: string, plural: string, versions: readonly string[]): TestObject {
  const group = 'networking.istio.io';
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      })),
    },
  };
}

export const virtualServices = definition('VirtualService', 'virtualservices', ['v1', 'v1beta1']);

/** A custom resource can be written only some time after its definition. Real Pods need an image. */
export async function putOn(cluster: KubeCluster, manifest: Manifest): Promise<void> {
  const { spec } = manifest as { readonly spec?: { readonly containers?: readonly object[] } };
  const containers = spec?.containers?.map((container) => Object.assign({ image: 'none' }, container));
  const complete = manifest['kind'] === 'Pod' ? { ...manifest, spec: { ...spec, containers } } : manifest;
  await waitFor(
    () => cluster.api.apply(complete as TestObject).then(() => 'written'),
    (answer) => answer === 'written',
    { what: 'the object to be written' },
  );
}

/** Closing it removes what was written, except namespaces. */
export function fixtureOn(cluster: KubeCluster): SourceFixture {
  const written: Manifest[] = [];
  return {
    open: (scope) => new KubeSource({ credentials: { kind: 'file', path: cluster.kubeconfig }, scope, timings: quick }),
    put: async (manifest) => {
      written.push(manifest);
      await putOn(cluster, manifest);
    },
    remove: (manifest) => cluster.api.delete(manifest as TestObject),
    cut: () => cluster.killApiServer(),
    restore: () => cluster.startApiServer(),
    close: async () => {
      const kept = written.filter(({ kind }) => kind !== 'Namespace');
      await cluster.api.delete(...(kept as TestObject[]));
    },
  };
}
