// What is found about objects, in their status: two replicas with exactly the rights of deploy/rbac on a real API server with the
// published definitions, the real kubectl, and the audit log, which has every write.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { loadServices } from '../../../proto/loader.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { publishedApi } from '../../support/fields/crd-fields.ts';
import { readGoModuleFile } from '../../support/go-module-file.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { auditLog, type AuditEntry, type AuditLog } from '../../support/kube-audit.ts';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import { asPrimary, namespaceObject, systemNamespace } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { kubectl, kubectlProgram } from '../../support/kubectl.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { variants, XdsClient, type XdsStream } from '../../support/xds-client.ts';

const namespace = 'sample';
const accepted = 'isthmus.io/Accepted';
const passed = 'isthmus.io/PassedAnalysis';

let directory: string;
let audit: AuditLog;
let cluster: KubeCluster;
let kubeconfig: string;
let replicas: ServeProcess[] = [];

beforeAll(async () => {
  await kubectlProgram();
  directory = await mkdtemp(join(tmpdir(), 'isthmus-audit-'));
  audit = await auditLog(directory);
  cluster = await startKubeCluster({ apiServerFlags: audit.apiServerFlags });
  kubeconfig = await asPrimary(cluster);
  await cluster.api.apply(namespaceObject(namespace), ...(await definitions()));
  await applyService('helloworld', '10.0.0.1');
  replicas = await Promise.all(['a', 'b'].map(start));
}, 3_600_000);

afterAll(async () => {
  for (const replica of replicas) await replica[Symbol.asyncDispose]();
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
});

function start(name: string): Promise<ServeProcess> {
  const argv = ['--cluster-id', 'cluster-1', '--network', '', '--kubeconfig', kubeconfig];
  return startServe({ argv, name, monitoring: true });
}

/** As published, but that a Sidecar has no status here. */
async function definitions(): Promise<readonly TestObject[]> {
  const documents = parseAllDocuments(await readGoModuleFile(publishedApi));
  const objects = ('empty' in documents ? [] : documents).map((document) => document.toJS() as TestObject | null);
  return objects
    .filter((object): object is TestObject => object?.kind === 'CustomResourceDefinition')
    .map((object) => (object.metadata.name.startsWith('sidecars.') ? withoutStatus(object) : object));
}

function withoutStatus(object: TestObject): TestObject {
  return JSON.parse(JSON.stringify(object), (key, value: unknown) =>
    key === 'subresources' ? undefined : value,
  ) as TestObject;
}

async function applyService(name: string, address: string): Promise<void> {
  await cluster.api.apply(...([serviceManifest(name), sliceManifest(`${name}-1`, name, [address])] as TestObject[]));
}

function virtualService(name: string, http: object): TestObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace },
    spec: { hosts: [`${name}.example.com`], http: [http] },
  };
}

const routeTo = (host: string): object => ({ route: [{ destination: { host } }] });
/** The schema takes it. */
const badMatch = { match: [{ uri: { regex: '(' } }], ...routeTo('helloworld') };

async function applyYaml(object: TestObject): Promise<void> {
  const file = cluster.file('object.yaml');
  await writeFile(file, stringify(object));
  await kubectl(cluster, ['apply', '-f', file]);
}

async function expectCondition(name: string, condition: string): Promise<void> {
  const args = ['wait', '-n', namespace, `virtualservice/${name}`, `--for=condition=${condition}`, '--timeout=60s'];
  const { stdout } = await kubectl(cluster, args);
  expect(stdout).toContain('condition met');
}

interface Status {
  readonly conditions?: readonly Readonly<Record<string, unknown>>[];
  readonly validationMessages?: readonly Readonly<Record<string, unknown>>[];
}

async function statusOf(name: string): Promise<Status | undefined> {
  const { stdout } = await kubectl(cluster, ['get', '-n', namespace, 'virtualservice', name, '-o', 'json']);
  return (JSON.parse(stdout) as { readonly status?: Status }).status;
}

/** Writes of statuses by any replica. */
async function writes(): Promise<readonly AuditEntry[]> {
  const entries = await audit.entries();
  return entries.filter(
    ({ user, resource, verb }) =>
      user === `system:serviceaccount:${systemNamespace}:isthmus` && resource.endsWith('/status') && verb !== 'get',
  );
}

const writesTo = async (name: string): Promise<number> => (await writes()).filter((each) => each.name === name).length;

/** A watcher may hear of a write before its own answer is in the log. */
async function expectWrites(name: string, wanted: number): Promise<void> {
  await waitFor(
    () => writesTo(name),
    (count) => count >= wanted,
    { what: `${wanted} writes to ${name}` },
  );
  expect(await writesTo(name)).toBe(wanted);
}

async function metric({ monitoring }: ServeProcess, line: string): Promise<number> {
  const page = await (await fetch(`http://${monitoring}/metrics`)).text();
  const found = page.split('\n').find((each) => each.startsWith(`${line} `));
  if (found === undefined) throw new Error(`there is no metric ${line}`);
  return Number(found.slice(line.length + 1));
}

/** Of every type, answered like a proxy. */
async function proxy(to: ServeProcess): Promise<XdsStream> {
  const delta = variants.find(({ title }) => title === 'aggregated delta');
  if (delta === undefined) throw new Error('there is such a variant');
  const client = new XdsClient(to.xds, loadServices());
  const stream = client.open(delta, typeUrls.cluster);
  const node = {
    id: `sidecar~10.9.9.9~sleep-1.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { fields: { NAMESPACE: { stringValue: namespace }, CLUSTER_ID: { stringValue: 'cluster-1' } } },
  };
  stream.send({ typeUrl: typeUrls.cluster, subscribe: ['*'], node });
  await stream.accept(typeUrls.cluster);
  stream.send({ typeUrl: typeUrls.listener, subscribe: ['*'] });
  await stream.accept(typeUrls.listener);
  stream.send({ typeUrl: typeUrls.route, subscribe: ['80'] });
  await stream.accept(typeUrls.route);
  stream.send({ typeUrl: typeUrls.virtualHost });
  await stream.accept(typeUrls.virtualHost);
  return stream;
}

describe('the status of an object', () => {
  it('says why it is refused, and that it is obeyed once it is mended', async () => {
    await applyYaml(virtualService('regex', badMatch));
    await expectCondition('regex', `${accepted}=False`);
    const status = await statusOf('regex');
    expect(status?.conditions).toMatchObject([
      {
        type: accepted,
        status: 'False',
        observedGeneration: 1,
        message: expect.stringContaining('spec.http[0].match[0]'),
      },
      { type: passed, status: 'False', observedGeneration: 1 },
    ]);
    expect(status?.validationMessages).toMatchObject([
      { level: 'ERROR', type: { name: expect.stringMatching(/^isthmus.io\//) } },
    ]);
    await applyYaml(virtualService('regex', routeTo('helloworld')));
    await expectCondition('regex', accepted);
    expect(await statusOf('regex')).toMatchObject({
      conditions: [
        { type: accepted, status: 'True', reason: 'Accepted', observedGeneration: 2 },
        { type: passed, status: 'True', reason: 'NoFindings', observedGeneration: 2 },
      ],
      validationMessages: [],
    });
    await expectWrites('regex', 2);
  });

  it('says what misses another object, until that one is there', async () => {
    await applyYaml(virtualService('missing', routeTo('absent')));
    await expectCondition('missing', `${passed}=False`);
    expect(await statusOf('missing')).toMatchObject({
      conditions: [
        { type: accepted, status: 'True' },
        { type: passed, status: 'False', reason: 'UnknownDestination', message: expect.stringContaining('absent') },
      ],
      validationMessages: [{ level: 'WARNING', type: { code: 'IST0101', name: 'isthmus.io/unknown-destination' } }],
    });
    await applyService('absent', '10.0.0.2');
    await expectCondition('missing', passed);
    expect((await statusOf('missing'))?.validationMessages).toEqual([]);
    await expectWrites('missing', 2);
  });

  it('is left as it is when nothing was ever found', async () => {
    await applyYaml(virtualService('fine', routeTo('helloworld')));
    await applyYaml(virtualService('after', badMatch));
    await expectCondition('after', `${accepted}=False`);
    expect(await statusOf('fine')).toBeUndefined();
    expect(await writesTo('fine')).toBe(0);
  });

  it('keeps what others wrote there', async () => {
    const foreign = { type: 'Reconciled', status: 'True' };
    await cluster.api.apply({ ...virtualService('shared', badMatch), status: { conditions: [foreign] } });
    await expectCondition('shared', `${accepted}=False`);
    expect((await statusOf('shared'))?.conditions).toMatchObject([foreign, { type: accepted }, { type: passed }]);
  });

  it('is not asked for where the definition has none', async () => {
    await cluster.api.apply({
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name: 'statusless', namespace },
      spec: { workloadSelector: { labels: { app: 'nobody' } }, egress: [{ hosts: ['./nobody.example.com'] }] },
    });
    const findings = async (): Promise<string> => JSON.stringify(await replicas[0]?.json('/api/v1/problems'));
    await waitFor(findings, (text) => text.includes('Sidecar/sample/statusless'), { what: 'a finding about it' });
    await applyYaml(virtualService('after-sidecar', badMatch));
    await expectCondition('after-sidecar', `${accepted}=False`);
    expect(await writesTo('statusless')).toBe(0);
  });
});

it('a status that is written sends nothing to any proxy', async () => {
  // In force, and yet there is something to say about it.
  const named = virtualService('quiet', {});
  const quiet = { ...named, spec: { hosts: ['helloworld'], http: [routeTo('nowhere')] } };
  await applyYaml(quiet);
  await expectCondition('quiet', `${passed}=False`);
  const machine = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name: 'machine', namespace, labels: { app: 'helloworld' } },
    spec: { address: '10.0.0.9' },
  };
  await cluster.api.apply(machine);
  const streams = await Promise.all(replicas.map(proxy));
  const before = streams.map(({ received }) => received.length);
  // Somebody takes our conditions away, and others are ours by name: both are written again.
  const taken = { conditions: [], validationMessages: [] };
  const counts = await Promise.all(['quiet', 'machine'].map(writesTo));
  await cluster.api.apply({ ...quiet, status: taken });
  await cluster.api.apply({ ...machine, status: { conditions: [{ type: passed, status: 'Unknown' }] } });
  await waitFor(
    () => Promise.all(['quiet', 'machine'].map(writesTo)),
    (now) => now.every((count, index) => count > (counts[index] ?? 0)),
    { what: 'both statuses', timeoutMs: 30_000 },
  );
  await expectCondition('quiet', `${passed}=False`);
  expect(streams.map(({ received }) => received.length)).toEqual(before);
  // What does concern proxies comes.
  await cluster.api.apply({ ...quiet, spec: { hosts: ['helloworld'], http: [routeTo('helloworld')] } });
  for (const [index, stream] of streams.entries()) {
    await waitFor(
      () => stream.received.slice(before[index]).map(({ typeUrl }) => typeUrl),
      (types) => types.includes(typeUrls.virtualHost),
      { what: 'the new route' },
    );
    stream.close();
  }
  await expectCondition('quiet', passed);
});

it('one replica writes, another one goes on where it was killed, and what is written is not written again', async () => {
  const leading = async (): Promise<number[]> => Promise.all(replicas.map((each) => metric(each, 'isthmus_leader')));
  const leads = await waitFor(leading, (all) => all.includes(1), { what: 'a leader' });
  const index = leads.indexOf(1);
  const [leader, other] = [replicas[index], replicas[1 - index]];
  if (leader === undefined || other === undefined) throw new Error('there are two');
  const written = 'isthmus_object_status_writes_total{result="written"}';
  expect(await metric(other, written)).toBe(0);
  const before = await writes();
  leader.process.kill('SIGKILL');
  await leader.process.exited;
  replicas = [other];
  await applyYaml(virtualService('handover', badMatch));
  await expectCondition('handover', `${accepted}=False`);
  await waitFor(
    () => metric(other, written),
    (count) => count === 1,
    { what: 'one write of the other one' },
  );
  await expectWrites('handover', 1);
  expect((await writes()).slice(before.length).map(({ name, code }) => [name, code])).toEqual([['handover', 200]]);
});

it('an instance that is started again writes nothing that is there', async () => {
  for (const replica of replicas) await replica[Symbol.asyncDispose]();
  const before = await writes();
  const again = await start('again');
  replicas = [again];
  await applyYaml(virtualService('restarted', badMatch));
  await expectCondition('restarted', `${accepted}=False`);
  await expectWrites('restarted', 1);
  expect((await writes()).slice(before.length).map(({ name }) => name)).toEqual(['restarted']);
});

it('without the rights there is one line in the log, and everything else goes on', async () => {
  const [instance] = replicas;
  if (instance === undefined) throw new Error('there is one');
  const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/isthmus-primary';
  const { rules } = (await cluster.api.get(path)) as {
    readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  };
  const fewer = rules.filter(({ resources, verbs }) => !(verbs.includes('patch') && resources[0]?.endsWith('/status')));
  expect(fewer.length).toBeLessThan(rules.length);
  const [apiVersion, kind] = ['rbac.authorization.k8s.io/v1', 'ClusterRole'];
  await cluster.api.apply({ apiVersion, kind, metadata: { name: 'isthmus-primary' }, rules: fewer });
  for (const name of ['forbidden-1', 'forbidden-2']) await applyYaml(virtualService(name, badMatch));
  await waitFor(
    () => metric(instance, 'isthmus_object_status_writes_total{result="forbidden"}'),
    (count) => count > 0,
    { what: 'a refused write', timeoutMs: 30_000 },
  );
  await instance.process.waitForLine('virtualservices/status');
  const lines = instance.process.output.split('\n').filter((line) => line.includes('virtualservices/status'));
  expect(lines).toHaveLength(1);
  await applyService('still-served', '10.0.0.4');
  const names = async (): Promise<string> => JSON.stringify(await instance.json('/api/v1/services'));
  await waitFor(names, (text) => text.includes('still-served'), { what: 'a service that is new' });
  expect(await statusOf('forbidden-1')).toBeUndefined();
});
