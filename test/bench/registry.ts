// Where the benchmark writes its mesh: a real API server, or a registry directory where there is none. In: objects. Out:
// how an instance is told to read them.

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { objectPath, type TestObject } from '../support/kube-api.ts';
import { startKubeCluster } from '../support/kube.ts';
import { waitFor } from '../support/wait-for.ts';
import { eachOf } from './each-of.ts';
import { clusterIpOf, namespaceObjects, serviceObject, sliceObject, virtualServiceDefinition } from './manifests.ts';

export interface BenchRegistry extends AsyncDisposable {
  readonly kind: 'kube' | 'directory';
  /** Options of `isthmus serve`. */
  readonly argv: readonly string[];
  readonly write: (...objects: readonly TestObject[]) => Promise<void>;
  readonly remove: (...objects: readonly TestObject[]) => Promise<void>;
}

export interface SeedOptions {
  readonly services: number;
  readonly endpoints: number;
  readonly network: string;
}

export async function seed(registry: BenchRegistry, { services, endpoints, network }: SeedOptions): Promise<void> {
  await registry.write(...namespaceObjects(network));
  const indexes = Array.from({ length: services }, (_, index) => index);
  await eachOf(indexes, (index) => registry.write(benchService(index), sliceObject(index, endpoints)));
}

/** With an address: those that an API server hands out are of other lengths in each run. */
export function benchService(index: number): TestObject {
  return serviceObject(index, clusterIpOf(index));
}

/** One file an object, replaced as a whole. */
export async function openDirectory(): Promise<BenchRegistry & { readonly path: string }> {
  const base = await mkdtemp(join(tmpdir(), 'isthmus-bench-'));
  const directory = join(base, 'registry');
  await mkdir(directory);
  const fileOf = (object: TestObject): string => `${objectPath(object).replaceAll('/', '_')}.yaml`;
  return {
    kind: 'directory',
    path: directory,
    argv: ['--registry', directory, '--state-dir', join(base, 'state')],
    write: async (...objects) => {
      for (const object of objects) {
        const fresh = join(base, `fresh-${fileOf(object)}`);
        await writeFile(fresh, stringify(object));
        await rename(fresh, join(directory, fileOf(object)));
      }
    },
    remove: async (...objects) => {
      for (const object of objects) await rm(join(directory, fileOf(object)), { force: true });
    },
    [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true }),
  };
}

export async function openKube(): Promise<BenchRegistry> {
  const cluster = await startKubeCluster();
  const base = await mkdtemp(join(tmpdir(), 'isthmus-bench-'));
  await cluster.api.apply(virtualServiceDefinition);
  await waitFor(
    () => cluster.api.raw('GET', '/apis/networking.istio.io/v1/virtualservices'),
    ({ status }) => status === 200,
    { what: 'VirtualServices to be known' },
  );
  return {
    kind: 'kube',
    argv: ['--kubeconfig', cluster.kubeconfig, '--state-dir', join(base, 'state')],
    write: (...objects) => cluster.api.apply(...objects),
    remove: (...objects) => cluster.api.delete(...objects),
    [Symbol.asyncDispose]: async () => {
      await cluster.stop();
      await rm(base, { recursive: true, force: true });
    },
  };
}
