// Two clusters as somebody has them before docs/install.md, and the shell to follow it in. The images that the guide builds stand for
// this checkout's program and a stock Envoy.

import { resolve } from 'node:path';
import { envoyPath } from '../support/envoy.ts';
import { guidePage, type GuidePage } from '../support/guide-page.ts';
import { istioDefinitions } from '../support/istio-definitions.ts';
import { networkLab, type NetworkLab } from '../support/netns.ts';
import type { ImageTable } from '../support/node/images.ts';
import { startNodeCluster, type NodeCluster } from '../support/node/node-cluster.ts';
import { userShell, type UserShell } from '../support/user-shell.ts';

const repository = resolve(import.meta.dirname, '../..');

export class GuidedClusters implements AsyncDisposable {
  readonly lab: NetworkLab;
  readonly one: NodeCluster;
  readonly two: NodeCluster;
  readonly shell: UserShell;
  readonly #guide: GuidePage;

  constructor(parts: {
    readonly lab: NetworkLab;
    readonly one: NodeCluster;
    readonly two: NodeCluster;
    readonly shell: UserShell;
    readonly guide: GuidePage;
  }) {
    this.lab = parts.lab;
    this.one = parts.one;
    this.two = parts.two;
    this.shell = parts.shell;
    this.#guide = parts.guide;
  }

  get both(): readonly NodeCluster[] {
    return [this.one, this.two];
  }

  /** Runs what stands under a heading of the guide. Out: what each block of commands prints. */
  async follow(heading: string): Promise<readonly string[]> {
    const printed: string[] = [];
    for (const commands of this.commands(heading)) printed.push(await this.run(commands));
    return printed;
  }

  /** The blocks of commands under a heading of the guide. */
  commands(heading: string): readonly string[] {
    return this.#guide.commands(heading);
  }

  /** In the reader's shell, where a replica of cluster-1's instance answers as if its port were forwarded. */
  async run(commands: string, replica = 0): Promise<string> {
    const istiod = this.one.node.pods('istio-system', { app: 'istiod' })[replica];
    return await this.shell.run(commands, { ISTHMUS_HTTP: `${istiod?.status?.podIP ?? ''}:8080` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shell[Symbol.asyncDispose]();
    await Promise.all(this.both.map((cluster) => cluster[Symbol.asyncDispose]()));
    await this.lab.dispose();
  }
}

export async function guidedClusters(more: ImageTable = {}): Promise<GuidedClusters> {
  const isthmus = [process.execPath, resolve(repository, 'server/main.ts')];
  const programs = { isthmus, envoy: [await envoyPath()] };
  const images: ImageTable = {
    'isthmus-proxy': { entrypoint: isthmus, cmd: ['serve'], user: 1337, workingDir: repository, programs },
    ...more,
  };
  const lab = await networkLab();
  const one = await startNodeCluster({ lab, index: 1, images, labels: zone(1) });
  const two = await startNodeCluster({ lab, index: 2, images, labels: zone(2) });
  for (const { kube } of [one, two]) await kube.api.apply(...istioDefinitions);
  const shell = await userShell({ 'cluster-1': one, 'cluster-2': two });
  return new GuidedClusters({ lab, one, two, shell, guide: await guidePage('install.md') });
}

function zone(index: number): Readonly<Record<string, string>> {
  return { 'topology.kubernetes.io/region': `region-${index}`, 'topology.kubernetes.io/zone': `region-${index}a` };
}
