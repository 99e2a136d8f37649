// A machine outside Kubernetes with a real agent, two replicas of an instance and a real API server: its entry and its endpoint come, are
// as healthy as it says, move with it and go with it.

import { createServer, type Server } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../support/authority-server.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { serviceManifest } from '../../support/kube-objects.ts';
import { asPrimary, namespaceObject, serviceAccountObject } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { startProcess, type RunningProcess } from '../../support/process.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const graceMs = 10_000;
const address = '192.0.2.7';
const group = 'networking.istio.io';
const agentFile = resolve(import.meta.dirname, '../agent/run-agent.ts');

let directory: string;
let cluster: KubeCluster;
let replicas: readonly ServeProcess[] = [];
let probedPort: number;

interface Entry {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly spec: object;
  readonly status?: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-machines-'));
  cluster = await startKubeCluster();
  const kubeconfig = await asPrimary(cluster);
  await cluster.api.apply(
    definition('WorkloadEntry', 'workloadentries'),
    definition('WorkloadGroup', 'workloadgroups'),
    namespaceObject('sample'),
    serviceAccountObject('sample', 'ratings'),
    serviceAccountObject('sample', 'other'),
    serviceManifest('ratings') as TestObject,
  );
  probedPort = await freePort();
  await waitFor(applyGroup, () => true, { what: 'the definitions to be served' });
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network-1', '--kubeconfig', kubeconfig];
  replicas = await Promise.all(['a', 'b'].map((name) => startServe({ argv, name })));
  const roots = await waitFor(rootsPem, (pem) => pem !== '', { what: 'the roots' });
  await writeFile(join(directory, 'root.pem'), roots);
}, 900_000);

afterAll(async () => {
  for (const each of replicas) await each[Symbol.asyncDispose]();
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
});

function definition(kind: string, plural: string): TestObject {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  };
}

async function applyGroup(): Promise<true> {
  await cluster.api.apply({
    apiVersion: `${group}/v1`,
    kind: 'WorkloadGroup',
    metadata: { name: 'ratings', namespace: 'sample' },
    spec: {
      metadata: { labels: { app: 'ratings' } },
      template: { serviceAccount: 'ratings', ports: { http: 9080 } },
      probe: { periodSeconds: 1, failureThreshold: 1, httpGet: { port: probedPort } },
    },
  });
  return true;
}

async function rootsPem(): Promise<string> {
  const found = await cluster.api.get('/api/v1/namespaces/sample/configmaps/istio-ca-root-cert');
  return (found as { readonly data: Readonly<Record<string, string>> }).data['root-cert.pem'] ?? '';
}

function replica(index: number): ServeProcess {
  const found = replicas[index];
  if (found === undefined) throw new Error(`there is no replica ${index}`);
  return found;
}

/** An agent of the machine, without an Envoy. It is killed at the end of the test if it still runs. */
async function startAgent(
  to: ServeProcess,
  { account = 'ratings', wanted = 'ratings' }: { readonly account?: string; readonly wanted?: string } = {},
): Promise<RunningProcess> {
  const token = join(directory, `${account}.token`);
  await writeFile(token, await cluster.api.tokenFor('sample', account, 'istio-ca'));
  const options = {
    '--discovery-address': to.xdsTls,
    '--root-cert': join(directory, 'root.pem'),
    '--token': token,
    '--cluster-id': 'cluster-1',
    '--network': 'network-1',
    '--namespace': 'sample',
    '--service-account': account,
    '--pod-ip': address,
    '--pod-name': 'vm-1',
    '--auto-register-group': wanted,
    '--readiness-probe': JSON.stringify({ periodSeconds: 1, failureThreshold: 1, httpGet: { port: probedPort } }),
    '--drain': '100ms',
  };
  const agent = startProcess([process.execPath, agentFile, ...Object.entries(options).flat(), '--no-envoy'], {
    name: 'agent',
  });
  onTestFinished(async () => {
    if (agent.running) await agent.stop();
  });
  return agent;
}

async function startWorkload(): Promise<Server> {
  const server = createServer((_request, response) => response.end());
  await new Promise<void>((done) => server.listen(probedPort, '127.0.0.1', done));
  onTestFinished(() => stopWorkload(server));
  return server;
}

function stopWorkload(server: Server): void {
  server.closeAllConnections();
  server.close();
}

async function entries(): Promise<readonly Entry[]> {
  const list = await cluster.api.get(`/apis/${group}/v1/namespaces/sample/workloadentries`);
  return (list as { readonly items: readonly Entry[] }).items;
}

async function theEntry(holds: (entry: Entry) => boolean = () => true): Promise<Entry> {
  const found = await waitFor(entries, ([one]) => one !== undefined && holds(one), { what: 'the entry' });
  expect(found).toHaveLength(1);
  return found[0] as Entry;
}

/** Health of the machine's endpoint, as a replica serves it; undefined when there is none. */
async function endpointHealth(of: ServeProcess): Promise<string | undefined> {
  const path = `/api/v1/endpoints?host=ratings.sample.svc.cluster.local`;
  const { endpoints } = (await of.json(path)) as {
    readonly endpoints: readonly { readonly address: string; readonly health: string }[];
  };
  return endpoints.find((each) => each.address === address)?.health;
}

async function everywhere(wanted: string | undefined, timeoutMs = 15_000): Promise<void> {
  for (const each of replicas.filter((one) => one.process.running)) {
    await waitFor(
      async () => ({ health: await endpointHealth(each) }),
      ({ health }) => health === wanted,
      { what: `the endpoint to be ${wanted ?? 'gone'}`, timeoutMs },
    );
  }
}

const controllerOf = ({ metadata }: Entry): string => metadata.annotations['istio.io/workloadController'] ?? '';

test(
  'a machine comes, is as healthy as it says, moves to the other replica and goes once',
  { timeout: 120_000 },
  async () => {
    const before = await startAgent(replica(0));
    const made = await theEntry();
    expect(made.metadata).toMatchObject({
      name: `ratings-${address}-network-1`,
      annotations: { 'istio.io/autoRegistrationGroup': 'ratings', 'proxy.istio.io/health-checks-enabled': 'true' },
      ownerReferences: [{ kind: 'WorkloadGroup', name: 'ratings', controller: true }],
    });
    expect(made.spec).toMatchObject({
      address,
      serviceAccount: 'ratings',
      labels: { app: 'ratings' },
      network: 'network-1',
    });
    expect(controllerOf(made)).toContain(`_${replica(0).process.pid}_`);
    await everywhere('unhealthy');

    const workload = await startWorkload();
    await everywhere('healthy');
    stopWorkload(workload);
    await everywhere('unhealthy');
    await startWorkload();
    await everywhere('healthy');

    // The machine's connection to one replica ends, and it finds the other.
    before.kill('SIGKILL');
    await theEntry(({ metadata }) => metadata.annotations['istio.io/disconnectedAt'] !== undefined);
    const after = await startAgent(replica(1));
    const moved = await theEntry((entry) => controllerOf(entry).includes(`_${replica(1).process.pid}_`));
    expect(moved.metadata.uid).toBe(made.metadata.uid);
    const movedAtMs = performance.now();
    await waitFor(
      () => performance.now() - movedAtMs,
      (passedMs) => passedMs > graceMs + 3000,
      { what: 'more than the grace period' },
    );
    expect((await theEntry()).metadata.uid).toBe(made.metadata.uid);
    await everywhere('healthy');

    after.kill('SIGKILL');
    await after.exited;
    const goneAtMs = performance.now();
    await waitFor(entries, (all) => all.length === 0, { what: 'the entry to go', timeoutMs: 3 * graceMs });
    expect(performance.now() - goneAtMs).toBeGreaterThan(graceMs - 500);
    await everywhere(undefined);
    const removals = () =>
      replicas.flatMap(({ process: { output } }) => output.match(/its WorkloadEntry is removed/g) ?? []);
    await waitFor(removals, (found) => found.length > 0, { what: 'the removal in the log' });
    expect(removals()).toHaveLength(1);
  },
);

test('a machine that stops in order has no callers from then on', { timeout: 60_000 }, async () => {
  await startWorkload();
  const agent = await startAgent(replica(0));
  await everywhere('healthy');
  const ended = agent.stop();
  await everywhere('unhealthy', 5000);
  expect(await ended).toEqual({ code: 0, signal: null });
});

test(
  'a machine of another service account or an unknown group is refused, which both sides say',
  { timeout: 60_000 },
  async () => {
    const one = await startAgent(replica(0), { account: 'other' });
    await one.waitForLine('takes machines of service account ratings');
    await replica(0).process.waitForLine('the identity of the machine is of other');
    const other = await startAgent(replica(0), { wanted: 'reviews' });
    await other.waitForLine('There is no WorkloadGroup sample/reviews');
    const connected = (await entries()).filter(
      ({ metadata }) => metadata.annotations['istio.io/connectedAt'] !== undefined,
    );
    expect(connected).toEqual([]);
  },
);

test('the entry of a machine whose replica crashed with it goes too', { timeout: 180_000 }, async () => {
  await waitFor(entries, (all) => all.length === 0, { what: 'entries of before to go', timeoutMs: 3 * graceMs });
  const agent = await startAgent(replica(0));
  await theEntry();
  replica(0).process.kill('SIGKILL');
  agent.kill('SIGKILL');
  // Until the other one leads, which may take 15 seconds, and three times the grace period.
  await waitFor(entries, (all) => all.length === 0, { what: 'the entry to go', timeoutMs: 20_000 + 4 * graceMs });
  await everywhere(undefined);
  expect(await replica(1).process.waitForLine('its WorkloadEntry is removed')).toContain('ratings');
});
