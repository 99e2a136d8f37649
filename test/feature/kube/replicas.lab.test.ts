// Two replicas of one instance, as processes, on a real API server with exactly the rights of a primary.

import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { loadServices, type LoadedServices } from '../../../proto/loader.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import { asPrimary, namespaceObject, serviceAccountObject, systemNamespace } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { requestCertificate } from '../../support/request-certificate.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { variants, XdsClient, type XdsStream } from '../../support/xds-client.ts';

/** Of the default election: its holder may be silent so long, and candidates look so often. */
const termMs = 15_000;
const lookMs = 2400;

let cluster: KubeCluster;
let services: LoadedServices;
let replicas: readonly ServeProcess[] = [];

beforeAll(async () => {
  services = loadServices();
  cluster = await startKubeCluster();
  const kubeconfig = await asPrimary(cluster);
  await cluster.api.apply(namespaceObject('sample'), serviceAccountObject('sample', 'sleep'));
  await applyService('helloworld', '10.0.0.1');
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network-1', '--kubeconfig', kubeconfig];
  replicas = await Promise.all(['a', 'b'].map((name) => startServe({ argv, name, monitoring: true })));
}, 900_000);

afterAll(async () => {
  for (const replica of replicas) await replica[Symbol.asyncDispose]();
  await cluster.stop();
});

async function applyService(name: string, address: string): Promise<void> {
  const slice = sliceManifest(`${name}-1`, name, [address]);
  await cluster.api.apply(...([serviceManifest(name), slice] as TestObject[]));
}

function replica(index: number): ServeProcess {
  const found = replicas[index];
  if (found === undefined) throw new Error(`there is no replica ${index}`);
  return found;
}

/** The value of `NAME{LABELS}`. */
async function metric({ monitoring }: ServeProcess, line: string): Promise<number> {
  const page = await (await fetch(`http://${monitoring}/metrics`)).text();
  const found = page.split('\n').find((each) => each.startsWith(`${line} `));
  if (found === undefined) throw new Error(`there is no metric ${line}`);
  return Number(found.slice(line.length + 1));
}

interface Held {
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

const node = {
  id: 'sidecar~10.9.9.9~sleep-1.sample~sample.svc.cluster.local',
  metadata: { fields: { NAMESPACE: { stringValue: 'sample' }, CLUSTER_ID: { stringValue: 'cluster-1' } } },
};

/** A delta stream of a sidecar. */
function sidecar(to: ServeProcess): XdsStream {
  const delta = variants.find(({ title }) => title === 'aggregated delta');
  if (delta === undefined) throw new Error('there is such a variant');
  const client = new XdsClient(to.xds, services);
  onTestFinished(() => client.close());
  return client.open(delta, typeUrls.cluster);
}

async function subscribe(stream: XdsStream, typeUrl: string, names: readonly string[]): Promise<Held> {
  stream.send({ typeUrl, subscribe: names, ...(stream.sent === 0 ? { node } : {}) });
  const { versions } = await stream.accept(typeUrl);
  return { typeUrl, subscribe: names, versions };
}

async function rootsIn(namespace: string): Promise<string> {
  const found = await cluster.api.get(`/api/v1/namespaces/${namespace}/configmaps/istio-ca-root-cert`);
  return (found as { readonly data: Readonly<Record<string, string>> }).data['root-cert.pem'] ?? '';
}

it('both sign under the one root that is published, for whom a token was made', async () => {
  const roots = await waitFor(
    () => rootsIn('sample'),
    (pem) => pem !== '',
    { what: 'the roots' },
  );
  for (const each of replicas) {
    const token = await cluster.api.tokenFor('sample', 'sleep', 'istio-ca');
    const chain = await requestCertificate({
      services,
      address: each.xdsTls,
      rootsPem: roots,
      token,
      clusterId: 'cluster-1',
    });
    const leaf = new X509Certificate(chain[0] ?? '');
    expect(leaf.subjectAltName).toBe('URI:spiffe://cluster.local/ns/sample/sa/sleep');
    expect(leaf.verify(new X509Certificate(roots).publicKey)).toBe(true);
    expect(await metric(each, 'isthmus_token_reviews_total{result="accepted"}')).toBe(1);
  }
});

it('a proxy that moves to the other one is sent nothing that it has', async () => {
  const before = sidecar(replica(0));
  const clusters = await subscribe(before, typeUrls.cluster, ['*']);
  const assignments = Object.keys(clusters.versions).filter((name) => name.startsWith('outbound|'));
  expect(assignments).toContain('outbound|80||helloworld.sample.svc.cluster.local');
  const held = [
    clusters,
    await subscribe(before, typeUrls.endpoint, assignments),
    await subscribe(before, typeUrls.listener, ['*']),
    await subscribe(before, typeUrls.route, ['80']),
  ];
  before.close();

  const after = sidecar(replica(1));
  for (const { typeUrl, subscribe: names, versions } of held) {
    after.send({ typeUrl, subscribe: names, held: versions, ...(after.sent === 0 ? { node } : {}) });
  }
  // What comes first is what changes afterwards.
  await applyService('later', '10.0.0.2');
  const later = 'outbound|80||later.sample.svc.cluster.local';
  await waitFor(
    () => after.received.flatMap(({ versions }) => Object.keys(versions)),
    (names) => names.includes(later),
    {
      what: 'the new cluster',
    },
  );
  for (const { typeUrl, versions, removed } of after.received) {
    const had = held.find((each) => each.typeUrl === typeUrl)?.versions ?? {};
    const again = Object.entries(versions).filter(([name, version]) => had[name] === version);
    expect(again).toEqual([]);
    expect(removed).toEqual([]);
  }
  expect(after.received.find(({ typeUrl }) => typeUrl === typeUrls.cluster)?.versions).toEqual({
    [later]: expect.stringMatching(/./),
  });
});

it('when the leader is killed the other one leads within the term', async () => {
  const holder = async (): Promise<string> => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/isthmus-leader`;
    const { spec } = (await cluster.api.get(path)) as { readonly spec: { readonly holderIdentity?: string } };
    return spec.holderIdentity ?? '';
  };
  const leads = ({ process: { pid } }: ServeProcess, name: string) => name.includes(`_${pid}_`);
  const first = await waitFor(holder, (name) => replicas.some((each) => leads(each, name)), { what: 'a leader' });
  const leader = replicas.find((each) => leads(each, first));
  const other = replicas.find((each) => !leads(each, first));
  if (leader === undefined || other === undefined) throw new Error('one leads, the other does not');
  expect([await metric(leader, 'isthmus_leader'), await metric(other, 'isthmus_leader')]).toEqual([1, 0]);
  leader.process.kill('SIGKILL');
  await leader.process.exited;
  const killedAtMs = performance.now();
  await cluster.api.apply(namespaceObject('meanwhile'));
  await waitFor(holder, (name) => leads(other, name), { what: 'the other leader', timeoutMs: 2 * termMs });
  // It sees the last renewal with one look, and with another one that the term is over.
  expect(performance.now() - killedAtMs).toBeLessThan(termMs + 2 * lookMs + 3000);
  const roots = await rootsIn('sample');
  await waitFor(
    () => rootsIn('meanwhile'),
    (pem) => pem === roots,
    { what: 'the roots in the new namespace' },
  );
});
