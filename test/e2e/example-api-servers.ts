// The example's clusters on real API servers: what their files hold, an intermediate in `cacerts`, endpoint slices by the controller,
// and accounts with exactly the rights of the manifests in deploy/. Instances in a lab reach the servers through relays that can be
// slowed. The first cluster is a remote by `--remote`, the second by a Secret.

import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { makeRemoteSecret } from '../../server/cli/make-remote-secret.ts';
import type { ClusterPlace, ClusterPlaces } from '../demo/build-scenario.ts';
import { podOf } from '../demo/example.ts';
import type { ExampleCluster } from '../demo/example.ts';
import type { Authorities } from '../demo/identity-files.ts';
import { definedPaths, istioDefinitions } from '../support/istio-definitions.ts';
import type { TestObject } from '../support/kube-api.ts';
import { asPrimary, asRemoteReader, secretObject, systemNamespace } from '../support/kube-primary.ts';
import { startKubeCluster } from '../support/kube.ts';
import type { KubeCluster } from '../support/kube.ts';
import type { LabHost } from '../support/netns.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import { waitFor } from '../support/wait-for.ts';

const portToSocket = resolve(import.meta.dirname, '../support/port-to-socket.ts');
const caFiles = ['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'];

interface Opened {
  readonly kube: KubeCluster;
  readonly relay: TcpRelay;
  readonly port: number;
  readonly socketPath: string;
  /** Kubeconfigs of the service accounts. */
  readonly primary: string;
  readonly reader: string;
}

export class ExampleApiServers implements ClusterPlaces, AsyncDisposable {
  #directory = '';
  #authorities: Authorities | undefined;
  #examples: readonly ExampleCluster[] = [];
  /** What an operator would have a copy of. */
  readonly #objects = new Map<string, TestObject[]>();
  readonly #open = new Map<string, Opened>();
  readonly #hosts: LabHost[] = [];

  async fill(clusters: readonly ExampleCluster[], authorities: Authorities): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), 'isthmus-servers-'));
    this.#authorities = authorities;
    this.#examples = clusters;
    await Promise.all(clusters.map((example) => this.#start(example)));
    for (const example of clusters) await this.#tell(example);
  }

  async placeOf(cluster: ExampleCluster, host: LabHost): Promise<ClusterPlace> {
    this.#hosts.push(host);
    for (const opened of this.#open.values()) await carry(opened, host);
    const options = ['--kubeconfig', this.#file(cluster, 'primary')];
    const [first] = this.#examples;
    if (first !== undefined && first !== cluster) {
      options.push('--remote', `${first.clusterId}=${this.#file(first, 'reader')}`);
    }
    const { kube } = this.#of(cluster);
    const tokens = new Map<string, string>();
    for (const { namespace, serviceAccount } of cluster.pods) {
      tokens.set(`${namespace}/${serviceAccount}`, await kube.api.tokenFor(namespace, serviceAccount, 'istio-ca'));
    }
    return { options, tokens };
  }

  kube(cluster: ExampleCluster): KubeCluster {
    return this.#of(cluster).kube;
  }

  relay(cluster: ExampleCluster): TcpRelay {
    return this.#of(cluster).relay;
  }

  /** Also in what is restored. */
  async apply(cluster: ExampleCluster, ...objects: readonly TestObject[]): Promise<void> {
    this.#objects.get(cluster.clusterId)?.push(...objects);
    await this.#of(cluster).kube.api.apply(...objects);
  }

  /** One more Pod of `helloworld` in the cluster, at this address. */
  async addPod(cluster: ExampleCluster, address: string): Promise<void> {
    const { name } = podOf(cluster, 'helloworld');
    const pod = this.#objects
      .get(cluster.clusterId)
      ?.find((each) => each.kind === 'Pod' && each.metadata.name === name);
    if (pod === undefined) throw new Error(`there is no Pod ${name}`);
    await this.apply(cluster, {
      ...pod,
      metadata: { ...pod.metadata, name: `${name}-${address.split('.').at(-1)}` },
      status: { ...(pod['status'] as object), podIP: address, podIPs: [{ ip: address }] },
    });
  }

  /** The API server dies with all that it stored. */
  async lose(cluster: ExampleCluster): Promise<void> {
    const { kube, relay } = this.#of(cluster);
    await kube.killApiServer();
    await relay[Symbol.asyncDispose]();
    await kube.stop();
  }

  /** Another one takes its place, at another address, with other keys and the objects restored; then credentials for it are given out. */
  async replace(cluster: ExampleCluster): Promise<void> {
    const opened = await this.#start(cluster);
    for (const host of this.#hosts) await carry(opened, host);
    const [first, second] = this.#examples;
    if (cluster === first && second !== undefined) await this.#tell(second);
    await this.#tell(cluster);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { kube, relay } of this.#open.values()) {
      await relay[Symbol.asyncDispose]();
      await kube.stop();
    }
    if (this.#directory !== '') await rm(this.#directory, { recursive: true, force: true });
  }

  #of({ clusterId }: ExampleCluster): Opened {
    const opened = this.#open.get(clusterId);
    if (opened === undefined) throw new Error(`${clusterId} has no API server`);
    return opened;
  }

  #file({ clusterId }: ExampleCluster, account: 'primary' | 'reader'): string {
    return join(this.#directory, `${clusterId}.${account}`);
  }

  async #start(example: ExampleCluster): Promise<Opened> {
    const { clusterId } = example;
    // Both clusters' service addresses are of one range, as in the example.
    const kube = await startKubeCluster({ index: 0 });
    const port = Number(new URL(kube.server).port);
    const relay = new TcpRelay(port);
    const socketPath = kube.file('relay.sock');
    const primary = await asPrimary(kube);
    const reader = await asRemoteReader(kube);
    const opened = { kube, relay, port, socketPath, primary, reader };
    this.#open.set(clusterId, opened);
    await relay.listenAt(socketPath);
    await kube.api.apply(...istioDefinitions);
    for (const path of definedPaths) await served(kube, path);
    const objects = this.#objects.get(clusterId) ?? [await this.#authority(example), ...(await readObjects(example))];
    this.#objects.set(clusterId, objects);
    await kube.api.apply(...objects);
    kube.startControllerManager({ controllers: ['endpointslice-controller'] });
    const pods = objects.filter(({ kind }) => kind === 'Pod').length;
    await waitFor(
      () => endpointCount(kube),
      (count) => count === pods,
      { what: `the ${pods} endpoints of ${clusterId}`, timeoutMs: 30_000 },
    );
    return opened;
  }

  async #authority({ clusterId }: ExampleCluster): Promise<TestObject> {
    const directory = this.#authorities?.directories.get(clusterId) ?? '';
    const texts = caFiles.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const);
    return secretObject(systemNamespace, 'cacerts', Object.fromEntries(await Promise.all(texts)));
  }

  /** Gives out the address and the credentials of the cluster's API server. */
  async #tell(example: ExampleCluster): Promise<void> {
    const { kube, primary, reader } = this.#of(example);
    await replaceFile(this.#file(example, 'primary'), await readFile(primary, 'utf8'));
    const [first] = this.#examples;
    if (first === undefined || first === example) {
      await replaceFile(this.#file(example, 'reader'), await readFile(reader, 'utf8'));
      return;
    }
    const { text } = await makeRemoteSecret({
      clusterId: example.clusterId,
      kubeconfig: kube.kubeconfig,
      serviceAccount: 'isthmus-reader',
      network: example.network,
      ttl: '1h',
      allowPrograms: false,
      namespace: systemNamespace,
      output: 'yaml',
    });
    await this.#of(first).kube.api.apply(parse(text) as TestObject);
  }
}

async function carry({ port, socketPath }: Opened, host: LabHost): Promise<void> {
  const program = host.spawn([process.execPath, portToSocket, String(port), socketPath], { name: `relay ${port}` });
  await program.waitForLine('listening', { timeoutMs: 60_000 });
}

/** A reader sees the old one or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function served(kube: KubeCluster, path: string): Promise<void> {
  await waitFor(
    () => kube.api.raw('GET', path),
    ({ status }) => status === 200,
    { what: `${path} to be served`, timeoutMs: 30_000 },
  );
}

/** Ready endpoints of all slices but the API server's own. */
async function endpointCount(kube: KubeCluster): Promise<number> {
  const list = (await kube.api.get('/apis/discovery.k8s.io/v1/endpointslices')) as {
    readonly items: readonly {
      readonly metadata: { readonly namespace: string };
      readonly endpoints?: readonly { readonly conditions: { readonly ready?: boolean } }[] | null;
    }[];
  };
  const slices = list.items.filter(({ metadata }) => metadata.namespace !== 'default');
  return slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions.ready === true)
    .length;
}

/** What is applied first is what others need. Deployments are left out: their pods are there. */
const order = ['Namespace', 'Node', 'ServiceAccount', 'Service', 'Gateway', 'Pod'];

async function readObjects({ directory }: ExampleCluster): Promise<TestObject[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.yaml')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  const objects = texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as TestObject));
  return order.flatMap((kind) => objects.filter((object) => object.kind === kind)).map(withImages);
}

/** An API server takes no container without an image. */
function withImages(object: TestObject): TestObject {
  if (object.kind !== 'Pod') return object;
  const spec = object['spec'] as { readonly containers: readonly object[] };
  return { ...object, spec: { ...spec, containers: spec.containers.map((each) => ({ image: 'none', ...each })) } };
}
