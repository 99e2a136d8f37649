// Helm, built from its Go module, and what it makes of the charts in deploy/. In: values as a user would set them. Out: the
// objects, or what Helm says against the values.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { goProgram } from './go-program.ts';
import type { TestObject } from './kube-api.ts';
import { run, runOrThrow, type RunResult } from './process.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface ChartOptions {
  /** Of deploy/chart: `isthmus` or `isthmus-remote-reader`. */
  readonly chart: string;
  readonly values?: Values | undefined;
  /** Default `istio-system`. */
  readonly namespace?: string | undefined;
  readonly release?: string | undefined;
}

const moduleDirectory = resolve(import.meta.dirname, '../helm');
const chartsDirectory = resolve(import.meta.dirname, '../../deploy/chart');

export function chartFile(chart: string, file: string): string {
  return join(chartsDirectory, chart, file);
}

/** Its path, built into `.cache/` in the version of test/helm/go.mod when it is not there yet (once, some minutes). */
export async function helmProgram(): Promise<string> {
  const version = /helm\.sh\/helm\/v4 v([0-9.]+)/.exec(await readFile(join(moduleDirectory, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error('test/helm/go.mod names no version of Helm');
  return await goProgram({
    name: `helm-${version}`,
    directory: moduleDirectory,
    package: 'helm.sh/helm/v4/cmd/helm',
    takes: 'five minutes',
    advice: 'install Go 1.26 or newer',
  });
}

/** `helm template`. The objects in the order in which they would be installed. */
export async function renderChart(options: ChartOptions): Promise<readonly TestObject[]> {
  const { release = options.chart, namespace = 'istio-system' } = options;
  const result = await withValues(options, (argv) => ['template', release, ...argv, '--namespace', namespace]);
  if (result.code !== 0) throw new Error(`helm template: ${result.stderr}`);
  return parseAllDocuments(result.stdout)
    .map((document) => document.toJS() as TestObject | null)
    .filter((object) => object !== null);
}

/** What `helm lint --strict` prints, and its exit code. */
export async function lintChart(options: ChartOptions): Promise<RunResult> {
  return await withValues(options, (argv) => ['lint', '--strict', ...argv]);
}

/** What a user is told after the installation. */
export async function renderNotes(options: ChartOptions): Promise<string> {
  const { release = options.chart, namespace = 'istio-system' } = options;
  const result = await withValues(options, (argv) =>
    ['install', release, ...argv, '--namespace', namespace].concat(['--dry-run=client', '--output', 'json']),
  );
  if (result.code !== 0) throw new Error(`helm install: ${result.stderr}`);
  const { info } = JSON.parse(result.stdout) as { readonly info: { readonly notes: string } };
  return info.notes;
}

/** `helm install` and `helm uninstall` for real. In: the arguments, and the kubeconfig of the cluster. Out: what Helm prints. */
export async function runHelm(argv: readonly string[], kubeconfig: string): Promise<string> {
  return (await runOrThrow([await helmProgram(), ...argv, '--kubeconfig', kubeconfig])).stdout;
}

/** The one object of a kind. */
export function onlyOne(objects: readonly TestObject[], kind: string): TestObject {
  const [first, ...others] = objects.filter((object) => object.kind === kind);
  if (first === undefined || others.length > 0) throw new Error(`there is not exactly one ${kind}`);
  return first;
}

async function withValues(
  { chart, values = {} }: ChartOptions,
  command: (argv: readonly string[]) => readonly string[],
): Promise<RunResult> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-helm-'));
  try {
    const file = join(directory, 'values.yaml');
    await writeFile(file, stringify(values));
    // Nothing of this machine's own Helm settings, and no cluster.
    const env = { HELM_CONFIG_HOME: directory, HELM_CACHE_HOME: directory, HELM_DATA_HOME: directory };
    const argv = command([join(chartsDirectory, chart), '--values', file]);
    return await run([await helmProgram(), ...argv], { env: { ...env, KUBECONFIG: join(directory, 'none') } });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
