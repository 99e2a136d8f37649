// Workloads that join the mesh one at a time while they are asked, and mutual TLS that is demanded and no longer demanded. In: two
// clusters that have followed docs/install.md. Out: the tests.

import { expect, test } from 'vitest';
import type { TestObject } from '../support/kube-api.ts';
import type { NodeCluster } from '../support/node/node-cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { AskingAllTheTime } from './asking-all-the-time.ts';
import type { GuidedClusters } from './guided-clusters.ts';

const namespace = 'shop';
const serviceAddress = '10.96.3.50:5000';
const url = `http://web.${namespace}:5000/hello`;

export function migrationTests(theClusters: () => GuidedClusters): void {
  let inMesh: readonly AskingAllTheTime[] = [];

  const objects = (version: string): readonly TestObject[] => [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'web' },
      spec: { clusterIP: '10.96.3.50', selector: { app: 'web' }, ports: [{ name: 'http', port: 5000 }] },
    },
    deployment('web', {
      image: `helloworld:${version}`,
      ports: [{ containerPort: 5000 }],
      readinessProbe: { tcpSocket: { port: 5000 }, periodSeconds: 1 },
      lifecycle: { preStop: { sleep: { seconds: 2 } } },
    }),
    deployment('outsider', { image: 'curlimages/curl', command: ['sleep', 'infinity'] }),
  ];

  /** Starts to ask from the cluster's `sleep`, which has a sidecar. */
  async function askInMesh({ node }: NodeCluster): Promise<AskingAllTheTime> {
    const [sleep] = await node.ready('sample', { app: 'sleep' });
    return new AskingAllTheTime(node.host(`sample/${sleep?.metadata?.name}`), { url, via: serviceAddress });
  }

  /** One request of a pod without a sidecar. Out: the version that answered; `refused` where the connection was ended without an answer. */
  async function outsiderHears({ node }: NodeCluster): Promise<string> {
    const [pod] = await node.ready(namespace, { app: 'outsider' });
    const asked = await node.exec(`${namespace}/${pod?.metadata?.name}`, 'main', ['curl', '-sS', '-m', '5', url]);
    if (asked.code === 52 || asked.code === 56) return 'refused';
    return /^Hello version: (\S+),/.exec(asked.stdout)?.[1] ?? `${asked.stdout}${asked.stderr}`;
  }

  const outsidersHear = async (...expected: readonly string[]): Promise<void> => {
    await waitFor(
      () => Promise.all(theClusters().both.map((cluster) => outsiderHears(cluster))),
      (heard) => heard.join() === expected.join(),
      { what: `${expected.join(' and ')} for those without a sidecar`, timeoutMs: 20_000 },
    );
  };

  /** Resolves when each `sleep` hears exactly this. Out: what failed since the last time. */
  async function failuresUntilHeard(...expected: readonly (readonly string[])[]): Promise<readonly string[]> {
    const failures: string[] = [];
    for (const [index, asking] of inMesh.entries()) failures.push(...(await asking.untilHeard(expected[index] ?? [])));
    return failures;
  }

  async function joinMesh(cluster: NodeCluster): Promise<void> {
    const patch = { spec: { template: { metadata: { labels: { 'sidecar.istio.io/inject': 'true' } } } } };
    await cluster.kubectl('-n', namespace, 'patch', 'deployment', 'web', '-p', JSON.stringify(patch));
    await cluster.kubectl('-n', namespace, 'rollout', 'status', 'deployment/web');
    const [pod] = await cluster.node.ready(namespace, { app: 'web' });
    expect(pod?.spec?.initContainers?.map(({ name }) => name)).toContain('istio-proxy');
  }

  async function demand(spec: object, name = 'default'): Promise<void> {
    const object = {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { namespace, name },
      spec,
    };
    for (const { kube } of theClusters().both) await kube.api.apply(object);
  }

  async function demandNoMore(name = 'default'): Promise<void> {
    for (const cluster of theClusters().both)
      await cluster.kubectl('-n', namespace, 'delete', 'peerauthentication', name);
  }

  test('nobody who is asked has a sidecar: everybody is answered inside the own cluster', async () => {
    const { one, two, both } = theClusters();
    await one.kube.api.apply(...objects('v1'));
    await two.kube.api.apply(...objects('v2'));
    for (const { node } of both) await node.ready(namespace, { app: 'web' });
    await outsidersHear('v1', 'v2');
    inMesh = await Promise.all(both.map((cluster) => askInMesh(cluster)));
    expect(await failuresUntilHeard(['v1'], ['v2'])).toEqual([]);
  });

  test('one side joins: it also answers the other cluster, and still those without a sidecar', async () => {
    const { two } = theClusters();
    await joinMesh(two);
    expect(await failuresUntilHeard(['v1', 'v2'], ['v2'])).toEqual([]);
    await outsidersHear('v1', 'v2');
  });

  test('both sides have joined: everybody in the mesh hears both, others their own cluster', async () => {
    const { one } = theClusters();
    await joinMesh(one);
    expect(await failuresUntilHeard(['v1', 'v2'], ['v1', 'v2'])).toEqual([]);
    await outsidersHear('v1', 'v2');
  });

  test('mutual TLS is demanded in the namespace: those without a sidecar are refused, nobody else notices', async () => {
    await demand({ mtls: { mode: 'STRICT' } });
    await outsidersHear('refused', 'refused');
    expect(await failuresUntilHeard(['v1', 'v2'], ['v1', 'v2'])).toEqual([]);
  });

  test('a workload is let off, then one port of it, and nobody in the mesh notices', async () => {
    const selector = { matchLabels: { app: 'web' } };
    await demand({ selector, mtls: { mode: 'PERMISSIVE' } }, 'web');
    await outsidersHear('v1', 'v2');
    await demand({ selector, mtls: { mode: 'STRICT' } }, 'web');
    await outsidersHear('refused', 'refused');
    await demand({ selector, mtls: { mode: 'STRICT' }, portLevelMtls: { 5000: { mode: 'PERMISSIVE' } } }, 'web');
    await outsidersHear('v1', 'v2');
    await demandNoMore('web');
    await outsidersHear('refused', 'refused');
    expect(await failuresUntilHeard(['v1', 'v2'], ['v1', 'v2'])).toEqual([]);
  });

  test('it is no longer demanded: everybody is answered again', async () => {
    await demandNoMore();
    await outsidersHear('v1', 'v2');
    expect(await failuresUntilHeard(['v1', 'v2'], ['v1', 'v2'])).toEqual([]);
    // Connections that began under the old rules are closed some seconds later.
    for (const each of inMesh) await each.more(200);
    expect(await failuresUntilHeard(['v1', 'v2'], ['v1', 'v2'])).toEqual([]);
    for (const each of inMesh) await each.stop();
  });
}

/** Without a sidecar, although its namespace has them. */
function deployment(app: string, container: object): TestObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: app },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app, 'sidecar.istio.io/inject': 'false' } },
        spec: { terminationGracePeriodSeconds: 15, containers: [{ name: 'main', ...container }] },
      },
    },
  };
}
