// Where the benchmark writes its mesh: a real API server, or a registry directory where there is none. In: objects. Out:
// how an instance is told to read them.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { objectPath, type TestObject } from '../support/kube-api.ts';
import { startKubeCluster, type KubeCluster } from '../support/kube.ts';
import { waitFor } from '../support/wait-for.ts';
import { eachOf } from './each-of.ts';
import { clusterIpOf, namespaceObjects, serviceObject, sliceObject, virtualServiceDefinition } from './manifests.ts';

export interface BenchRegistry extends AsyncDisposable {
  readonly kind: 'kube' | 'directory';
  /** Options of `isthmus serve`. */
  readonly argv: readonly string[];
  readonly write: (...objects: readonly TestObject[]) => Promise<void>;
  /** An object that is there already, as a controller would write it. */
  readonly replace: (object: TestObject) => Promise<void>;
  readonly remove: (...objects: readonly TestObject[]) => Promise<void>;
  /** A CustomResourceDefinition; resolves when objects of it can be written. */
  readonly define: (definition: TestObject) => Promise<void>;
  /** Of the programs behind it; none behind a directory. */
  readonly pids: () => readonly number[];
}

/** What a registry is filled with. Filling an API server takes long: what it stored is kept in .cache/bench by that name. */
export interface Filling {
  readonly name: string;
  readonly writeInto: (registry: BenchRegistry) => Promise<void>;
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
  const write = async (...objects: readonly TestObject[]): Promise<void> => {
    for (const object of objects) {
      const fresh = join(base, `fresh-${fileOf(object)}`);
      await writeFile(fresh, stringify(object));
      await rename(fresh, join(directory, fileOf(object)));
    }
  };
  return {
    kind: 'directory',
    path: directory,
    argv: ['--registry', directory, '--state-dir', join(base, 'state')],
    write,
    replace: write,
    define: async () => undefined,
    pids: () => [],
    remove: async (...objects) => {
      for (const object of objects) await rm(join(directory, fileOf(object)), { force: true });
    },
    [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true }),
  };
}

export async function openKube(filling?: Filling): Promise<BenchRegistry> {
  const kept =
    filling === undefined ? undefined : resolve(import.meta.dirname, `../../.cache/bench/etcd-${filling.name}`);
  const isKept = kept !== undefined && existsSync(kept);
  const cluster = await startKubeCluster(isKept ? { etcdData: kept } : {});
  const base = await mkdtemp(join(tmpdir(), 'isthmus-bench-'));
  const registry: BenchRegistry = {
    kind: 'kube',
    argv: ['--kubeconfig', cluster.kubeconfig, '--state-dir', join(base, 'state')],
    write: (...objects) => cluster.api.apply(...objects),
    replace: (object) => replaceObject(cluster, object),
    remove: (...objects) => cluster.api.delete(...objects),
    define: async (definition) => {
      await cluster.api.apply(definition);
      const path = `/apis/${definition.metadata.name.split('.').slice(1).join('.')}/v1/${definition.metadata.name.split('.')[0] ?? ''}`;
      await waitFor(
        () => cluster.api.raw('GET', path),
        ({ status }) => status === 200,
        { what: `${definition.metadata.name} to be known` },
      );
    },
    pids: () => cluster.pids,
    [Symbol.asyncDispose]: async () => {
      await cluster.stop();
      await rm(base, { recursive: true, force: true });
    },
  };
  try {
    if (!isKept) await registry.define(virtualServiceDefinition);
    if (!isKept && filling !== undefined) await filling.writeInto(registry);
    if (!isKept && kept !== undefined) await cluster.saveEtcd(kept);
  } catch (error) {
    await registry[Symbol.asyncDispose]();
    throw error;
  }
  return registry;
}

/** @throws Error when the API server refuses it */
export async function replaceObject({ api }: Pick<KubeCluster, 'api'>, object: TestObject): Promise<void> {
  const { status, body } = await api.raw('PUT', objectPath(object), object);
  if (status >= 300) throw new Error(`${objectPath(object)} was answered with ${status}: ${body.slice(0, 500)}`);
}
