// docs/install.md followed by somebody with two ordinary clusters: its own commands, two real API servers, kubectl and Helm, instances and
// proxies as pods, injected by the webhook. What the guide says of each step is what is expected here.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeKube } from '../support/describe-kube.ts';
import { describeLab } from '../support/describe-lab.ts';
import type { NodeCluster } from '../support/node/node-cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { AskingAllTheTime } from './asking-all-the-time.ts';
import { migrationTests } from './migration.ts';
import { guidedClusters, type GuidedClusters } from './guided-clusters.ts';

describeKube('docs/install.md', () => {
  describeLab('as it stands, on two clusters', () => {
    let clusters: GuidedClusters;

    beforeAll(async () => {
      clusters = await guidedClusters();
    }, 3_600_000);

    afterAll(async () => {
      await clusters?.[Symbol.asyncDispose]();
    });

    const versionsIn = (answers: string): readonly string[] =>
      answers
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => /^Hello version: (v\d),/.exec(line)?.[1] ?? line);

    /** Asks from the cluster's `sleep` until it is stopped. */
    async function asking({ node }: NodeCluster): Promise<AskingAllTheTime> {
      const [sleep] = await node.ready('sample', { app: 'sleep' });
      return new AskingAllTheTime(node.host(`sample/${sleep?.metadata?.name}`), { via: serviceAddress(node) });
    }

    /** Resolves when everybody who asks hears exactly these versions. Out: what failed since the last time. */
    async function failuresUntilHeard(
      versions: readonly string[],
      all: readonly AskingAllTheTime[],
    ): Promise<readonly string[]> {
      const failures: string[] = [];
      for (const each of all) failures.push(...(await each.untilHeard(versions)));
      return failures;
    }

    /** Of `helloworld`: what its name leads to, so that only the traffic is asked about. */
    const serviceAddress = (node: NodeCluster['node']): string =>
      `${node === clusters.one.node ? '10.96.1.50' : '10.96.2.50'}:5000`;

    test('names and one root for both', async () => {
      const [labelled, secrets] = await clusters.follow('2.');
      expect(labelled?.match(/namespace\/istio-system labeled/g)).toHaveLength(2);
      expect(secrets?.match(/secret\/cacerts created/g)).toHaveLength(2);
    });

    test('an instance in each cluster', async () => {
      await clusters.follow('3.');
      for (const { node } of clusters.both)
        expect(await node.ready('istio-system', { app: 'istiod' }, 2)).toHaveLength(2);
    });

    test('each cluster a remote of the other', async () => {
      await clusters.follow('4.');
      const said = await waitFor(
        () => clusters.run('npx isthmus clusters -o json'),
        (text) => (JSON.parse(text) as readonly { readonly phase: string }[]).every(({ phase }) => phase === 'running'),
        { what: 'both to be read', intervalMs: 500 },
      );
      expect(JSON.parse(said)).toMatchObject([
        { clusterId: 'cluster-1', mode: 'primary' },
        { clusterId: 'cluster-2', mode: 'discovery-only' },
      ]);
    });

    test('an east-west gateway in each cluster', async () => {
      const [applied] = await clusters.follow('5.');
      expect(applied?.match(/successfully rolled out/g)).toHaveLength(2);
    });

    test('workloads, whose pods have proxies that nobody wrote', async () => {
      await clusters.follow('6.');
      for (const { node } of clusters.both) {
        for (const pod of node.pods('sample')) {
          expect(pod.spec?.initContainers?.map(({ name }) => name)).toEqual(['istio-init', 'istio-proxy']);
        }
      }
    });

    test('ten requests from each side see both versions', async () => {
      const [ask = '', look = '', greet = ''] = clusters.commands('7.');
      const answers = await waitFor(
        async () => versionsIn(await clusters.run(ask)),
        // Of two to choose from, ten in a row are the same once in five hundred times.
        (heard) => [heard.slice(0, 10), heard.slice(10)].every((ten) => new Set(ten).size === 2),
        { what: 'both versions on both sides', timeoutMs: 60_000 },
      );
      expect(answers).toHaveLength(20);
      expect(new Set(answers)).toEqual(new Set(['v1', 'v2']));
      // A replica knows the proxies that are connected to it.
      const why = await clusters.run(look).catch(() => clusters.run(look, 1));
      const greeted = await clusters.run(greet);
      expect(greeted).toContain('Hello version: v2');
      expect(why).toContain('reachable');
    });

    test('a client moves to the other cluster and back', async () => {
      const [away = '', back = ''] = clusters.commands('8.');
      expect(await clusters.run(away)).toContain('Hello version: v');
      await clusters.one.node.ready('sample', { app: 'sleep' }, 0);
      await clusters.run(back);
    });

    test('version 1 goes and comes back, and no request of either side fails', async () => {
      const [, , away = '', back = ''] = clusters.commands('8.');
      const all = await Promise.all(clusters.both.map((cluster) => asking(cluster)));
      try {
        await failuresUntilHeard(['v1', 'v2'], all);
        await clusters.run(away);
        await clusters.one.node.ready('sample', { app: 'helloworld' }, 0);
        expect(await failuresUntilHeard(['v2'], all)).toEqual([]);
        await clusters.run(back);
        expect(await failuresUntilHeard(['v1', 'v2'], all)).toEqual([]);
      } finally {
        for (const each of all) await each.stop();
      }
    });

    describe('a migration', () => {
      migrationTests(() => clusters);
    });

    test('cluster-2 is cut off: cluster-1 goes on answering, its new pods start, and all is as before when it is back', async () => {
      await using local = await asking(clusters.one);
      await clusters.two.namespace.cutLink();
      // What was on its way over there fails; the gateway that no longer answers is left out soon.
      await local.untilHeard(['v1']);
      await clusters.run('kubectl --context cluster-1 -n sample scale deployment/helloworld-v1 --replicas=2');
      const pods = await clusters.one.node.ready('sample', { app: 'helloworld' }, 2);
      expect(pods.every(({ spec }) => spec?.initContainers?.some(({ name }) => name === 'istio-proxy'))).toBe(true);
      const tenTimes = 'for i in 1 2 3 4 5 6 7 8 9 10; do curl -sS -m 10 http://helloworld:5000/hello; done';
      const askTen = `kubectl --context cluster-1 -n sample exec deployment/sleep -c sleep -- sh -c '${tenTimes}'`;
      const instances = await waitFor(
        async () => new Set((await clusters.run(askTen)).trim().split('\n')),
        ({ size }) => size === 2,
        { what: 'answers of both pods' },
      );
      expect(instances.size).toBe(2);
      expect(await local.untilHeard(['v1'])).toEqual([]);
      await clusters.two.namespace.mendLink();
      expect(await local.untilHeard(['v1', 'v2'])).toEqual([]);
    });
  });
});
