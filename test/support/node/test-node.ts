// A node for tests: the kubelet, scheduler, service proxy, DNS and load balancer of a real API server's cluster, where containers are
// programs of this machine in network namespaces. In: a cluster, a namespace for the node, what images stand for. Out: pods that run,
// their status, addresses, logs and a way into them. It ends with its signal or `stop`.

import type { V1ConfigMap, V1EndpointSlice, V1Pod, V1Secret, V1Service } from '@kubernetes/client-node';
import { systemClock, type Clock } from '../../../ca/clock.ts';
import type { LabHost } from '../netns.ts';
import type { RunResult } from '../process.ts';
import { adminToken, type KubeCluster } from '../kube.ts';
import { waitFor } from '../wait-for.ts';
import { clusterNames, type NameTable } from './cluster-names.ts';
import { defaultImages, type ImageTable } from './images.ts';
import { keyOf, KubeWatch, type WatchedObject } from './kube-watch.ts';
import type { NodeNamespace } from './node-namespace.ts';
import type { PodReferences } from './pod-environment.ts';
import { PodWorker } from './pod-worker.ts';
import { singleRunner } from './single-runner.ts';

export interface TestNodeOptions {
  readonly kube: KubeCluster;
  readonly namespace: NodeNamespace;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Beside the default ones, which they come before. */
  readonly images?: ImageTable | undefined;
  /** Names outside the cluster that its DNS knows. */
  readonly outsideNames?: NameTable | undefined;
  readonly clock?: Clock | undefined;
}

export class TestNode implements AsyncDisposable {
  readonly name: string;
  readonly namespace: NodeNamespace;
  /** What went wrong on the node itself; a test may demand that there is nothing. */
  readonly problems: string[] = [];
  readonly #kube: KubeCluster;
  readonly #options: TestNodeOptions;
  readonly #images: ImageTable;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #workers = new Map<string, PodWorker>();
  readonly #ended = new Set<Promise<void>>();
  readonly #binding = new Set<string>();
  readonly #balancers = new Map<string, string>();
  readonly #pods: KubeWatch<V1Pod>;
  readonly #services: KubeWatch<V1Service>;
  readonly #slices: KubeWatch<V1EndpointSlice>;
  readonly #configMaps: KubeWatch<V1ConfigMap>;
  readonly #secrets: KubeWatch<V1Secret>;
  readonly #proxy = singleRunner(
    () => this.#applyServices(),
    (error) => this.#problem('services', error),
  );

  constructor(options: TestNodeOptions & { readonly images: ImageTable }) {
    this.name = options.name;
    this.namespace = options.namespace;
    this.#kube = options.kube;
    this.#options = options;
    this.#images = options.images;
    this.#clock = options.clock ?? systemClock;
    this.#services = this.#watch('/api/v1/services', () => this.#proxy.again());
    this.#slices = this.#watch('/apis/discovery.k8s.io/v1/endpointslices', () => this.#proxy.again());
    this.#configMaps = this.#watch('/api/v1/configmaps', (each) => this.#updateVolumes(each));
    this.#secrets = this.#watch('/api/v1/secrets', (each) => this.#updateVolumes(each));
    this.#pods = this.#watch('/api/v1/pods', (pod, change) => this.#onPod(pod, change));
  }

  /** Resolves when it has seen the cluster as it is. */
  async untilSynced(): Promise<void> {
    const watches = [this.#services, this.#slices, this.#configMaps, this.#secrets, this.#pods];
    await Promise.all(watches.map(({ synced }) => synced));
  }

  /** Of this node, as the API server has them. */
  pods(namespace: string, labels: Readonly<Record<string, string>> = {}): readonly V1Pod[] {
    return this.#pods.values.filter(
      ({ metadata, spec }) =>
        metadata?.namespace === namespace &&
        spec?.nodeName === this.name &&
        Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value),
    );
  }

  /** Waits until this many pods with the labels are ready and no others with them are left. Out: the pods. */
  async ready(
    namespace: string,
    labels: Readonly<Record<string, string>>,
    count = 1,
    timeoutMs = 60_000,
  ): Promise<readonly V1Pod[]> {
    await waitFor(
      () =>
        this.pods(namespace, labels).map((pod) => ({
          name: pod.metadata?.name,
          phase: pod.status?.phase,
          why: whyNotReady(pod),
        })),
      (seen) => seen.length === count && seen.every(({ why }) => why === undefined),
      { what: `${count} ready pods ${JSON.stringify(labels)} in ${namespace}`, timeoutMs },
    );
    return this.pods(namespace, labels);
  }

  /** What a container has written, all its runs. `pod`: `NAMESPACE/NAME`. */
  logs(pod: string, container: string): string {
    return this.#worker(pod).container(container).log;
  }

  /** Runs a program in a container, as its user and with its environment; any exit code is a result. */
  async exec(pod: string, container: string, argv: readonly string[], timeoutMs?: number): Promise<RunResult> {
    return await this.#worker(pod).container(container).exec(argv, timeoutMs);
  }

  /** The network of a pod, for programs that no container has. */
  host(pod: string): LabHost {
    return this.#worker(pod).host;
  }

  /** The address that others reach a Service of type LoadBalancer at. */
  async loadBalancer(service: string): Promise<string> {
    return await waitFor(
      () => this.#balancers.get(service) ?? '',
      (address) => address !== '',
      { what: `the address of ${service}` },
    );
  }

  /** Ends all pods at once, without telling the API server, as when a machine goes away. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const worker of this.#workers.values()) worker.forget();
    await Promise.all(this.#ended);
    await Promise.all(
      [this.#services, this.#slices, this.#configMaps, this.#secrets, this.#pods].map(({ ended }) => ended),
    );
    await this.#proxy.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #watch<T extends WatchedObject>(path: string, onChange: (object: T, change: 'there' | 'gone') => void): KubeWatch<T> {
    const { api, server } = this.#kube;
    return new KubeWatch<T>({
      api,
      server,
      token: adminToken,
      path,
      clock: this.#clock,
      signal: this.#stop.signal,
      onChange,
    });
  }

  #worker(pod: string): PodWorker {
    const worker = this.#workers.get(pod);
    if (worker === undefined)
      throw new Error(`node ${this.name} runs no pod ${pod}; it runs ${[...this.#workers.keys()].join(', ')}`);
    return worker;
  }

  #onPod(pod: V1Pod, change: 'there' | 'gone'): void {
    if (this.#stop.signal.aborted) return;
    const key = keyOf(pod);
    const worker = this.#workers.get(key);
    const uid = pod.metadata?.uid;
    if (change === 'gone') {
      if (worker?.uid === uid) worker?.forget();
      return;
    }
    if (pod.spec?.nodeName === this.name) {
      if (worker?.uid === uid) worker?.update(pod);
      else if (worker === undefined) this.#begin(pod);
      else worker.forget(); // Another pod of the same name: it begins when this one has ended.
    } else if (isUnbound(pod)) void this.#bind(pod);
  }

  #begin(pod: V1Pod): void {
    const worker = new PodWorker(pod, {
      nodeName: this.name,
      namespace: this.namespace,
      api: this.#kube.api,
      clock: this.#clock,
      images: this.#images,
      references: this.#references(pod.metadata?.namespace ?? ''),
      onProblem: (text) => this.problems.push(text),
    });
    this.#workers.set(worker.key, worker);
    if (pod.metadata?.deletionTimestamp !== undefined) worker.update(pod);
    const ended = this.#untilEnded(worker);
    this.#ended.add(ended);
    void ended.finally(() => this.#ended.delete(ended));
  }

  /** Another pod of the same name may have waited for its end. */
  async #untilEnded(worker: PodWorker): Promise<void> {
    try {
      await worker.ended;
    } catch (error) {
      this.#problem(`pod ${worker.key}`, error);
    }
    this.#workers.delete(worker.key);
    const next = this.#pods.objects.get(worker.key);
    if (next !== undefined && next.metadata?.uid !== worker.uid) this.#onPod(next, 'there');
  }

  /** The scheduler: every pod fits, unless its selector names labels that this node lacks. */
  async #bind(pod: V1Pod): Promise<void> {
    const { name, namespace, uid = '' } = pod.metadata ?? {};
    const labels = this.#options.labels ?? {};
    const selector = Object.entries(pod.spec?.nodeSelector ?? {});
    if (this.#binding.has(uid) || selector.some(([key, value]) => labels[key] !== value)) return;
    this.#binding.add(uid);
    const target = { apiVersion: 'v1', kind: 'Node', name: this.name };
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target };
    const answer = await this.#kube.api
      .raw('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, body)
      .catch((error: unknown) => ({ status: 0, body: String(error) }));
    this.#binding.delete(uid);
    if (answer.status < 400 && answer.status !== 0) return;
    if (answer.status === 404 || answer.status === 409) return;
    await this.#clock.sleep(500, this.#stop.signal);
    const now = this.#pods.objects.get(keyOf(pod));
    if (now !== undefined && isUnbound(now) && !this.#stop.signal.aborted) await this.#bind(now);
  }

  #references(namespace: string): PodReferences {
    return {
      configMap: (name) => {
        const found = this.#configMaps.objects.get(`${namespace}/${name}`);
        if (found === undefined) return undefined;
        return { ...decoded(found.data, 'utf8'), ...decoded(found.binaryData, 'base64') };
      },
      secret: (name) => {
        const found = this.#secrets.objects.get(`${namespace}/${name}`);
        return found === undefined ? undefined : decoded(found.data, 'base64');
      },
    };
  }

  #updateVolumes({ metadata }: WatchedObject): void {
    for (const worker of this.#workers.values()) {
      if (worker.pod.metadata?.namespace === metadata?.namespace) worker.update();
    }
  }

  async #applyServices(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const services = this.#services.values.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const slices = this.#slices.values;
    for (const service of services) if (service.spec?.type === 'LoadBalancer') await this.#balance(service);
    await this.namespace.applyRules({ services, slices, loadBalancers: this.#balancers });
    await this.namespace.applyNames({ ...this.#options.outsideNames, ...clusterNames(services, slices) });
  }

  async #balance(service: V1Service): Promise<void> {
    const key = keyOf(service);
    const address = this.#balancers.get(key) ?? (await this.namespace.addBalancer());
    this.#balancers.set(key, address);
    const told = service.status?.loadBalancer?.ingress ?? [];
    if (told.length === 1 && told[0]?.ip === address) return;
    const { name, namespace } = service.metadata ?? {};
    const status = { loadBalancer: { ingress: [{ ip: address, ipMode: 'VIP' }] } };
    const body = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, status };
    const path = `/api/v1/namespaces/${namespace}/services/${name}/status?fieldManager=load-balancer&force=true`;
    const answer = await this.#kube.api.raw('PATCH', path, body);
    if (answer.status >= 400 && answer.status !== 404) throw new Error(`address of ${key}: ${answer.body}`);
  }

  #problem(where: string, error: unknown): void {
    if (!this.#stop.signal.aborted)
      this.problems.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Makes the Node object and begins. */
export async function startTestNode(options: TestNodeOptions): Promise<TestNode> {
  const { kube, namespace, name } = options;
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...options.labels };
  const now = new Date().toISOString();
  const capacity = { cpu: '2', memory: '4Gi', pods: '250' };
  await kube.api.apply({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: {
      addresses: [
        { type: 'InternalIP', address: namespace.address },
        { type: 'Hostname', address: name },
      ],
      capacity,
      allocatable: capacity,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', lastTransitionTime: now, lastHeartbeatTime: now },
      ],
    },
  });
  const images = { ...(await defaultImages()), ...options.images };
  const node = new TestNode({ ...options, labels, images });
  await node.untilSynced();
  return node;
}

function isUnbound({ spec, metadata, status }: V1Pod): boolean {
  const { nodeName, schedulerName, schedulingGates = [] } = spec ?? {};
  const unbound = (nodeName ?? '') === '' && (schedulerName ?? 'default-scheduler') === 'default-scheduler';
  return (
    unbound && schedulingGates.length === 0 && metadata?.deletionTimestamp === undefined && status?.phase !== 'Failed'
  );
}

/** In words, what keeps a pod from being ready; undefined when it is. */
export function whyNotReady({ metadata, status }: V1Pod): string | undefined {
  if (metadata?.deletionTimestamp !== undefined) return 'is being deleted';
  if (status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True') return undefined;
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const containers = all.map(({ name, ready, state }) => `${name}: ${ready ? 'ready' : JSON.stringify(state)}`);
  return (
    [status?.reason, status?.message, ...containers].filter((part) => part !== undefined).join('; ') || 'not ready'
  );
}

function decoded(
  texts: Readonly<Record<string, string>> | undefined,
  encoding: 'utf8' | 'base64',
): Readonly<Record<string, Buffer>> {
  return Object.fromEntries(Object.entries(texts ?? {}).map(([key, text]) => [key, Buffer.from(text, encoding)]));
}
