// Builds the scenario: roots and tokens, directories, networks, and in each region a control plane and three pods. In: where to report
// progress. Out: a `Scenario` in which every part says that it serves, or `ScenarioFailed`.

import { chmodSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envoyPath } from '../support/envoy.ts';
import { networkLab } from '../support/netns.ts';
import type { LabHost, NetworkLab } from '../support/netns.ts';
import { ControlPlane, controlPlaneHost, mainFile } from './control-plane.ts';
import { podOf, readExampleCluster } from './example.ts';
import type { ExampleCluster, ExamplePod } from './example.ts';
import { makeAuthorities, makeTokens } from './identity-files.ts';
import type { Authorities } from './identity-files.ts';
import { LogFile } from './log-file.ts';
import { Pod } from './pod.ts';
import { betweenNetwork, keepLogsOnly, Scenario } from './scenario.ts';
import type { Region } from './scenario.ts';
import { sidecarCommandPrefix } from './sidecar-user.ts';

export type ScenarioOptions = {
  readonly onProgress?: (text: string) => void;
  /** Life of workload certificates, `24h` if not given. */
  readonly certificateTtl?: string;
  /** How Envoys ask for their configuration: `delta` if not given. */
  readonly ads?: 'delta' | 'sotw';
  /** Where the clusters are if not in directories. */
  readonly clusters?: ClusterPlaces;
  /** Processes of each instance that serve connections; none if not given. */
  readonly workers?: number;
};

/** Where instances find their clusters, and what the agents of a cluster show as its tokens. */
export type ClusterPlaces = {
  /** Called once, before anything is started. */
  fill(clusters: readonly ExampleCluster[], authorities: Authorities): Promise<void>;
  /** Of the instance that runs at `host`. */
  placeOf(cluster: ExampleCluster, host: LabHost): Promise<ClusterPlace>;
};

export type ClusterPlace = {
  /** Options of `isthmus serve`. */
  readonly options: readonly string[];
  /** By `NAMESPACE/ACCOUNT`. */
  readonly tokens: ReadonlyMap<string, string>;
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
    const logs = await keepLogsOnly(directory);
    // Without logs it is removed once more at the end: a program that was still starting may have written since.
    if (logs !== undefined) process.off('exit', remove);
    throw new ScenarioFailed(error, logs);
  }
}

/** The scenario did not come up. */
export class ScenarioFailed extends Error {
  override readonly name = 'ScenarioFailed';
  /** Absent when nothing had been said yet. */
  readonly logDirectory: string | undefined;

  constructor(cause: unknown, logDirectory: string | undefined) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.logDirectory = logDirectory;
  }
}

const gatewayName = 'istio-eastwestgateway';

type Surroundings = {
  readonly lab: NetworkLab;
  readonly directory: string;
  readonly envoy: string;
  readonly authorities: Authorities;
  readonly rootCertificate: string;
  readonly sidecarPrefix: readonly string[];
  readonly certificateTtl: string;
  readonly ads: 'delta' | 'sotw';
  readonly clusters: ClusterPlaces | undefined;
  readonly workers: number;
};

async function build(
  lab: NetworkLab,
  directory: string,
  options: ScenarioOptions,
  forget: () => void,
): Promise<Scenario> {
  const report = options.onProgress ?? (() => {});
  const [first, second] = await Promise.all([readExampleCluster('cluster-1'), readExampleCluster('cluster-2')]);
  await Promise.all(['logs', 'pods', 'ca', 'registry', 'state'].map((name) => mkdir(join(directory, name))));
  const envoy = await envoyPath(options);
  const [authorities] = await Promise.all([
    makeAuthorities(join(directory, 'ca'), [first.clusterId, second.clusterId]),
    addNetworks(lab, [first.network, second.network, betweenNetwork]),
  ]);
  report('one root and an intermediate for each instance are made (isthmus ca init, isthmus ca issue)');
  await options.clusters?.fill([first, second], authorities);
  const surroundings = {
    lab,
    directory,
    envoy,
    authorities,
    rootCertificate: await readFile(authorities.rootFile, 'utf8'),
    sidecarPrefix: await sidecarCommandPrefix([process.execPath, mainFile, envoy]),
    certificateTtl: options.certificateTtl ?? '24h',
    ads: options.ads ?? ('delta' as const),
    clusters: options.clusters,
    workers: options.workers ?? 0,
  };
  const [one, two] = await Promise.all([
    buildRegion('mesh-1', first, second, surroundings),
    buildRegion('mesh-2', second, first, surroundings),
  ]);
  report(
    `${first.network} and ${second.network} are up, without a route to each other; two gateways join them in a third`,
  );
  return new Scenario({ lab, directory, one, two, forget });
}

async function addNetworks(lab: NetworkLab, names: readonly string[]): Promise<void> {
  for (const name of names) await lab.network(name);
}

async function buildRegion(
  meshName: string,
  cluster: ExampleCluster,
  other: ExampleCluster,
  surroundings: Surroundings,
): Promise<Region> {
  const { lab, directory, authorities, clusters, workers } = surroundings;
  const { clusterId, network } = cluster;
  const registryOf = (id: string): string => join(directory, 'registry', id);
  const registry = registryOf(clusterId);
  await cp(cluster.directory, registry, { recursive: true });
  const gateway = podOf(cluster, gatewayName);
  const helloworld = podOf(cluster, 'helloworld');
  // The control plane is no pod of the example: it stands beside the gateway.
  const controlPlaneAddress = gateway.address.replace(/\d+$/, '2');
  // Agents find it before there is anything that answers DNS.
  const names = { [controlPlaneHost]: controlPlaneAddress };
  const controlPlaneLeg = await lab.host({ name: meshName, legs: [{ network, address: `${controlPlaneAddress}/24` }] });
  const inDirectories = async (): Promise<ClusterPlace> => ({
    options: Object.entries({
      '--registry': registry,
      '--remote': `${other.clusterId}=${registryOf(other.clusterId)}`,
      '--ca-dir': authorities.directories.get(clusterId) ?? '',
    }).flat(),
    tokens: await makeTokens(cluster, registry),
  });
  const place = await (clusters?.placeOf(cluster, controlPlaneLeg) ?? inDirectories());
  const inRegion = { ...surroundings, cluster, names, tokens: place.tokens };
  const pods = await Promise.all([
    buildPod({ pod: podOf(cluster, 'sleep'), kind: 'sidecar' }, inRegion),
    buildPod({ pod: helloworld, kind: 'sidecar', applicationVersion: helloworld.labels['version'] ?? '' }, inRegion),
    buildPod({ pod: gateway, kind: 'gateway' }, inRegion),
  ]);
  const controlPlane = new ControlPlane({
    name: meshName,
    host: controlPlaneLeg,
    clusterId,
    network,
    places: [...place.options, '--workers', String(workers)],
    stateDirectory: join(directory, 'state', meshName),
    log: new LogFile(join(directory, 'logs', `${meshName}.log`)),
  });
  return { cluster, registry, controlPlane, sleep: pods[0], helloworld: pods[1], gateway: pods[2] };
}

async function buildPod(
  what: { readonly pod: ExamplePod; readonly kind: 'sidecar' | 'gateway'; readonly applicationVersion?: string },
  where: Surroundings & {
    readonly cluster: ExampleCluster;
    readonly names: Readonly<Record<string, string>>;
    readonly tokens: ReadonlyMap<string, string>;
  },
): Promise<Pod> {
  const { pod, kind } = what;
  const { lab, directory, cluster, names, tokens } = where;
  const legs = [{ network: cluster.network, address: `${pod.address}/24` }];
  if (kind === 'gateway') legs.push({ network: betweenNetwork, address: `${cluster.gatewayAddress}/24` });
  // A sidecar answers for the services; the names of other programs are as elsewhere.
  const own = kind === 'sidecar' ? { resolverFile: resolverFileIn(pod) } : {};
  const host = await lab.host({ name: pod.name, legs, hosts: names, ...own });
  if (kind === 'gateway') await letPodsOut(host);
  else await addPodRoutes(host, { gateway: podOf(cluster, gatewayName).address, between: cluster.gatewayAddress });
  const { envoy, rootCertificate, sidecarPrefix, certificateTtl, ads } = where;
  return new Pod({
    ...what,
    host,
    clusterId: cluster.clusterId,
    network: cluster.network,
    directory: join(directory, 'pods', pod.name),
    token: tokens.get(`${pod.namespace}/${pod.serviceAccount}`) ?? '',
    agentLog: new LogFile(join(directory, 'logs', `${pod.name}.log`)),
    envoy,
    rootCertificate,
    sidecarPrefix,
    certificateTtl,
    ads,
  });
}

// As Kubernetes writes it. There is no cluster DNS at that address: what is sent there is answered by the sidecar's agent.
function resolverFileIn({ namespace }: ExamplePod): string {
  const searches = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'];
  return `search ${searches.join(' ')}\nnameserver 10.96.0.10\noptions ndots:5\n`;
}

// There is no default route: what is not named here is unreachable, the other region's network first of all.
async function addPodRoutes(host: LabHost, via: { readonly gateway: string; readonly between: string }): Promise<void> {
  // Service addresses exist nowhere: a packet to one must only get as far as the redirection.
  for (const range of ['10.96.0.0/16', '240.240.0.0/16']) {
    await host.execOrThrow(['ip', 'route', 'add', range, 'dev', 'eth0']);
  }
  await host.execOrThrow(['ip', 'route', 'add', via.between.replace(/\d+$/, '0/24'), 'via', via.gateway]);
}

// Pods reach the third network, where the other region's gateway is, as pods reach the world outside of their cluster: their
// address is hidden behind that of the machine with the leg. Nothing is let in from there but answers.
async function letPodsOut(host: LabHost): Promise<void> {
  await host.execOrThrow(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  const rules = [
    ['-P', 'FORWARD', 'DROP'],
    ['-A', 'FORWARD', '-i', 'eth0', '-o', 'eth1', '-j', 'ACCEPT'],
    ['-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT'],
    ['-t', 'nat', '-A', 'POSTROUTING', '-o', 'eth1', '-j', 'MASQUERADE'],
  ];
  for (const rule of rules) await host.execOrThrow(['iptables', '-w', ...rule]);
}
