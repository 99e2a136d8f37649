// A real Kubernetes API on loopback for tests: etcd and kube-apiserver, on request kube-controller-manager, no kubelet. In: what
// differs from the default. Out: a cluster with a kubeconfig, whose programs can be paused, killed and started again.

import { rmSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canHaveGoProgram, goProgram, isExecutable } from './go-program.ts';
import { KubeApi } from './kube-api.ts';
import { chosenKubeVersion, kubeProgram } from './kube-versions.ts';
import { runOrThrow, startProcess, type RunningProcess } from './process.ts';
import { waitFor } from './wait-for.ts';

/** The command line before each program's own flags. */
export interface KubePrograms {
  readonly etcd: (directory: string, clientUrl: string, peerUrl: string) => readonly string[];
  readonly apiServer: readonly string[];
  /** Absent where ready-made programs are used that don't include it. */
  readonly controllerManager?: readonly string[] | undefined;
}

/**
 * `$KUBEBUILDER_ASSETS`, else `.cache/testkube`, which is built with Go when it is not there yet (once, about ten minutes).
 * @param version of Kubernetes, which the assets need not be in; default: the assets, else `$TEST_KUBE_VERSION`, else the newest.
 */
export async function kubePrograms(version?: string): Promise<KubePrograms> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets !== undefined && assets !== '' && version === undefined) {
    const controllerManager = join(assets, 'kube-controller-manager');
    return {
      etcd: (directory, clientUrl, peerUrl) => [
        join(assets, 'etcd'),
        ...flags({
          'data-dir': directory,
          'listen-client-urls': clientUrl,
          'advertise-client-urls': clientUrl,
          'listen-peer-urls': peerUrl,
          'initial-advertise-peer-urls': peerUrl,
          'initial-cluster': `default=${peerUrl}`,
          'unsafe-no-fsync': 'true',
          'log-level': 'error',
        }),
      ],
      apiServer: [join(assets, 'kube-apiserver')],
      controllerManager: (await isExecutable(controllerManager)) ? [controllerManager] : undefined,
    };
  }
  const program = await goProgram(kubeProgram(version ?? chosenKubeVersion()));
  return {
    etcd: (directory, clientUrl, peerUrl) => [program, 'etcd', directory, clientUrl, peerUrl],
    apiServer: [program, 'kube-apiserver'],
    controllerManager: [program, 'kube-controller-manager'],
  };
}

/** Why there can be no real API here, or undefined. In CI there is never a reason: what is missing fails there. */
export async function whyNoKube(): Promise<string | undefined> {
  if (process.env['CI'] !== undefined || process.env['KUBEBUILDER_ASSETS']) return undefined;
  const program = kubeProgram(chosenKubeVersion());
  return (await canHaveGoProgram(program)) ? undefined : `no Go to build it with: ${program.advice}`;
}

/** Where its programs run, when that is a network namespace. */
export interface KubePlace {
  /** Its address there; the API server listens on all. */
  readonly address: string;
  /** The command line that runs a program there. */
  command(argv: readonly string[]): readonly string[];
  /** The port on this process's loopback that leads to a port there. */
  reach(port: number): Promise<number>;
}

export interface KubeClusterOptions {
  /** Default: where this process is, on loopback. */
  readonly place?: KubePlace | undefined;
  /** Two clusters side by side need different ones. Default 0. */
  readonly index?: number | undefined;
  /** `1.30`; default: `$TEST_KUBE_VERSION`, else the newest. */
  readonly version?: string | undefined;
  /** More flags of kube-apiserver, e.g. `audit-log-path`. */
  readonly apiServerFlags?: Readonly<Record<string, string>> | undefined;
  /** A directory that `saveEtcd` wrote: the cluster begins with what was stored then. */
  readonly etcdData?: string | undefined;
}

export interface ControllerManagerOptions {
  /** Default: all that make Pods, EndpointSlices and ServiceAccounts. */
  readonly controllers?: readonly string[] | undefined;
  readonly flags?: Readonly<Record<string, string>> | undefined;
}

export const adminToken = 'admin-token';

export class KubeCluster {
  /** Its files: logs, certificates, `kubeconfig`. Removed by `stop`. */
  readonly directory: string;
  /** Of an administrator. */
  readonly kubeconfig: string;
  /** As this process reaches it. */
  readonly server: string;
  /** As the programs in its place do. */
  readonly insideServer: string;
  readonly api: KubeApi;
  readonly #programs: KubePrograms;
  readonly #apiServerFlags: Readonly<Record<string, string>>;
  readonly #place: KubePlace | undefined;
  readonly #etcdUrl: string;
  readonly #peerUrl: string;
  #etcd: RunningProcess | undefined;
  #apiServer: RunningProcess | undefined;
  #controllerManager: RunningProcess | undefined;
  readonly #onExit = (): void => {
    for (const each of [this.#controllerManager, this.#apiServer, this.#etcd]) each?.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  };

  constructor(options: {
    readonly directory: string;
    readonly programs: KubePrograms;
    readonly ports: readonly [number, number, number];
    readonly index: number;
    readonly apiServerFlags: Readonly<Record<string, string>>;
    readonly place?: KubePlace | undefined;
    /** The port of `server`. Default: the API server's own. */
    readonly reachedPort?: number | undefined;
  }) {
    const [etcdPort, peerPort, apiPort] = options.ports;
    this.#place = options.place;
    this.directory = options.directory;
    this.kubeconfig = join(options.directory, 'kubeconfig');
    // Its own certificate names loopback when it listens on that alone, else `localhost` and the address.
    const { place, reachedPort = apiPort } = options;
    this.server = `https://${place === undefined ? '127.0.0.1' : 'localhost'}:${reachedPort}`;
    this.insideServer = place === undefined ? this.server : `https://${place.address}:${apiPort}`;
    this.api = new KubeApi({ server: this.server, token: adminToken });
    this.#programs = options.programs;
    this.#etcdUrl = `http://127.0.0.1:${etcdPort}`;
    this.#peerUrl = `http://127.0.0.1:${peerPort}`;
    const key = this.file('sa.key');
    this.#apiServerFlags = {
      'etcd-servers': this.#etcdUrl,
      'secure-port': String(apiPort),
      ...(place === undefined
        ? { 'bind-address': '127.0.0.1' }
        : { 'bind-address': '0.0.0.0', 'advertise-address': place.address }),
      'cert-dir': this.file('certificates'),
      'service-account-key-file': key,
      'service-account-signing-key-file': key,
      'service-account-issuer': 'https://kubernetes.default.svc',
      'api-audiences': 'https://kubernetes.default.svc,istio-ca',
      'service-cluster-ip-range': `10.${96 + options.index}.0.0/16`,
      'token-auth-file': this.file('tokens.csv'),
      'authorization-mode': 'RBAC',
      'disable-admission-plugins': 'ServiceAccount',
      'allow-privileged': 'true',
      profiling: 'false',
      'max-requests-inflight': '2000',
      'max-mutating-requests-inflight': '1000',
      'shutdown-delay-duration': '0s',
      ...options.apiServerFlags,
    };
    process.once('exit', this.#onExit);
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  /** `kubeconfig` for the programs in its place. */
  get insideKubeconfig(): string {
    return this.file('inside.kubeconfig');
  }

  #start(argv: readonly string[], name: string): RunningProcess {
    return startProcess(this.#place?.command(argv) ?? argv, { name });
  }

  /** A kubeconfig for this server with another user, inline, as the text that is kept in Secrets. */
  async kubeconfigFor(user: Readonly<Record<string, unknown>>, server: string = this.server): Promise<string> {
    const ca = await readFile(this.file('certificates/apiserver.crt'));
    const cluster = { server, 'certificate-authority-data': ca.toString('base64') };
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'test', user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    });
  }

  async startEtcd(): Promise<void> {
    const argv = this.#programs.etcd(this.file('etcd'), this.#etcdUrl, this.#peerUrl);
    this.#etcd = this.#start(argv, 'etcd');
  }

  /** Resolves when it is ready. */
  async startApiServer(): Promise<void> {
    const argv = [...this.#programs.apiServer, ...flags(this.#apiServerFlags)];
    const started = this.#start(argv, 'kube-apiserver');
    this.#apiServer = started;
    await waitFor(
      async () => {
        if (!started.running) return `ended: ${started.output.slice(-2000)}`;
        return (await this.api.raw('GET', '/readyz')).body;
      },
      (answer) => answer === 'ok' || answer.startsWith('ended'),
      { what: `the API server ${this.server} to be ready`, timeoutMs: 90_000, intervalMs: 200 },
    );
    if (!started.running) throw new Error(`kube-apiserver ended: ${started.output.slice(-2000)}`);
    await writeFile(this.kubeconfig, await this.kubeconfigFor({ token: adminToken }));
    await writeFile(this.insideKubeconfig, await this.kubeconfigFor({ token: adminToken }, this.insideServer));
  }

  /** Needs no kubelet: Deployments make Pods, Pods and Nodes with a status make EndpointSlices. */
  startControllerManager(options: ControllerManagerOptions = {}): void {
    const program = this.#programs.controllerManager;
    if (program === undefined)
      throw new Error('KUBEBUILDER_ASSETS has no kube-controller-manager: unset it to build one');
    const controllers = options.controllers ?? [
      'deployment-controller',
      'replicaset-controller',
      'endpointslice-controller',
      'serviceaccount-controller',
      'namespace-controller',
      'garbage-collector-controller',
    ];
    const argv = flags({
      kubeconfig: this.insideKubeconfig,
      'service-account-private-key-file': this.file('sa.key'),
      'leader-elect': 'false',
      'secure-port': '0',
      controllers: controllers.join(','),
      ...options.flags,
    });
    this.#controllerManager = this.#start([...program, ...argv], 'kube-controller-manager');
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  pauseApiServer(): void {
    this.#apiServer?.kill('SIGSTOP');
  }

  resumeApiServer(): void {
    this.#apiServer?.kill('SIGCONT');
  }

  /** SIGKILL: every connection is cut. */
  async killApiServer(): Promise<void> {
    this.#apiServer?.kill('SIGKILL');
    await this.#apiServer?.exited;
  }

  /** Everything that was stored is gone when it starts again. */
  async restartEmpty(): Promise<void> {
    await this.killApiServer();
    this.#etcd?.kill('SIGKILL');
    await this.#etcd?.exited;
    await rm(this.file('etcd'), { recursive: true, force: true });
    await this.startEtcd();
    await this.startApiServer();
  }

  /** Copies everything that is stored into a directory that does not exist yet. The cluster is down meanwhile. */
  async saveEtcd(directory: string): Promise<void> {
    await this.killApiServer();
    this.#etcd?.kill('SIGKILL');
    await this.#etcd?.exited;
    await cp(this.file('etcd'), directory, { recursive: true });
    await this.startEtcd();
    await this.startApiServer();
  }

  /** Of its programs that run. */
  get pids(): readonly number[] {
    return [this.#etcd, this.#apiServer, this.#controllerManager].flatMap((each) =>
      each?.running === true && each.pid !== undefined ? [each.pid] : [],
    );
  }

  /** What the API server has logged. */
  get log(): string {
    return this.#apiServer?.output ?? '';
  }

  async stop(): Promise<void> {
    process.off('exit', this.#onExit);
    for (const each of [this.#controllerManager, this.#apiServer, this.#etcd]) {
      each?.kill('SIGKILL');
      await each?.exited;
    }
    this.api.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts etcd and kube-apiserver, about five seconds. Who starts it stops it. */
export async function startKubeCluster(options: KubeClusterOptions = {}): Promise<KubeCluster> {
  const programs = await kubePrograms(options.version);
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-kube-'));
  await runOrThrow(['openssl', 'genrsa', '-out', join(directory, 'sa.key'), '2048']);
  await writeFile(join(directory, 'tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`);
  const ports = await freePorts();
  const { index = 0, apiServerFlags = {}, etcdData, place } = options;
  const reachedPort = await place?.reach(ports[2]);
  const cluster = new KubeCluster({ directory, programs, ports, index, apiServerFlags, place, reachedPort });
  try {
    if (etcdData !== undefined) await cp(etcdData, cluster.file('etcd'), { recursive: true });
    await cluster.startEtcd();
    await cluster.startApiServer();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

function flags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

/** Held at the same time, so that they differ. */
async function freePorts(): Promise<[number, number, number]> {
  const servers = await Promise.all([0, 1, 2].map(() => listenAnywhere()));
  const [etcd = 0, peer = 0, api = 0] = servers.map(({ port }) => port);
  await Promise.all(servers.map(({ close }) => close()));
  return [etcd, peer, api];
}

async function listenAnywhere(): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
    });
  return { port, close };
}
