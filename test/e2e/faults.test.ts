// Two regions on real API servers, each with an instance that has exactly the rights it needs, and real Envoys. Each API server in
// turn is killed, lost with all that it stored, paused and slowed, while both regions ask all the time: none of it is noticed, and
// what changes afterwards still arrives.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import { routesContain } from '../demo/promises.ts';
import { startScenario } from '../demo/build-scenario.ts';
import type { Pod } from '../demo/pod.ts';
import type { Region, Scenario } from '../demo/scenario.ts';
import { describeKube } from '../support/describe-kube.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';
import { AskingAllTheTime } from './asking-all-the-time.ts';
import { ExampleApiServers } from './example-api-servers.ts';

const helloworld = 'outbound|5000||helloworld.sample.svc.cluster.local';
/** In each direction, for every piece of data. */
const slowMs = 700;

describeKube('on Kubernetes', () => {
  describeLab('no request fails', () => {
    const servers = new ExampleApiServers();
    let scenario: Scenario;
    let asking: readonly AskingAllTheTime[] = [];
    let changes = 0;

    beforeAll(async () => {
      scenario = await startScenario({ clusters: servers });
      asking = scenario.regions.map(({ sleep }) => new AskingAllTheTime(sleep.host));
      await Promise.all(asking.map((each) => each.more(20)));
    }, 900_000);

    afterAll(async () => {
      for (const each of asking) await each.stop();
      await scenario?.dispose();
      await servers[Symbol.asyncDispose]();
    });

    const regionOf = (clusterId: string): Region =>
      scenario.one.cluster.clusterId === clusterId ? scenario.one : scenario.two;

    /** What both instances, its own first, say of the cluster. */
    async function statuses(region: Region): Promise<readonly ClusterStatus[]> {
      const planes = [region, ...scenario.regions.filter((each) => each !== region)].map((each) => each.controlPlane);
      const lists = await Promise.all(planes.map((plane) => plane.clusters()));
      return lists.flatMap((list) => list.filter(({ clusterId }) => clusterId === region.cluster.clusterId));
    }

    async function bothSay(region: Region, phase: string): Promise<void> {
      const found = await waitFor(
        () => statuses(region),
        (said) => said.length === 2 && said.every((each) => each.phase === phase),
        { what: `${region.cluster.clusterId} to be ${phase} for both`, timeoutMs: 60_000, intervalMs: 200 },
      );
      expect(found.map(({ mode }) => mode)).toEqual(['primary', 'discovery-only']);
    }

    /** One more pod and another route: the other region's Envoy must see the one, its own the other. */
    async function changesArrive(region: Region): Promise<void> {
      changes += 1;
      const other = region === scenario.one ? scenario.two : scenario.one;
      const before = await weightOf(other.sleep, region.cluster.gatewayAddress);
      const address = region.helloworld.pod.address.replace(/\d+$/, String(100 + changes));
      await region.helloworld.host.execOrThrow(['ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
      await servers.addPod(region.cluster, address);
      await servers.apply(region.cluster, routeObject(`change-${changes}`));
      await routesContain(region.sleep, `change-${changes}`);
      await waitFor(
        () => weightOf(other.sleep, region.cluster.gatewayAddress),
        (weight) => weight === before + 1,
        { what: `${other.sleep.name} to count one more pod`, timeoutMs: 30_000 },
      );
    }

    /** What went wrong in both regions so far, some requests later. */
    async function wrongs(): Promise<readonly string[]> {
      await Promise.all(asking.map((each) => each.more(30)));
      const rejected = await Promise.all(
        scenario.pods.map(async (pod) => ({ name: pod.name, count: await pod.rejectedUpdates() })),
      );
      return [
        ...asking.flatMap(({ failures }) => failures),
        ...rejected.filter(({ count }) => count > 0).map(({ name, count }) => `${name} rejected ${count} updates`),
      ];
    }

    describe.each(['cluster-1', 'cluster-2'])('when the API server of %s', (clusterId) => {
      test('is killed and started again', async () => {
        const region = regionOf(clusterId);
        await servers.kube(region.cluster).killApiServer();
        await bothSay(region, 'stale');
        await servers.kube(region.cluster).startApiServer();
        await bothSay(region, 'running');
        await changesArrive(region);
        expect(await wrongs()).toEqual([]);
      });

      test('is replaced by an empty one that is filled again, at another address and with other credentials', async () => {
        const region = regionOf(clusterId);
        await servers.lose(region.cluster);
        await bothSay(region, 'stale');
        await servers.replace(region.cluster);
        await bothSay(region, 'running');
        await changesArrive(region);
        expect(await wrongs()).toEqual([]);
      });

      test('hangs, and goes on', async () => {
        const region = regionOf(clusterId);
        servers.kube(region.cluster).pauseApiServer();
        try {
          await bothSay(region, 'stale');
        } finally {
          servers.kube(region.cluster).resumeApiServer();
        }
        await bothSay(region, 'running');
        await changesArrive(region);
        expect(await wrongs()).toEqual([]);
      });

      test('is slow', async () => {
        const region = regionOf(clusterId);
        servers.relay(region.cluster).slow(slowMs);
        const startedAtMs = performance.now();
        try {
          await changesArrive(region);
          expect(performance.now() - startedAtMs).toBeGreaterThan(slowMs);
          await bothSay(region, 'running');
        } finally {
          servers.relay(region.cluster).slow(0);
        }
        expect(await wrongs()).toEqual([]);
      });
    });

    test('both versions answered both regions', () => {
      expect(asking.map(({ versions }) => versions)).toEqual([
        ['v1', 'v2'],
        ['v1', 'v2'],
      ]);
    });
  });
});

/** A rule that changes nothing but a header of answers. */
function routeObject(value: string) {
  const host = 'helloworld';
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: host, namespace: 'sample' },
    spec: {
      hosts: [host],
      http: [{ headers: { response: { set: { 'x-change': value } } }, route: [{ destination: { host } }] }],
    },
  };
}

/** The weight that this Envoy gives to a gateway for `helloworld`: how many pods stand behind it. */
async function weightOf(pod: Pod, gatewayAddress: string): Promise<number> {
  const lines = (await pod.admin('/clusters')).split('\n');
  const start = `${helloworld}::${gatewayAddress}:15443::weight::`;
  return Number(lines.find((line) => line.startsWith(start))?.slice(start.length) ?? Number.NaN);
}
