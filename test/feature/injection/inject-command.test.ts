// `isthmus inject` as a user runs it: manifests in, manifests with proxies out.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { run, type RunResult } from '../../support/process.ts';

const main = resolve(import.meta.dirname, '../../../server/main.ts');

const service = `# Asked by sleep.
apiVersion: v1
kind: Service
metadata: {name: web}   # one line
spec: {ports: [{port: 80}]}
`;
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  # Two of them.
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: registry.example/web:1 # pinned
`;
const cronJob = `apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly, namespace: jobs }
spec:
  schedule: '0 1 * * *'
  jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: job, image: job }] } } } }
`;

async function inject(text: string, ...argv: readonly string[]): Promise<RunResult> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-inject-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'manifests.yaml');
  await writeFile(file, text);
  return await run([process.execPath, main, 'inject', '-f', file, ...argv]);
}

it('a Deployment gets the proxy, comments stay, and what has no pods stays byte for byte', async () => {
  const { code, stdout } = await inject(`${service}---\n${deployment}`);
  expect(code).toBe(0);
  expect(stdout.startsWith(service)).toBe(true);
  expect(stdout).toContain('# Two of them.');
  expect(stdout).toContain('# pinned');
  expect(stdout).toContain('kubernetes://apis/apps/v1/namespaces/default/deployments/web');
  expect(stdout).toMatch(/name: istio-proxy/);
  expect(parseAllDocuments(stdout).map((document) => document.errors)).toEqual([[], []]);
});

it('injecting what was injected changes nothing', async () => {
  const once = await inject(deployment + '---\n' + cronJob);
  const twice = await inject(once.stdout);
  expect(twice.stdout).toBe(once.stdout);
  expect(twice.stderr).toContain('Deployment default/web is left alone: it has a sidecar already.');
});

it('objects inside a List are injected, in JSON as well', async () => {
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [{ name: 'a', image: 'a' }] } },
    ],
  };
  const { code, stdout } = await inject(
    JSON.stringify(list),
    '--data-plane',
    'isthmus',
    '--image',
    'registry.example/proxy:1',
  );
  expect(code).toBe(0);
  const [document] = parseAllDocuments(stdout);
  expect(JSON.stringify(document?.toJS())).toContain('"image":"registry.example/proxy:1"');
});

it('labels of the namespace decide, when they are given', async () => {
  const other = await inject(deployment, '--namespace-labels', 'istio.io/rev=canary');
  expect(other.stdout).toBe(deployment);
  expect(other.stderr).toContain('choose no proxy of revision default');
  const own = await inject(deployment, '--namespace-labels', 'istio.io/rev=canary', '--revision', 'canary');
  expect(own.stdout).toContain('istiod-canary.istio-system.svc:15012');
});

it('a wrong annotation and broken YAML are each a sentence, with nothing printed', async () => {
  const wrong = deployment.replace(
    'labels:',
    "annotations: { traffic.sidecar.istio.io/excludeInboundPorts: 'many' }\n      labels:",
  );
  const refused = await inject(wrong);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('Deployment default/web');
  expect(refused.stderr).toContain(
    'traffic.sidecar.istio.io/excludeInboundPorts: "many" has "many", which is not a port',
  );
  const broken = await inject('kind: [');
  expect(broken).toMatchObject({ code: 1, stdout: '' });
  expect(broken.stderr).toContain('Document 1 is not YAML');
});

it('a stock Envoy without an image is refused, and a cluster that nobody named is told', async () => {
  const refused = await inject(deployment, '--data-plane', 'isthmus');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('isthmus.image names no image');
  const unnamed = await inject(deployment);
  expect(unnamed.stderr).toContain('no --cluster-id was given: the pods say that they are of cluster Kubernetes.');
  const named = await inject(deployment, '--cluster-id', 'cluster-1');
  expect(named.stderr).not.toContain('--cluster-id');
});

it('a ProxyConfig in the same text says how the proxies are started', async () => {
  const proxyConfig = (spec: string): string =>
    `apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\nmetadata: { name: threads }\nspec: ${spec}\n---\n`;
  const { code, stdout } = await inject(
    `${proxyConfig('{ concurrency: 3, environmentVariables: { FROM: object } }')}${deployment}`,
  );
  expect(code).toBe(0);
  expect(stdout).toContain('"concurrency":3');
  expect(stdout).toMatch(/name: FROM\n\s+value: object/);
  const wrong = await inject(`${proxyConfig('{ concurrency: many }')}${deployment}`);
  expect([wrong.code, wrong.stdout]).toEqual([1, '']);
  expect(wrong.stderr).toContain('spec.concurrency');
});
