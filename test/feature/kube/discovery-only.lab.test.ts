// A remote cluster is only read, and only for discovery: what its API server's audit log says of an instance that runs with exactly
// the rights of the manifests in deploy/, and what the primary's says.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadServices, type LoadedServices } from '../../../proto/loader.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { auditLog, type AuditEntry, type AuditLog } from '../../support/kube-audit.ts';
import {
  nodeManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
} from '../../support/kube-objects.ts';
import {
  asPrimary,
  asRemoteReader,
  namespaceObject,
  secretObject,
  serviceAccountObject,
} from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { requestCertificate } from '../../support/request-certificate.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const primaryUser = 'system:serviceaccount:istio-system:isthmus';
const remoteUser = 'system:serviceaccount:istio-system:isthmus-reader';

/** Kinds that discovery reads; groups of optional APIs are asked for what they serve. */
const discovered = new Set([
  'namespaces',
  'nodes',
  'services',
  'pods',
  'endpointslices.discovery.k8s.io',
  'gateways.gateway.networking.k8s.io',
]);

let services: LoadedServices;
let directory: string;
let primary: KubeCluster;
let remote: KubeCluster;
let primaryLog: AuditLog;
let remoteLog: AuditLog;
let instance: ServeProcess;

beforeAll(async () => {
  services = loadServices();
  directory = await mkdtemp(join(tmpdir(), 'isthmus-audit-'));
  const startAudited = async (index: number): Promise<readonly [KubeCluster, AuditLog]> => {
    const log = await auditLog(await mkdtemp(join(directory, 'cluster-')));
    return [await startKubeCluster({ index, apiServerFlags: log.apiServerFlags }), log];
  };
  [primary, primaryLog] = await startAudited(0);
  [remote, remoteLog] = await startAudited(1);
  const kubeconfig = await asPrimary(primary);
  const remoteKubeconfig = await asRemoteReader(remote);
  for (const cluster of [primary, remote]) {
    await cluster.api.apply(
      definition('Gateway', 'gateways'),
      definition('WorkloadEntry', 'workloadentries'),
      namespaceObject('sample'),
      serviceAccountObject('sample', 'sleep'),
      secretObject('sample', 'private', { key: 'value' }),
      serviceManifest('helloworld') as TestObject,
      sliceManifest('helloworld-1', 'helloworld', ['10.0.0.1']) as TestObject,
      nodeManifest('node-1', {}) as TestObject,
    );
  }
  await applyPod(remote);
  await applyCustom(remote, 'Gateway', 'eastwest', { selector: {}, servers: [] });
  await applyCustom(remote, 'WorkloadEntry', 'vm-1', { address: '10.0.0.9' });
  instance = await startServe({
    argv: ['--cluster-id', 'cluster-1', '--network', 'network-1', '--kubeconfig', kubeconfig].concat([
      '--remote',
      `cluster-2=${remoteKubeconfig}`,
    ]),
  });
}, 900_000);

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]();
  await primary?.stop();
  await remote?.stop();
  await rm(directory, { recursive: true, force: true });
});

function definition(kind: string, plural: string): TestObject {
  const group = 'networking.istio.io';
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

/** Written only some time after its definition. */
async function applyCustom(cluster: KubeCluster, kind: string, name: string, spec: object): Promise<void> {
  const plural = kind === 'Gateway' ? 'gateways' : 'workloadentries';
  const object = { ...policyManifest(kind, name, spec), kind };
  await waitFor(
    () => cluster.api.raw('POST', `/apis/networking.istio.io/v1/namespaces/sample/${plural}`, object),
    (answer) => answer.status < 300 || answer.status === 409,
    { what: `${kind} ${name}` },
  );
}

async function applyPod(cluster: KubeCluster): Promise<void> {
  const pod = podManifest('helloworld-1', '10.0.0.1', 'helloworld') as TestObject;
  const container = { name: 'app', image: 'none' };
  await cluster.api.apply({ ...pod, spec: { containers: [container], serviceAccountName: 'sleep' } });
}

interface ClusterAnswer {
  readonly clusterId: string;
  readonly phase: string;
  readonly services: number;
  readonly conditions: readonly { readonly name: string }[];
}

const remoteCluster = async (): Promise<ClusterAnswer | undefined> => {
  const clusters = (await instance.json('/api/v1/clusters')) as readonly ClusterAnswer[];
  return clusters.find(({ clusterId }) => clusterId === 'cluster-2');
};

async function entriesOf(log: AuditLog, user: string): Promise<readonly AuditEntry[]> {
  return (await log.entries()).filter((entry) => entry.user === user);
}

/** `VERB RESOURCE`, each once, sorted. */
const summary = (entries: readonly AuditEntry[]) =>
  [...new Set(entries.map(({ verb, resource }) => `${verb} ${resource}`))].toSorted();

async function rootsIn(cluster: KubeCluster, namespace: string): Promise<string> {
  const found = await cluster.api.get(`/api/v1/namespaces/${namespace}/configmaps/istio-ca-root-cert`);
  return (found as { readonly data: Readonly<Record<string, string>> }).data['root-cert.pem'] ?? '';
}

it('the remote is followed, and its audit log has no write and no read of anything but discovery', async () => {
  await waitFor(remoteCluster, (found) => found?.phase === 'running', { what: 'the remote to be read' });
  const { services: before = 0 } = (await remoteCluster()) ?? {};
  await remote.api.apply(serviceManifest('later') as TestObject);
  await waitFor(remoteCluster, (found) => found?.services === before + 1, { what: 'the new service' });
  // The leader has done all that it does.
  await waitFor(
    () => rootsIn(primary, 'sample'),
    (pem) => pem !== '',
    { what: 'the roots in the primary' },
  );

  const entries = await entriesOf(remoteLog, remoteUser);
  const resources = entries.filter(({ resource }) => !resource.startsWith('/'));
  expect(resources.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb))).toEqual([]);
  expect(resources.filter(({ resource }) => !discovered.has(resource))).toEqual([]);
  for (const kind of ['namespaces', 'services', 'endpointslices.discovery.k8s.io', 'pods', 'nodes']) {
    expect(summary(resources)).toContain(`watch ${kind}`);
  }
  // What is no resource says only which APIs there are.
  const others = entries.filter(({ resource }) => resource.startsWith('/'));
  expect(others.filter(({ verb, resource }) => verb !== 'get' || !/^\/apis?(\/[^?]*)?$/.test(resource))).toEqual([]);
  expect(entries.filter(({ code }) => code === 403)).toEqual([]);
});

it('nothing is published in the remote', async () => {
  const list = await remote.api.get('/api/v1/configmaps?fieldSelector=metadata.name%3Distio-ca-root-cert');
  expect(list).toMatchObject({ items: [] });
  expect(await remote.api.get('/apis/coordination.k8s.io/v1/namespaces/istio-system/leases')).toMatchObject({
    items: [],
  });
});

it('a remote whose own instance trusts another root shows it, before any traffic', async () => {
  const fingerprints = 'isthmus.io/root-fingerprints';
  const annotate = (value: string): Promise<void> =>
    remote.api.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'istio-system', annotations: { [fingerprints]: value } },
    });
  const conditions = async () => (await remoteCluster())?.conditions.map(({ name }) => name);
  await annotate('0'.repeat(64));
  await waitFor(conditions, (names) => names?.includes('root-mismatch') === true, { what: 'the condition' });
  const system = await primary.api.get('/api/v1/namespaces/istio-system');
  const { metadata } = system as { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
  expect(metadata.annotations[fingerprints]).toMatch(/^[0-9a-f]{64}$/);
  await annotate(metadata.annotations[fingerprints] ?? '');
  await waitFor(conditions, (names) => names?.includes('root-mismatch') === false, {
    what: 'the end of the condition',
  });
});

it('a token of the remote gets no certificate, whatever cluster it says it is of', async () => {
  const rootsPem = await rootsIn(primary, 'sample');
  const request = { services, address: instance.xdsTls, rootsPem };
  const token = await remote.api.tokenFor('sample', 'sleep', 'istio-ca');
  for (const clusterId of [undefined, 'cluster-1', 'cluster-2']) {
    await expect(requestCertificate({ ...request, token, clusterId })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
  }
  const own = await primary.api.tokenFor('sample', 'sleep', 'istio-ca');
  expect(await requestCertificate({ ...request, token: own, clusterId: 'cluster-1' })).not.toEqual([]);
});

it('in the primary nothing is tried that its manifest does not grant, and only this is written', async () => {
  const entries = await entriesOf(primaryLog, primaryUser);
  expect(entries.filter(({ code }) => code === 403)).toEqual([]);
  const writes = entries.filter(({ verb, code }) => !['get', 'list', 'watch'].includes(verb) && code < 300);
  expect(summary(writes).filter((each) => each !== 'update leases.coordination.k8s.io')).toEqual([
    'create leases.coordination.k8s.io',
    'create secrets',
    'create tokenreviews.authentication.k8s.io',
    'patch configmaps',
    'patch namespaces',
  ]);
  expect(writes.flatMap(({ resource, name }) => (resource === 'configmaps' ? [name] : []))).toContain(
    'istio-ca-root-cert',
  );
  expect(new Set(writes.filter(({ resource }) => resource === 'configmaps').map(({ name }) => name)).size).toBe(1);
  expect(entries.filter(({ resource, namespace }) => resource === 'secrets' && namespace !== 'istio-system')).toEqual(
    [],
  );
});
