// The charts on a real API server: it takes what Helm makes of them, under the strictest rules for pods, and an instance with
// exactly their account, rights and arguments serves.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartFile, helmProgram, renderChart, runHelm } from '../../support/helm.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import { namespaceObject } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { startServe } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { claimedVolumes, container, podTemplate, serveArguments } from './pod-template.ts';
import { revision, valueSets } from './value-sets.ts';

const chart = 'isthmus';
const namespace = 'mesh';

let cluster: KubeCluster;
let directory: string;

beforeAll(async () => {
  await helmProgram();
  cluster = await startKubeCluster();
  directory = await mkdtemp(join(tmpdir(), 'isthmus-packaging-'));
  // Pods that want more than the profile `restricted` allows are refused here by the API server itself.
  const labels = {
    'pod-security.kubernetes.io/enforce': 'restricted',
    'topology.istio.io/network': 'network1',
  };
  await cluster.api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
  // Of gateways whose Secrets some values name.
  for (const name of ['istio-ingress', 'edge']) {
    await cluster.api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
}, 3_600_000);

afterAll(async () => {
  await cluster.stop();
  await rm(directory, { recursive: true, force: true });
});

describe.each(valueSets)('with $title', ({ values }) => {
  it('the API server takes every object', async () => {
    const objects = await renderChart({ chart, values, namespace });
    for (const object of objects) {
      expect(await cluster.api.dryRun(object)).toMatchObject({
        kind: object.kind,
        metadata: { name: object.metadata.name },
      });
    }
  });

  it('its pods need no more than the profile "restricted" allows', async () => {
    const objects = await renderChart({ chart, values, namespace });
    const { metadata, spec } = podTemplate(objects);
    // No classes are installed.
    const { priorityClassName: _, volumes = [], ...others } = spec as Readonly<Record<string, unknown>>;
    const rest = { ...others, volumes: [...(volumes as readonly unknown[]), ...claimedVolumes(objects)] };
    const pod: TestObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name: 'istiod-1', namespace },
      spec: rest,
    };
    expect(await cluster.api.dryRun(pod)).toMatchObject({ kind: 'Pod' });
    const rooted = { ...pod, spec: { ...rest, securityContext: {} } };
    await expect(cluster.api.dryRun(rooted)).rejects.toThrow('violates PodSecurity');
  });
});

it('the API server takes the remote reader', async () => {
  for (const object of await renderChart({ chart: 'isthmus-remote-reader', namespace })) {
    expect(await cluster.api.dryRun(object)).toMatchObject({ kind: object.kind });
  }
});

it('two versions are installed side by side, and the first goes without taking anything of the second', async () => {
  const place = 'side-by-side';
  await cluster.api.apply(namespaceObject(place));
  const copy = await chartForAnyVersion();
  const install = async (release: string, ...set: readonly string[]): Promise<string> =>
    await runHelm(
      ['install', release, copy, '--namespace', place, '--set', ['clusterId=cluster-1', ...set].join(',')],
      cluster.kubeconfig,
    );
  const names = async (): Promise<readonly string[]> => {
    const paths = [
      `/apis/apps/v1/namespaces/${place}/deployments`,
      `/api/v1/namespaces/${place}/services`,
      `/apis/policy/v1/namespaces/${place}/poddisruptionbudgets`,
      `/apis/rbac.authorization.k8s.io/v1/namespaces/${place}/roles`,
      '/apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=app.kubernetes.io/part-of=isthmus',
    ];
    const lists = (await Promise.all(paths.map((path) => cluster.api.get(path)))) as readonly {
      readonly items: readonly TestObject[];
    }[];
    return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name).toSorted());
  };
  const second = ['istiod-canary', 'istiod-canary', 'istiod-canary', 'isthmus-canary', 'isthmus-primary-canary'];

  await install('first', 'mesh.config.accessLogFile=/dev/stdout');
  expect(await install('second', `revision=${revision}`)).toContain(`istiod-canary.${place}.svc`);
  expect(await names()).toEqual(second.flatMap((name) => [name.replace('-canary', ''), name]));

  await runHelm(['uninstall', 'first', '--namespace', place], cluster.kubeconfig);
  expect(await names()).toEqual(second);
  // The mesh configuration is for both.
  expect(await cluster.api.get(`/api/v1/namespaces/${place}/configmaps/istio`)).toMatchObject({ kind: 'ConfigMap' });
  await runHelm(['uninstall', 'second', '--namespace', place], cluster.kubeconfig);
  expect(await names()).toEqual([]);
});

/** A copy of the chart that does not ask for a version of Kubernetes: an API server that was built from its module has none. */
async function chartForAnyVersion(): Promise<string> {
  const copy = join(directory, 'chart');
  await cp(chartFile(chart, '.'), copy, { recursive: true, dereference: true });
  const about = join(copy, 'Chart.yaml');
  const text = await readFile(about, 'utf8');
  await writeFile(about, text.replace(/^kubeVersion: .*$/m, ''));
  return copy;
}

/** Applies the account and the rights of a chart, and writes a kubeconfig of the account. Out: the path. */
async function asAccountOf(objects: readonly TestObject[], file: string): Promise<string> {
  const rights = objects.filter(({ kind }) => /^ServiceAccount$|Role|^ConfigMap$/.test(kind));
  await cluster.api.apply(...rights);
  const account = rights.find(({ kind }) => kind === 'ServiceAccount');
  const token = await cluster.api.tokenFor(namespace, account?.metadata.name ?? '');
  await writeFile(file, await cluster.kubeconfigFor({ token }));
  return file;
}

it('an instance with their account, rights and arguments serves its cluster and a remote', async () => {
  await cluster.api.apply(namespaceObject('sample'));
  const slice = sliceManifest('helloworld-1', 'helloworld', ['10.0.0.1']);
  await cluster.api.apply(...([serviceManifest('helloworld'), slice] as TestObject[]));
  const values = {
    clusterId: 'cluster-1',
    network: 'network1',
    revision,
    mesh: { config: { accessLogFile: '/dev/stdout' } },
    remotes: [{ clusterId: 'cluster-2', secretName: 'cluster-2' }],
  };
  const objects = await renderChart({ chart, values, namespace });
  const kubeconfig = await asAccountOf(objects, join(directory, 'kubeconfig'));
  await mkdir(join(directory, 'remotes/cluster-2'), { recursive: true });
  const reader = await renderChart({ chart: 'isthmus-remote-reader', namespace });
  await asAccountOf(reader, join(directory, 'remotes/cluster-2/kubeconfig'));

  const paths = { '/var/lib/isthmus': join(directory, 'state') };
  // The one path that is not a whole argument: ID=PATH.
  const argv = serveArguments(container(objects), paths).map((option) =>
    option.replace('=/etc/isthmus/remotes/', `=${join(directory, 'remotes')}/`),
  );
  await using instance = await startServe({ argv: [...argv, '--kubeconfig', kubeconfig], monitoring: true });
  const version = await fetch(`http://${instance.monitoring}/version`);
  expect(version.status).toBe(200);

  const clusters = await waitFor(
    async () => (await instance.json('/api/v1/clusters')) as readonly ClusterStatus[],
    (list) => list.length === 2 && list.every(({ phase }) => phase === 'running'),
    { what: 'both clusters to be read' },
  );
  expect(clusters.map(({ clusterId, mode }) => [clusterId, mode])).toEqual([
    ['cluster-1', 'primary'],
    ['cluster-2', 'discovery-only'],
  ]);
  for (const { services, error, problems = [] } of clusters) {
    expect(services).toBeGreaterThan(0);
    // Nothing was refused for want of rights.
    expect([error ?? '', ...problems.map((problem) => JSON.stringify(problem))].join(' ')).not.toMatch(/forbidden/i);
  }

  expect(await serverNames(instance.xdsTls)).toContain(`DNS:istiod-${revision}.${namespace}.svc`);
  const roots = await waitFor(
    () => cluster.api.raw('GET', '/api/v1/namespaces/sample/configmaps/istio-ca-root-cert'),
    ({ status }) => status === 200,
    { what: 'the roots to be published by the leading replica' },
  );
  expect(roots.body).toContain('BEGIN CERTIFICATE');
  expect(instance.process.output).not.toMatch(/forbidden/i);
});

interface ClusterStatus {
  readonly clusterId: string;
  readonly mode: string;
  readonly phase: string;
  readonly services: number;
  readonly error?: string;
  readonly problems?: readonly unknown[];
}

/** Names in the certificate that a port shows. */
function serverNames(address: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((done, failed) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      done(socket.getPeerCertificate().subjectaltname ?? '');
      socket.destroy();
    });
    socket.on('error', failed);
  });
}
