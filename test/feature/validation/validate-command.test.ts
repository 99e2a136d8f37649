// `isthmus validate` as a user and a pipeline run it.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { run, type RunResult } from '../../support/process.ts';

const main = resolve(import.meta.dirname, '../../../server/main.ts');

const store = `apiVersion: v1
kind: Service
metadata: { name: store, namespace: shop }
spec:
  selector: { app: store }
  ports: [{ name: http, port: 80 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: store, namespace: shop }
spec:
  template:
    metadata: { labels: { app: store, version: v1 } }
    spec: { containers: [{ name: store, image: store }] }
`;
const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: store, namespace: shop }
spec:
  host: store
  subsets:
    - name: v1
      labels: { version: v1 }
    - name: v2
      labels: { version: v2 }
`;
const route = (subset: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: store, namespace: shop }
spec:
  hosts: [store]
  http:
    - route:
        - destination:
            host: store
            subset: ${subset}
`;

async function validate(files: Readonly<Record<string, string>>, ...argv: readonly string[]): Promise<RunResult> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-validate-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return await run([process.execPath, main, 'validate', '-f', '.', ...argv], { cwd: directory });
}

it('manifests in which everything fits pass', async () => {
  const { code, stdout } = await validate({
    'a.yaml': store,
    'nested/b.yaml': route('v1'),
    'c.yaml': rule.slice(0, rule.indexOf('    - name: v2')),
  });
  expect(stdout).toBe('4 objects: 0 errors, 0 warnings\n');
  expect(code).toBe(0);
});

it('a warning has file, line, object, field, what happens and what to do, and fails only where asked', async () => {
  const files = { 'a.yaml': store, 'b.yaml': rule, 'c.yaml': route('v3') };
  const { code, stdout } = await validate(files);
  expect(stdout.trimEnd().split('\n')).toEqual([
    'b.yaml:10: warning: DestinationRule/shop/store spec.subsets[1].labels: No endpoint of store.shop.svc.cluster.local has version=v2, so requests for subset v2 are answered with 503; correct the labels, or start workloads that have them. [empty-subset]',
    'c.yaml:8: warning: VirtualService/shop/store spec.http[0].route[0].destination: Host store.shop.svc.cluster.local has no subset v3 (it has v1, v2), so its requests are answered with 503; declare it in a DestinationRule for the host. [unknown-destination]',
    '4 objects: 0 errors, 2 warnings',
  ]);
  expect(code).toBe(0);
  expect((await validate(files, '--warnings-as-errors')).code).toBe(1);
});

it('a field that does not exist is an error with its line, and programs get JSON', async () => {
  const { code, stdout } = await validate({ 'a.yaml': store, 'b.yaml': `${route('""')}  htpp: []\n` }, '-o', 'json');
  expect(code).toBe(1);
  const answer: unknown = JSON.parse(stdout);
  expect(answer).toMatchObject({
    objects: 3,
    problems: [
      {
        severity: 'error',
        code: 'unknown-field',
        object: 'VirtualService/shop/store',
        field: 'spec.htpp',
        origin: { place: 'b.yaml', line: 11 },
        message: 'spec.htpp is no field of this kind: remove it or correct its spelling.',
      },
    ],
  });
});

it('of a refused object it is not said what stays of it, since nothing was before', async () => {
  const { stdout } = await validate({
    'a.yaml': `${route('""')}  htpp: []\n`.replace('VirtualService', 'VirtualServce'),
  });
  expect(stdout).toMatch(/did you mean VirtualService\? \[unknown-kind\]/);
  expect(stdout).not.toContain('before stays');
});

it('of two objects with one name the second is an error that says where the first is', async () => {
  const { code, stdout } = await validate({ 'a.yaml': store, 'b.yaml': route('""'), 'c.yaml': route('""') });
  expect(stdout).toContain('c.yaml:1: error: VirtualService/shop/store is in b.yaml:1 already');
  expect(code).toBe(1);
});

it('the standard input is read for -, together with other paths', async () => {
  const command = `"$0" "$1" validate -f - -f a.yaml < b.yaml`;
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-validate-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'a.yaml'), store);
  await writeFile(join(directory, 'b.yaml'), `${route('""')}  htpp: []\n`);
  const { code, stdout } = await run(['sh', '-c', command, process.execPath, main], { cwd: directory });
  expect(stdout).toContain('stdin:11: error: VirtualService/shop/store: spec.htpp');
  expect(stdout).toContain('3 objects: 1 error, 0 warnings');
  expect(code).toBe(1);
});

it('a path that is not there, and no path at all, are wrong use', async () => {
  const missing = await validate({ 'a.yaml': store }, '-f', 'nowhere');
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('nowhere');
  expect((await run([process.execPath, main, 'validate'])).code).toBe(2);
});

it('a directory without manifests is wrong use, and not a directory without errors', async () => {
  const { code, stderr } = await validate({ 'read.me': 'nothing' });
  expect(code).toBe(2);
  expect(stderr).toBe(
    'isthmus validate: -f .: there is no .yaml, .yml or .json file in this directory; name one that has manifests.\n',
  );
});

it('what is not YAML is told with its place once', async () => {
  const { code, stdout } = await validate({ 'a.yaml': 'kind: [\n' });
  expect(code).toBe(1);
  expect(stdout.match(/a\.yaml/g)).toHaveLength(1);
});
