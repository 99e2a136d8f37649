// docs/install.md says what works: its manifests are taken by a real API server, its arguments by our commands, its values by Helm.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { agentCommand } from '../../../server/cli/agent.ts';
import { helmProgram } from '../../support/helm.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { namespaceObject } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { run, runOrThrow } from '../../support/process.ts';

const repository = resolve(import.meta.dirname, '../../..');
const guide = await readFile(resolve(repository, 'docs/install.md'), 'utf8');

const objects = blocks('yaml')
  .flatMap((text) => parseAllDocuments(text))
  .map((document) => document.toJS() as TestObject);

/** One command each, continued lines joined, for the first cluster. */
const commands = blocks('sh')
  .flatMap((text) => text.replaceAll(/\\\n\s*/g, '').split('\n'))
  .map((line) => line.replaceAll('$n', '1').trim());

let cluster: KubeCluster;

beforeAll(async () => {
  await helmProgram();
  cluster = await startKubeCluster();
  for (const name of ['istio-system', 'sample']) await cluster.api.apply(namespaceObject(name));
}, 3_600_000);

afterAll(async () => {
  await cluster.stop();
});

/** What stands between fences of a language. */
function blocks(language: string): readonly string[] {
  return [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , text = '']) => text);
}

it('the API server takes its manifests', async () => {
  // Definitions of Istio's resources are not Kubernetes' own.
  const own = objects.filter(({ apiVersion }) => !apiVersion.startsWith('networking.istio.io/'));
  expect(own.map(({ kind }) => kind)).toEqual([
    'ServiceAccount',
    'Service',
    'Deployment',
    'Namespace',
    'ServiceAccount',
    'Service',
    'Deployment',
  ]);
  for (const object of own) expect(await cluster.api.dryRun(object)).toMatchObject({ kind: object.kind });
});

it('the agent takes its arguments', () => {
  const containers = objects.filter(({ kind }) => kind === 'Deployment').flatMap(containersOf);
  const agents = containers.filter(({ args }) => args?.[0] === 'agent');
  expect(agents).toHaveLength(2);
  for (const { args = [], volumeMounts = [] } of agents) {
    const command = agentCommand()
      .exitOverride()
      .action(() => undefined);
    command.parse(args.slice(1), { from: 'user' });
    const files = ['rootCert', 'token', 'workDir'].map((name) => String(command.opts()[name]));
    const isMounted = (file: string): boolean => volumeMounts.some(({ mountPath }) => file.startsWith(mountPath));
    expect(files.filter((file) => !isMounted(file))).toEqual([]);
  }
});

it('Helm takes its values', async () => {
  const installed = commands.flatMap((line) => {
    const [, release = '', chart = '', options = ''] =
      /^helm .*?\binstall (\S+) (deploy\/chart\/\S+) (.*)$/.exec(line) ?? [];
    return release === '' ? [] : [[release, chart, ...options.split(/\s+/)]];
  });
  expect(installed.map(([release]) => release)).toEqual(['isthmus', 'isthmus-remote-reader', 'isthmus-v0-2']);
  for (const argv of installed) {
    const { stdout } = await runOrThrow([await helmProgram(), 'template', ...argv], { cwd: repository });
    expect(stdout).toContain('kind: ServiceAccount');
  }
});

it('our commands know its options', async () => {
  const own = commands.flatMap((line) => /npx isthmus ([^|&#]+)/.exec(line)?.[1]?.trim() ?? []);
  expect(own.length).toBeGreaterThan(5);
  for (const line of own) {
    const words = line.split(/\s+/);
    const options = words.filter((word) => word.startsWith('--'));
    const command = words.slice(0, words[0] === 'ca' ? 2 : 1);
    const help = await run([process.execPath, 'server/main.ts', ...command, '--help'], { cwd: repository });
    const known: readonly string[] = help.stdout.match(/--[a-z-]+/g) ?? [];
    expect([line, help.code, options.filter((option) => !known.includes(option))]).toEqual([line, 0, []]);
  }
});

interface Container {
  readonly args?: readonly string[];
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
}

function containersOf({ spec }: TestObject): readonly Container[] {
  const { template } = spec as { readonly template: { readonly spec: Readonly<Record<string, readonly Container[]>> } };
  return [...(template.spec['initContainers'] ?? []), ...(template.spec['containers'] ?? [])];
}
