// One pod on a node, from its address to its end, as a kubelet runs it: volumes, init containers one after the other, native sidecars
// beside them, containers, their end within the grace period, sidecars last. In: a bound pod. Out: its status at the API server.

import { chmodSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import type { Clock } from '../../../ca/clock.ts';
import type { KubeApi } from '../kube-api.ts';
import type { LabHost } from '../netns.ts';
import { RunAsRootError, userOf, type BindMount } from './container-command.ts';
import { programOf, type ImageProgram, type ImageTable } from './images.ts';
import { unknownFields } from './known-fields.ts';
import { keyOf } from './kube-watch.ts';
import type { NodeNamespace } from './node-namespace.ts';
import { commandLine, environmentOf, type PodReferences } from './pod-environment.ts';
import type { PodPlace } from './pod-fields.ts';
import { podFiles } from './pod-files.ts';
import type { PodProgress } from './pod-status.ts';
import { PodVolumes } from './pod-volumes.ts';
import { podPath, StatusReporter } from './status-reporter.ts';
import { LaunchError, TestContainer, type ContainerLaunch } from './test-container.ts';

export interface PodWorkerOptions {
  readonly nodeName: string;
  readonly namespace: NodeNamespace;
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly images: ImageTable;
  readonly references: PodReferences;
  /** What went wrong that no status tells. */
  readonly onProblem: (text: string) => void;
}

const retryMs = 300;
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class PodWorker {
  readonly key: string;
  /** Resolves when nothing of it is left on this machine. */
  readonly ended: Promise<void>;
  #pod: V1Pod;
  readonly #options: PodWorkerOptions;
  readonly #directory: string;
  readonly #stop = new AbortController();
  readonly #work = new AbortController();
  readonly #startedAt: string;
  #graceMs = 0;
  #gone = false;
  #place: PodPlace | undefined;
  #host: LabHost | undefined;
  #volumes: PodVolumes | undefined;
  #inits: readonly TestContainer[] = [];
  #mains: readonly TestContainer[] = [];
  #initialized = false;
  #outcome: 'Succeeded' | 'Failed' | undefined;
  #reason: string | undefined;
  #message: string | undefined;
  readonly #reporter: StatusReporter;

  constructor(pod: V1Pod, options: PodWorkerOptions) {
    this.#pod = pod;
    this.#options = options;
    this.key = keyOf(pod);
    this.#directory = join(options.namespace.lab.directory, 'pods', pod.metadata?.uid ?? '');
    this.#startedAt = new Date(options.clock.now()).toISOString();
    this.#reporter = new StatusReporter({
      api: options.api,
      clock: options.clock,
      pod: () => this.#pod,
      progress: () => this.#progress,
      signal: this.#work.signal,
      onProblem: options.onProblem,
    });
    this.ended = this.#run();
  }

  get uid(): string {
    return this.#pod.metadata?.uid ?? '';
  }

  get pod(): V1Pod {
    return this.#pod;
  }

  /** Its network namespace. Throws before it has one. */
  get host(): LabHost {
    if (this.#host === undefined) throw new Error(`pod ${this.key} has no network yet`);
    return this.#host;
  }

  container(name: string): TestContainer {
    const found = [...this.#inits, ...this.#mains].find(({ spec }) => spec.name === name);
    if (found === undefined) throw new Error(`pod ${this.key} has no container ${name}`);
    return found;
  }

  /** The pod was changed, or something that its volumes show. */
  update(pod: V1Pod = this.#pod): void {
    this.#pod = pod;
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata ?? {};
    if (deletionTimestamp !== undefined) this.terminate((deletionGracePeriodSeconds ?? 0) * 1000);
    else if (this.#volumes !== undefined) void this.#volumes.write(pod).catch(() => {}); // It keeps what it has.
  }

  /** Ends it; a second call does nothing. */
  terminate(graceMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.#graceMs = graceMs;
    this.#stop.abort();
  }

  /** The API server has no such pod any more: nothing is reported, nothing gets time. */
  forget(): void {
    this.#gone = true;
    this.#reporter.stop();
    this.terminate(0);
    for (const container of [...this.#mains, ...this.#inits]) void container.stop(0);
  }

  async #run(): Promise<void> {
    const stopped = new Promise<void>((done) => {
      const signal = this.#stop.signal;
      if (signal.aborted) done();
      else signal.addEventListener('abort', () => done(), { once: true });
    });
    const work = this.#workUntilStopped();
    await Promise.race([stopped, work]);
    if (!this.#stop.signal.aborted) await stopped;
    await this.#endContainers();
    await work;
    this.#work.abort();
    if (this.#place !== undefined) this.#options.namespace.freePodAddress(this.#place.podIp);
    if (this.#host !== undefined) await this.#options.namespace.lab.remove(this.#host);
    await rm(this.#directory, { recursive: true, force: true });
    if (!this.#gone) await this.#confirmDeletion();
  }

  /** Returns when all has ended or the pod is to end; what goes wrong is in the status. */
  async #workUntilStopped(): Promise<void> {
    try {
      const unknown = unknownFields(this.#pod);
      if (unknown.length > 0) {
        this.#fail('Unsupported', `this node for tests does not carry out: ${unknown.join(', ')}`);
        return;
      }
      await this.#prepare();
      if (this.#stop.signal.aborted) return;
      await this.#initialize();
      if (this.#stop.signal.aborted || this.#outcome !== undefined) return;
      for (const container of this.#mains) {
        if (this.#stop.signal.aborted) return;
        await container.begin();
      }
      await Promise.all(this.#mains.map((container) => container.untilEnded()));
      if (this.#stop.signal.aborted) return;
      for (const sidecar of this.#sidecars.toReversed()) await sidecar.stop(this.#ownGraceMs);
      this.#outcome = this.#mains.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed';
      this.#report();
    } catch (error) {
      this.#fail('NodeError', error instanceof Error ? error.message : String(error));
    }
  }

  async #prepare(): Promise<void> {
    const { namespace, api, clock, references, nodeName } = this.#options;
    const podIp = namespace.takePodAddress();
    const place = { podIp, hostIp: namespace.address, nodeName };
    this.#place = place;
    const { containers = [], initContainers = [] } = this.#pod.spec ?? {};
    this.#inits = initContainers.map((spec) => this.#container(spec, 'init'));
    this.#mains = containers.map((spec) => this.#container(spec, 'main'));
    const host = await namespace.lab.host({
      name: `pod-${this.uid}`,
      legs: [{ network: namespace.podNetwork, address: `${podIp}/32` }],
    });
    this.#host = host;
    // All goes through the node, which translates addresses of services, in both directions.
    const routes = [
      `route add ${namespace.router} dev eth0 scope link`,
      `route add default via ${namespace.router} dev eth0`,
    ];
    await host.execOrThrow(['ip', '-batch', '-'], { input: `${routes.join('\n')}\n` });
    const sysctls = (this.#pod.spec?.securityContext?.sysctls ?? []).map(({ name, value }) => `${name}=${value}`);
    await host.execOrThrow(['sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=0', ...sysctls]);
    const directory = join(this.#directory, 'volumes');
    const volumes = new PodVolumes(this.#pod, { directory, place, references, api, clock, signal: this.#work.signal });
    await this.#writeVolumes(volumes);
    if (this.#stop.signal.aborted) return;
    this.#volumes = volumes;
    void volumes.renew();
    await mkdir(join(this.#directory, 'files'), { recursive: true });
    for (const [name, text] of podFiles(this.#pod, podIp, namespace.router)) {
      await writeFile(join(this.#directory, 'files', name), text, { mode: 0o644 });
    }
  }

  /** What it refers to may come later. */
  async #writeVolumes(volumes: PodVolumes): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await volumes.write(this.#pod);
        this.#message = undefined;
        return;
      } catch (error) {
        this.#message = `FailedMount: ${error instanceof Error ? error.message : String(error)}`;
        this.#report();
        await this.#options.clock.sleep(retryMs, this.#stop.signal);
      }
    }
  }

  async #initialize(): Promise<void> {
    this.#report();
    for (const container of this.#inits) {
      if (this.#stop.signal.aborted) return;
      if (container.spec.restartPolicy === 'Always') await container.untilStarted();
      else {
        await container.untilEnded();
        if (this.#stop.signal.aborted) return;
        if (container.exitCode === 0) continue;
        this.#outcome = 'Failed';
        for (const sidecar of this.#sidecars.toReversed()) await sidecar.stop(this.#ownGraceMs);
        this.#report();
        return;
      }
    }
    this.#initialized = true;
  }

  get #sidecars(): readonly TestContainer[] {
    return this.#inits.filter(({ spec }) => spec.restartPolicy === 'Always');
  }

  get #ownGraceMs(): number {
    return (this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
  }

  async #endContainers(): Promise<void> {
    const endAtMs = performance.now() + this.#graceMs;
    const leftMs = (): number => (this.#graceMs === 0 ? 0 : Math.max(500, endAtMs - performance.now()));
    this.#report();
    const inits = this.#inits.filter(({ spec }) => spec.restartPolicy !== 'Always');
    await Promise.all([...this.#mains, ...inits].map((container) => container.stop(leftMs())));
    for (const sidecar of this.#sidecars.toReversed()) await sidecar.stop(leftMs());
  }

  #container(spec: V1Container, kind: 'init' | 'main'): TestContainer {
    const { namespace, clock } = this.#options;
    const policy = this.#pod.spec?.restartPolicy ?? 'Always';
    const own = kind === 'init' && spec.restartPolicy === 'Always' ? 'Always' : undefined;
    const restartPolicy = own ?? (kind === 'init' && policy !== 'Never' ? 'OnFailure' : policy);
    return new TestContainer({
      spec,
      restartPolicy: restartPolicy === 'Never' || restartPolicy === 'OnFailure' ? restartPolicy : 'Always',
      podIp: this.#place?.podIp ?? '',
      directory: join(this.#directory, 'containers', spec.name),
      clock,
      graceSeconds: this.#pod.spec?.terminationGracePeriodSeconds ?? 30,
      launch: (root) => this.#launch(spec, root),
      probe: (probe) => namespace.probe(probe),
      onChange: () => this.#report(),
    });
  }

  #launch(container: V1Container, directory: string): ContainerLaunch {
    const { images, references } = this.#options;
    const image = programOf(images, container.image ?? '');
    if (image === undefined) {
      const known = Object.keys(images).join(', ');
      throw new LaunchError(
        'ImagePullBackOff',
        `no program stands for image "${container.image}" here; known are: ${known}`,
      );
    }
    const place = this.#place;
    if (place === undefined) throw new Error('a container is started before its pod has an address');
    const hostname = this.#hostname;
    const base = {
      PATH: defaultPath,
      HOME: '/',
      HOSTNAME: hostname,
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      KUBERNETES_SERVICE_PORT: '443',
      ...image.env,
    };
    try {
      const environment = environmentOf({ pod: this.#pod, place, container, references, base });
      const command = {
        container,
        podSecurity: this.#pod.spec?.securityContext ?? {},
        imageUser: image.user ?? 0,
        namespace: this.host.namespace,
        hostname,
        directory,
        workingDir: container.workingDir ?? image.workingDir ?? '/',
        mounts: [...this.#mounts(container), ...this.#programs(image)],
        argv: commandLine(container, image, environment),
      };
      userOf(command);
      return { command, environment };
    } catch (error) {
      if (error instanceof RunAsRootError) throw new LaunchError('CreateContainerConfigError', error.message);
      throw new LaunchError('CreateContainerConfigError', error instanceof Error ? error.message : String(error));
    }
  }

  get #hostname(): string {
    return (this.#pod.spec?.hostname ?? this.#pod.metadata?.name ?? '').slice(0, 63);
  }

  #mounts(container: V1Container): readonly BindMount[] {
    const files = ['hosts', 'resolv.conf'].map((name) => ({
      source: join(this.#directory, 'files', name),
      target: `/etc/${name}`,
      readOnly: false,
    }));
    const mounted = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => {
      const volume = this.#pod.spec?.volumes?.find((each) => each.name === name);
      if (volume === undefined) throw new Error(`there is no volume "${name}"`);
      const source = this.#volumes?.directoryOf(name) ?? '';
      return { source, target: mountPath, readOnly: readOnly === true || volume.emptyDir === undefined };
    });
    // A volume may lie inside another one.
    return [...files, ...mounted.toSorted((a, b) => (a.target < b.target ? -1 : 1))];
  }

  #programs({ programs = {} }: ImageProgram): readonly BindMount[] {
    return Object.entries(programs).map(([name, argv]) => {
      const source = join(this.#directory, 'files', `program-${name}`);
      const quoted = argv.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
      writeFileSync(source, `#!/bin/sh\nexec ${quoted} "$@"\n`);
      chmodSync(source, 0o755);
      return { source, target: `/usr/local/bin/${name}`, readOnly: true };
    });
  }

  #fail(reason: string, message: string): void {
    this.#reason = reason;
    this.#message = message;
    this.#report();
  }

  #report(): void {
    this.#reporter.report();
  }

  get #progress(): PodProgress {
    return {
      startedAt: this.#startedAt,
      place: this.#place,
      inits: this.#inits,
      mains: this.#mains,
      initialized: this.#initialized,
      outcome: this.#outcome,
      reason: this.#reason,
      message: this.#message,
      terminating: this.#stop.signal.aborted,
    };
  }

  async #confirmDeletion(): Promise<void> {
    await this.#reporter.idle();
    const options = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      preconditions: { uid: this.uid },
    };
    // A server that can't be reached now is asked again by the node, when it sees the pod there still.
    const answer = await this.#options.api.raw('DELETE', podPath(this.#pod), options).catch(() => undefined);
    if (answer === undefined || answer.status < 400 || answer.status === 404 || answer.status === 409) return;
    this.#options.onProblem(`pod ${this.key} can't be removed: ${answer.body}`);
  }
}
