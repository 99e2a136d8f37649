// The scenario while it runs: two regions, each a cluster with its control plane, two pods and an east-west gateway, on networks that
// only the gateways join. Out: waits for what is observed, changes files, and `dispose` ends it and removes all that was made.

import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { NetworkLab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';
import type { ControlPlane } from './control-plane.ts';
import type { ExampleCluster } from './example.ts';
import type { Pod } from './pod.ts';

/** The network that only the gateways have a leg in. */
export const betweenNetwork = 'between';

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

  /** Starts both regions at once; resolves when both control planes know both clusters and every Envoy has its configuration. */
  async start(report: (text: string) => void): Promise<void> {
    report('control planes mesh-1 and mesh-2 and two applications are starting, then six agents with their Envoys');
    await Promise.all(this.regions.map((region) => startRegion(region, report)));
    await Promise.all(this.regions.map(({ controlPlane }) => this.settled(controlPlane)));
  }

  /** Waits until this instance has read both clusters and its three proxies have accepted all that they were sent, names too. */
  async settled(controlPlane: ControlPlane): Promise<void> {
    await waitFor(
      () => controlPlane.clusters(),
      (clusters) => clusters.length === 2 && clusters.every(({ phase }) => phase === 'running'),
      { what: `${controlPlane.name} to have read both clusters`, timeoutMs: 30_000, intervalMs: 150 },
    );
    await waitFor(
      () => controlPlane.proxies(),
      (proxies) =>
        proxies.length === 3 &&
        proxies.every(({ types }) => types.every(({ status }) => status === 'SYNCED')) &&
        proxies.every(({ type, types }) => type !== 'sidecar' || types.some(({ name }) => name === 'nds')),
      {
        what: `the proxies of ${controlPlane.name} to have accepted their configuration`,
        timeoutMs: 30_000,
        intervalMs: 150,
      },
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

// An agent waits longer after each try that found no control plane, so it comes after it.
async function startRegion(
  { controlPlane, sleep, helloworld, gateway }: Region,
  report: (text: string) => void,
): Promise<void> {
  const pods = [sleep, helloworld, gateway];
  controlPlane.start();
  await Promise.all([controlPlane.ready(), ...pods.map((pod) => pod.prepare())]);
  report(`${controlPlane.name} is ready`);
  for (const pod of pods) pod.start();
  await Promise.all(
    pods.map(async (pod) => {
      await pod.ready();
      report(`${pod.name} has its certificate and its configuration`);
    }),
  );
}

/** Writes a file into a region's registry by renaming it into place. */
export async function writeRegistryFile(region: Region, name: string, text: string): Promise<void> {
  const target = join(region.registry, name);
  await writeFile(`${target}.new`, text);
  await rename(`${target}.new`, target);
}

/** Of all that a scenario wrote only its programs' words stay; nothing, when there are none. Returns where they are. */
export async function keepLogsOnly(directory: string): Promise<string | undefined> {
  const logs = join(directory, 'logs');
  const names = await readdir(logs).catch(() => []);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(logs, name))).size));
  const kept = sizes.some((size) => size > 0);
  const others = ['pods', 'ca', 'registry', 'state'].map((name) => join(directory, name));
  await Promise.all((kept ? others : [directory]).map((path) => rm(path, { recursive: true, force: true })));
  return kept ? logs : undefined;
}
