// The roots in every namespace of the primary, on a real API server and with exactly the rights of a primary.

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { KubeError } from '../../../discovery/source/kube/kube-error.ts';
import { primaryWriters } from '../../../server/kube/primary-writers.ts';
import { publishRoots } from '../../../server/kube/publish-roots.ts';
import { makeAuthority, type TestAuthority } from '../../support/certificate-authority.ts';
import { asPrimary, namespaceObject, primaryClient, secretObject } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { memoryLog, type LogLine } from '../../support/memory-log.ts';
import { waitFor } from '../../support/wait-for.ts';

const name = 'istio-ca-root-cert';
const signal = new AbortController().signal;

let cluster: KubeCluster;
let kubeconfig: string;
let first: TestAuthority;
let second: TestAuthority;

beforeAll(async () => {
  [cluster, first, second] = await Promise.all([startKubeCluster(), makeAuthority(), makeAuthority()]);
  kubeconfig = await asPrimary(cluster);
}, 900_000);

afterAll(async () => {
  await cluster.stop();
});

interface ConfigMap {
  readonly metadata: {
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly data: Readonly<Record<string, string>>;
}

async function published(): Promise<ReadonlyMap<string, ConfigMap>> {
  const list = await cluster.api.get(`/api/v1/configmaps?fieldSelector=metadata.name%3D${name}`);
  const { items } = list as { readonly items: readonly ConfigMap[] };
  return new Map(items.map((item) => [item.metadata.namespace, item]));
}

async function namespaces(): Promise<readonly string[]> {
  const { items } = (await cluster.api.get('/api/v1/namespaces')) as {
    readonly items: readonly { readonly metadata: { readonly name: string } }[];
  };
  return items.map(({ metadata }) => metadata.name);
}

const configMap = (namespace: string, fields: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
  ...fields,
});

interface Replica {
  readonly issuer: Issuer;
  readonly lines: readonly LogLine[];
  stop(): Promise<void>;
}

/** One replica with the writer alone; a candidate like any other. */
function replica(authority: TestAuthority): Replica {
  const client = primaryClient(kubeconfig);
  const { log, lines } = memoryLog();
  const issuer = new Issuer({ material: authority.material, clock: systemClock });
  const writer = (stopped: AbortSignal) => publishRoots({ client, issuer, log, random: Math.random }, stopped);
  const timings = { termMs: 3000, renewMs: 2000, retryMs: 200 };
  const stopping = new AbortController();
  const stopped = primaryWriters({ client, writers: [writer], log, timings }).run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await stopped;
    client.close();
  };
  onTestFinished(stop);
  return { issuer, lines, stop };
}

const pathIn = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps/${name}`;

const rootIn = (all: ReadonlyMap<string, ConfigMap>, namespace: string) => all.get(namespace)?.data['root-cert.pem'];

const expectRoot = (namespace: string, rootsPem: string) =>
  waitFor(published, (all) => rootIn(all, namespace) === rootsPem, { what: `the roots in ${namespace}` });

const expectEverywhere = (rootsPem: string) =>
  waitFor(published, (all) => all.size >= 3 && [...all.keys()].every((each) => rootIn(all, each) === rootsPem), {
    what: 'the roots everywhere',
  });

it('every namespace has the roots, except those of Kubernetes that Istio leaves out', async () => {
  replica(first);
  const expected = (await namespaces()).filter((each) => !['kube-public', 'kube-node-lease'].includes(each));
  expect(expected).toEqual(expect.arrayContaining(['default', 'istio-system', 'kube-system']));
  const all = await waitFor(published, (found) => found.size === expected.length, { what: 'all ConfigMaps' });
  expect([...all.keys()].toSorted()).toEqual(expected.toSorted());
  for (const each of expected) {
    expect(rootIn(all, each)).toBe(first.material.rootsPem);
    expect(all.get(each)?.metadata.labels).toEqual({ 'istio.io/config': 'true' });
  }
});

it('a new namespace gets them, and what is deleted or altered comes back', async () => {
  replica(first);
  await cluster.api.apply(namespaceObject('new'));
  await expectRoot('new', first.material.rootsPem);

  await cluster.api.delete(configMap('new'));
  await expectRoot('new', first.material.rootsPem);

  await cluster.api.apply(configMap('new', { data: { 'root-cert.pem': 'forged' } }));
  await expectRoot('new', first.material.rootsPem);

  const unlabelled = { namespace: 'new', name, labels: { 'istio.io/config': 'false' } };
  await cluster.api.apply(configMap('new', { metadata: unlabelled }));
  await waitFor(published, (all) => all.get('new')?.metadata.labels?.['istio.io/config'] === 'true', {
    what: 'the label',
  });
});

it('other roots are published everywhere', async () => {
  const { issuer } = replica(first);
  await expectEverywhere(first.material.rootsPem);
  issuer.replace(second.material);
  await expectEverywhere(second.material.rootsPem);
});

it('one that can not be written does not hold up the others', async () => {
  await cluster.api.apply(namespaceObject('fixed'));
  await cluster.api.delete(configMap('fixed'));
  await cluster.api.apply(configMap('fixed', { immutable: true, data: { 'root-cert.pem': 'old' } }));
  const { lines } = replica(first);
  await cluster.api.apply(namespaceObject('after'));
  await expectRoot('after', first.material.rootsPem);
  await waitFor(
    () => lines,
    (all) => all.some(({ level, object }) => level === 40 && object === pathIn('fixed')),
    {
      what: 'the reason in the log',
    },
  );
  await cluster.api.delete(configMap('fixed'));
  await expectRoot('fixed', first.material.rootsPem);
});

it('of two replicas one writes, and its successor finds nothing to do', async () => {
  const replicas = [replica(first), replica(first)];
  const wrote = ({ lines }: Replica) => lines.filter(({ msg }) => msg === 'written into the primary');
  const leads = ({ lines }: Replica) => lines.some(({ msg }) => msg?.startsWith('this replica leads') === true);
  await cluster.api.apply(namespaceObject('shared'));
  await expectRoot('shared', first.material.rootsPem);
  await waitFor(
    () => replicas.filter(leads),
    (found) => found.length === 1,
    { what: 'a leader' },
  );
  const [leader, other] = leads(replicas[0] as Replica) ? replicas : replicas.toReversed();
  if (leader === undefined || other === undefined) throw new Error('there are two');
  expect(wrote(other)).toEqual([]);
  const before = await published();
  await leader.stop();
  await waitFor(
    () => leads(other),
    (now) => now,
    { what: 'the successor' },
  );
  // It has looked at everything when it has written something new.
  await cluster.api.apply(namespaceObject('later'));
  await waitFor(
    () => wrote(other),
    (lines) => lines.length > 0,
    { what: 'what the successor wrote' },
  );
  expect(wrote(other).map(({ object }) => object)).toEqual([pathIn('later')]);
  const after = await published();
  for (const [namespace, { metadata }] of before) {
    expect(after.get(namespace)?.metadata.resourceVersion).toBe(metadata.resourceVersion);
  }
});

it('the rights of a primary allow no other ConfigMap, and no Secret outside the system namespace', async () => {
  const client = primaryClient(kubeconfig);
  onTestFinished(() => client.close());
  const place = { apiVersion: 'v1', plural: 'configmaps', namespace: 'default' };
  const another = { ...configMap('default'), metadata: { namespace: 'default', name: 'another' } };
  await cluster.api.apply(secretObject('default', 'private', { key: 'value' }));
  const refused = [
    await client.apply(place, another, signal),
    await client.create(place, another, signal),
    await client.get({ ...place, plural: 'secrets' }, 'private', signal),
    await client.get(place, 'kube-root-ca.crt', signal),
  ];
  for (const each of refused) {
    expect(each).toBeInstanceOf(KubeError);
    expect(each).toMatchObject({ code: 'forbidden' });
  }
});
