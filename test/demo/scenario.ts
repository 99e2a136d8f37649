// The whole scenario: two networks that have no route to each other and a third between them, and in each a control plane, two pods
// and an east-west gateway. In: where to report progress. Out: a running `Scenario`; `dispose` ends it and removes all it made.

import { chmodSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { envoyPath } from '../support/envoy.ts';
import { networkLab } from '../support/netns.ts';
import type { LabHost, NetworkLab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';
import { ControlPlane, controlPlaneHost, mainFile } from './control-plane.ts';
import { podOf, readExampleCluster } from './example.ts';
import type { ExampleCluster, ExamplePod } from './example.ts';
import { makeAuthorities, makeTokens } from './identity-files.ts';
import { LogFile } from './log-file.ts';
import { Pod } from './pod.ts';
import { sidecarCommandPrefix } from './sidecar-user.ts';

export const betweenNetwork = 'between';

export type ScenarioOptions = {
  readonly onProgress?: (text: string) => void;
  /** Life of workload certificates, `24h` if not given. */
  readonly certificateTtl?: string;
};

/** One region: a cluster, its control plane and its pods. */
export type Region = {
  readonly cluster: ExampleCluster;
  /** The directory that this region's control plane reads as its primary, and the other's as a remote. */
  readonly registry: string;
  readonly controlPlane: ControlPlane;
  readonly sleep: Pod;
  readonly helloworld: Pod;
  readonly gateway: Pod;
};

/** Builds everything and waits until every part says that it serves. On failure nothing but the logs stays. */
export async function startScenario(options: ScenarioOptions = {}): Promise<Scenario> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-scenario-'));
  chmodSync(directory, 0o711); // The sidecars' user must reach its own files below it.
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  let lab: NetworkLab | undefined;
  try {
    lab = await networkLab(options);
    const scenario = await build(lab, directory, options, () => process.off('exit', remove));
    await scenario.start(options.onProgress ?? (() => {}));
    return scenario;
  } catch (error) {
    await lab?.dispose();
    process.off('exit', remove);
    await keepLogsOnly(directory);
    throw new ScenarioFailed(error, join(directory, 'logs'));
  }
}

/** The scenario did not come up. */
export class ScenarioFailed extends Error {
  override readonly name = 'ScenarioFailed';
  readonly logDirectory: string;

  constructor(cause: unknown, logDirectory: string) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.logDirectory = logDirectory;
  }
}

export class Scenario {
  readonly lab: NetworkLab;
  readonly directory: string;
  readonly one: Region;
  readonly two: Region;
  #forget: () => void;

  constructor(parts: { lab: NetworkLab; directory: string; one: Region; two: Region; forget: () => void }) {
    this.lab = parts.lab;
    this.directory = parts.directory;
    this.one = parts.one;
    this.two = parts.two;
    this.#forget = parts.forget;
  }

  get regions(): readonly [Region, Region] {
    return [this.one, this.two];
  }

  get pods(): readonly Pod[] {
    return this.regions.flatMap(({ sleep, helloworld, gateway }) => [sleep, helloworld, gateway]);
  }

  get logDirectory(): string {
    return join(this.directory, 'logs');
  }

  /** Starts everything at once; resolves when both control planes know both clusters and every Envoy has its configuration. */
  async start(report: (text: string) => void): Promise<void> {
    for (const { controlPlane } of this.regions) controlPlane.start();
    report('control planes mesh-1 and mesh-2, six agents with their Envoys and two applications are starting');
    await Promise.all([
      ...this.regions.map(async ({ controlPlane }) => {
        await controlPlane.ready();
        report(`${controlPlane.name} is ready`);
      }),
      ...this.pods.map(async (pod) => {
        await pod.start();
        await pod.ready();
        report(`${pod.name} has its certificate and its configuration`);
      }),
    ]);
    await Promise.all(this.regions.map(({ controlPlane }) => this.settled(controlPlane)));
  }

  /** Waits until this instance has read both clusters and its three proxies have accepted all that they were sent. */
  async settled(controlPlane: ControlPlane): Promise<void> {
    await waitFor(
      () => controlPlane.clusters(),
      (clusters) => clusters.length === 2 && clusters.every(({ phase }) => phase === 'running'),
      { what: `${controlPlane.name} to have read both clusters`, timeoutMs: 30_000 },
    );
    await waitFor(
      () => controlPlane.proxies(),
      (proxies) =>
        proxies.length === 3 && proxies.every(({ types }) => types.every(({ status }) => status === 'SYNCED')),
      { what: `the proxies of ${controlPlane.name} to have accepted their configuration`, timeoutMs: 30_000 },
    );
  }

  /** Puts a file into both clusters' directories, whole: a reader sees the old one or the new one. */
  async apply(file: string): Promise<void> {
    const text = await readFile(file, 'utf8');
    await Promise.all(this.regions.map((region) => writeRegistryFile(region, basename(file), text)));
  }

  /** Ends all programs and removes what was made. With `keepLogs` the logs stay. */
  async dispose(options: { readonly keepLogs?: boolean } = {}): Promise<void> {
    await this.lab.dispose();
    this.#forget();
    if (options.keepLogs === true) await keepLogsOnly(this.directory);
    else await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

/** Writes a file into a region's registry by renaming it into place. */
export async function writeRegistryFile(region: Region, name: string, text: string): Promise<void> {
  const target = join(region.registry, name);
  await writeFile(`${target}.new`, text);
  await rename(`${target}.new`, target);
}

async function build(
  lab: NetworkLab,
  directory: string,
  options: ScenarioOptions,
  forget: () => void,
): Promise<Scenario> {
  const report = options.onProgress ?? (() => {});
  const clusters = await Promise.all(['cluster-1', 'cluster-2'].map((id) => readExampleCluster(id)));
  const [first, second] = clusters;
  if (first === undefined || second === undefined) throw new Error('the example has two clusters');
  await Promise.all(['logs', 'pods', 'ca', 'registry', 'state'].map((name) => mkdir(join(directory, name))));

  const [envoy, authorities] = await Promise.all([
    envoyPath(options),
    makeAuthorities(
      join(directory, 'ca'),
      clusters.map(({ clusterId }) => clusterId),
    ),
    Promise.all(clusters.map(({ network }) => lab.network(network))).then(() => lab.network(betweenNetwork)),
  ]);
  const rootCertificate = await readFile(authorities.rootFile, 'utf8');
  report('one root and an intermediate for each instance are made (isthmus ca init, isthmus ca issue)');
  const sidecarPrefix = await sidecarCommandPrefix([process.execPath, mainFile, envoy]);

  const registryOf = (cluster: ExampleCluster): string => join(directory, 'registry', cluster.clusterId);
  const region = async (index: number, cluster: ExampleCluster, other: ExampleCluster): Promise<Region> => {
    const registry = registryOf(cluster);
    await cp(cluster.directory, registry, { recursive: true });
    const tokens = await makeTokens(cluster, registry);
    const name = `mesh-${index}`;
    const network = cluster.network;
    const gatewayPod = podOf(cluster, 'istio-eastwestgateway');
    const controlPlaneAddress = gatewayPod.address.replace(/\d+$/, '2');
    const names = namesIn(cluster, controlPlaneAddress);

    const controlPlane = new ControlPlane({
      name,
      host: await lab.host({ name, legs: [{ network, address: `${controlPlaneAddress}/24` }] }),
      clusterId: cluster.clusterId,
      network,
      registry,
      remote: { clusterId: other.clusterId, registry: registryOf(other) },
      caDirectory: authorities.directories.get(cluster.clusterId) ?? '',
      stateDirectory: join(directory, 'state', name),
      log: new LogFile(join(directory, 'logs', `${name}.log`)),
    });
    const makePod = async (pod: ExamplePod, kind: 'sidecar' | 'gateway', version?: string): Promise<Pod> => {
      const legs = [{ network, address: `${pod.address}/24` }];
      if (kind === 'gateway') legs.push({ network: betweenNetwork, address: `${cluster.gatewayAddress}/24` });
      const host = await lab.host({ name: pod.name, legs, hosts: names });
      if (kind === 'sidecar') await routeServiceAddresses(host);
      return new Pod({
        host,
        pod,
        kind,
        ...(version === undefined ? {} : { applicationVersion: version }),
        directory: join(directory, 'pods', pod.name),
        rootCertificate,
        token: tokens.get(`${pod.namespace}/${pod.serviceAccount}`) ?? '',
        sidecarPrefix,
        agentLog: new LogFile(join(directory, 'logs', `${pod.name}.log`)),
        clusterId: cluster.clusterId,
        network,
        envoy,
        certificateTtl: options.certificateTtl ?? '24h',
      });
    };
    const [sleep, helloworld, gateway] = await Promise.all([
      makePod(podOf(cluster, 'sleep'), 'sidecar'),
      makePod(podOf(cluster, 'helloworld'), 'sidecar', podOf(cluster, 'helloworld').labels['version'] ?? 'v0'),
      makePod(gatewayPod, 'gateway'),
    ]);
    return { cluster, registry, controlPlane, sleep, helloworld, gateway };
  };
  const [one, two] = await Promise.all([region(1, first, second), region(2, second, first)]);
  report('networks network1 and network2 without a route to each other, joined only by two gateways in a third');
  return new Scenario({ lab, directory, one, two, forget });
}

// What the cluster's DNS would answer in a pod of the namespace `sample`.
function namesIn(cluster: ExampleCluster, controlPlaneAddress: string): Readonly<Record<string, string>> {
  const services = cluster.services.filter(({ namespace }) => namespace === 'sample');
  return Object.fromEntries([
    [controlPlaneHost, controlPlaneAddress],
    ...services.map(({ name, clusterIp }) => [name, clusterIp]),
  ]) as Readonly<Record<string, string>>;
}

// Service addresses exist nowhere: a packet to one must only get as far as the redirection. There is no default route, so any
// address outside the pod's own network and this range is unreachable.
async function routeServiceAddresses(host: LabHost): Promise<void> {
  await host.execOrThrow(['ip', 'route', 'add', '10.96.0.0/16', 'dev', 'eth0']);
}

async function keepLogsOnly(directory: string): Promise<void> {
  await Promise.all(
    ['pods', 'ca', 'registry', 'state'].map((name) => rm(join(directory, name), { recursive: true, force: true })),
  );
}
