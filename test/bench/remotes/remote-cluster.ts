// A real API server full of pods, as a remote of the instance under test. Filling it takes a minute, so what is stored is kept in
// .cache/bench and the next run begins with it. In: how much, and the network. Out: a kubeconfig with the rights of a reader.

import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TestObject } from '../../support/kube-api.ts';
import { objectPath } from '../../support/kube-api.ts';
import { asRemoteReader } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { eachOf } from '../each-of.ts';
import {
  clusterObjects,
  podObject,
  serviceObject,
  serviceOf,
  sliceObject,
  systemNamespaceOf,
  type RemoteSize,
} from './remote-objects.ts';

const cache = resolve(import.meta.dirname, '../../../.cache/bench');

export interface RemoteOptions extends RemoteSize {
  readonly network: string;
  /** Two clusters side by side need different ones. */
  readonly index: number;
}

export class RemoteCluster implements AsyncDisposable {
  readonly network: string;
  /** The text of a kubeconfig with the rights of a remote's reader. */
  readonly kubeconfig: string;
  readonly #cluster: KubeCluster;
  readonly #size: RemoteSize;

  private constructor(cluster: KubeCluster, options: RemoteOptions, kubeconfig: string) {
    this.network = options.network;
    this.kubeconfig = kubeconfig;
    this.#cluster = cluster;
    this.#size = options;
  }

  static async open(options: RemoteOptions): Promise<RemoteCluster> {
    const { services, pods, network, index } = options;
    const saved = resolve(cache, `etcd-${services}-${pods}-${network}`);
    const isFilled = existsSync(saved);
    const cluster = await startKubeCluster({ index, ...(isFilled ? { etcdData: saved } : {}) });
    try {
      if (!isFilled) {
        await fill(cluster, options);
        await rm(saved, { recursive: true, force: true });
        await cluster.saveEtcd(saved);
      }
      const kubeconfig = await readFile(await asRemoteReader(cluster), 'utf8');
      // What makes the reader makes its namespace, without a label.
      await cluster.api.apply(systemNamespaceOf(network));
      return new RemoteCluster(cluster, options, kubeconfig);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Of all objects that a remote is read for, as the API server sends them. */
  async bytes(): Promise<number> {
    const paths = ['/api/v1/namespaces', '/api/v1/nodes', '/api/v1/services', '/api/v1/pods'];
    let sum = 0;
    for (const path of [...paths, '/apis/discovery.k8s.io/v1/endpointslices']) {
      sum += Buffer.byteLength((await this.#cluster.api.raw('GET', path)).body);
    }
    return sum;
  }

  /** A pod becomes ready, or stops being so: its own status changes, and then its service's slice. */
  async setReady(pod: number, ready: boolean): Promise<void> {
    const object = podObject(this.#size, pod, ready);
    await send(this.#cluster, 'PUT', `${objectPath(object)}/status`, object);
    const slice = sliceObject(this.#size, serviceOf(this.#size, pod), ready ? undefined : pod);
    await send(this.#cluster, 'PUT', objectPath(slice), slice);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.stop();
  }
}

async function fill(cluster: KubeCluster, { services, pods, network }: RemoteOptions): Promise<void> {
  const size = { services, pods };
  for (const object of clusterObjects(network)) await cluster.api.apply(object);
  await eachOf(numbers(services), async (service) => {
    await create(cluster, serviceObject(service));
    await create(cluster, sliceObject(size, service));
  });
  await eachOf(numbers(pods), async (pod) => {
    const object = podObject(size, pod);
    await create(cluster, object);
    await send(cluster, 'PUT', `${objectPath(object)}/status`, object);
  });
}

function numbers(count: number): Iterable<number> {
  return Array.from({ length: count }, (_, index) => index);
}

async function create(cluster: KubeCluster, object: TestObject): Promise<void> {
  const path = objectPath(object);
  await send(cluster, 'POST', path.slice(0, path.lastIndexOf('/')), object);
}

async function send(cluster: KubeCluster, method: string, path: string, object: TestObject): Promise<void> {
  const { status, body } = await cluster.api.raw(method, path, object);
  if (status >= 300) throw new Error(`${method} ${path} was answered with ${status}: ${body.slice(0, 500)}`);
}
