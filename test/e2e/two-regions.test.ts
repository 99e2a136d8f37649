// Two regions that run: what is on the wire between them, what a change of the files does, and what a restart of a control plane does
// not do. One scenario for all tests; each leaves the directories as it found them.

import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ask } from '../demo/ask.ts';
import { callerSeenBy, routesContain, subsetsArrived } from '../demo/promises.ts';
import { startScenario } from '../demo/build-scenario.ts';
import { betweenNetwork, writeRegistryFile } from '../demo/scenario.ts';
import type { Region, Scenario } from '../demo/scenario.ts';
import { sidecarUid } from '../demo/sidecar-user.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';
import { AskingAllTheTime } from './asking-all-the-time.ts';

const host = 'helloworld.sample.svc.cluster.local';

const virtualService = (weights: { readonly v1: number; readonly v2: number }): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: helloworld, namespace: sample }
spec:
  hosts: [helloworld]
  http:
    - route:
        - { destination: { host: helloworld, subset: v1 }, weight: ${weights.v1} }
        - { destination: { host: helloworld, subset: v2 }, weight: ${weights.v2} }
`;

const chosenByHeader = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: helloworld, namespace: sample }
spec:
  hosts: [helloworld]
  http:
    - match: [{ headers: { x-version: { exact: v1 } }, uri: { prefix: /greet } }]
      rewrite: { uri: /hello }
      route: [{ destination: { host: helloworld, subset: v1 } }]
    - match: [{ headers: { x-version: { exact: v2 } }, uri: { prefix: /greet } }]
      rewrite: { uri: /hello }
      route: [{ destination: { host: helloworld, subset: v2 } }]
    - route: [{ destination: { host: helloworld } }]
`;

const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: sample }
spec: { mtls: { mode: STRICT } }
`;

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: helloworld, namespace: sample }
spec:
  host: helloworld
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

describeLab('two regions', () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await startScenario();
  });

  afterAll(() => scenario?.dispose());

  afterEach(() => requireNothingRejected(scenario));

  // The first test, because the connections between the regions are made with the first requests.
  test('between the networks there is mutual TLS with the service as server name, and nothing in plain text', async () => {
    const file = join(scenario.directory, 'between.pcap');
    const capture = await scenario.lab.capture(betweenNetwork, file);
    const { sleep } = scenario.one;
    const headers = { 'x-marker': 'a-secret-of-the-caller' };

    const answer = await waitFor(
      async () => (await sleep.host.get('http://helloworld:5000/headers', { headers })).body,
      (body) => body.includes('"version":"v2"'),
      { what: 'an answer from v2' },
    );
    expect(answer).toContain('a-secret-of-the-caller');
    const caller = await callerSeenBy(sleep, 'v2');
    expect(caller).toContain('URI=spiffe://cluster.local/ns/sample/sa/sleep');

    await waitFor(
      () => readFileSync(file, 'latin1'),
      (bytes) => bytes.includes(`outbound_.5000_._.${host}`),
      { what: 'the server name in the capture' },
    );
    await capture.stop();
    const bytes = readFileSync(file, 'latin1');
    // Type and version of TLS records: handshake, then application data.
    expect(bytes).toContain('\u0016\u0003\u0001');
    expect(bytes).toContain('\u0017\u0003\u0003');
    for (const plain of ['a-secret-of-the-caller', 'x-marker', 'GET /', 'HTTP/1.1', '"version"']) {
      expect(bytes).not.toContain(plain);
    }
  });

  test('a changed VirtualService is followed by the next requests and sends a sidecar one virtual host', async () => {
    const { one, two } = scenario;
    await Promise.all([one, two].map((region) => writeRegistryFile(region, 'subsets.yaml', subsets)));
    await subsetsArrived(scenario);
    await writeRegistryFile(one, 'split.yaml', virtualService({ v1: 100, v2: 0 }));
    await routesContain(one.sleep, `"outbound|5000|v1|${host}"`);
    await scenario.settled(one.controlPlane);
    await onlyAnsweredBy(one, 'v1');
    const before = await pushesTo(one);

    await writeRegistryFile(one, 'split.yaml', virtualService({ v1: 0, v2: 100 }));
    await waitFor(
      () => pushesTo(one),
      (pushes) => pushes['vhds'] !== before['vhds'],
      { what: 'the virtual host to be sent' },
    );
    await scenario.settled(one.controlPlane);

    await onlyAnsweredBy(one, 'v2');
    expect(await pushesTo(one)).toEqual({ ...before, vhds: (before['vhds'] ?? 0) + 1 });
    await rm(join(one.registry, 'split.yaml'));
    await Promise.all([one, two].map((region) => rm(join(region.registry, 'subsets.yaml'))));
    await bothAnswer(one);
  });

  test('a rule may choose by a header and rewrite the path, and what it does not choose goes on as before', async () => {
    const { one, two } = scenario;
    await Promise.all([one, two].map((region) => writeRegistryFile(region, 'subsets.yaml', subsets)));
    await subsetsArrived(scenario);
    await writeRegistryFile(one, 'split.yaml', chosenByHeader);
    await routesContain(one.sleep, 'x-version');

    for (const version of ['v2', 'v1']) {
      const headers = { 'x-version': version };
      const answer = await one.sleep.host.get('http://helloworld:5000/greet', { headers });
      expect(answer).toMatchObject({ status: 200, body: expect.stringContaining(`version: ${version}`) });
    }
    expect(await one.sleep.host.get('http://helloworld:5000/greet')).toMatchObject({ status: 404 });

    await rm(join(one.registry, 'split.yaml'));
    await Promise.all([one, two].map((region) => rm(join(region.registry, 'subsets.yaml'))));
    await bothAnswer(one);
  });

  test('once mutual TLS is required plain text is refused, and the mesh goes on without a failed request', async () => {
    const { one } = scenario;
    const url = `http://${one.helloworld.pod.address}:5000/hello`;
    // As the sidecar's user: past the sidecar, as from a pod that has none.
    const plainText = (): Promise<number> =>
      one.sleep.host.get(url, { uid: sidecarUid }).then(
        ({ status }) => status,
        () => 0,
      );
    expect(await plainText()).toBe(200);
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(20);

    await writeRegistryFile(one, 'strict.yaml', strict);
    await waitFor(plainText, (status) => status === 0, { what: 'plain text to be refused' });
    await asking.more(50);
    await rm(join(one.registry, 'strict.yaml'));
    await waitFor(plainText, (status) => status === 200, { what: 'plain text to be taken again' });

    await asking.stop();
    expect(asking.failures).toEqual([]);
  });

  test('a removed Pod gets no more requests from either region, without a failed one', async () => {
    const { one, two } = scenario;
    const pods = await readFile(join(two.registry, 'pods.yaml'), 'utf8');
    await bothAnswer(one);
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(50);

    const without = pods.split('---\n').filter((document) => !document.includes('name: helloworld-v2-2'));
    await writeRegistryFile(two, 'pods.yaml', without.join('---\n'));
    await waitFor(
      async () => [...(await ask(one.sleep.host, 30)).versions.keys()],
      (versions) => versions.length === 1 && versions[0] === 'v1',
      { what: 'v1 alone to answer' },
    );
    await onlyAnsweredBy(one, 'v1');
    await onlyAnsweredBy(two, 'v1');

    await writeRegistryFile(two, 'pods.yaml', pods);
    await bothAnswer(one);
    await bothAnswer(two);
    await asking.stop();
    expect(asking.failures).toEqual([]);
  });

  test('a broken file keeps its last good content and is named with its line by both instances', async () => {
    const { one, two } = scenario;
    const good = await readFile(join(one.registry, 'helloworld.yaml'), 'utf8');

    await writeRegistryFile(one, 'helloworld.yaml', good.replace('    - name: http\n', '    - name: "http\n'));
    const line = good.split('\n').indexOf('    - name: http') + 1;
    for (const { controlPlane } of [one, two]) {
      const problems = await waitFor(
        async () => (await controlPlane.clusters()).find(({ clusterId }) => clusterId === 'cluster-1')?.problems ?? [],
        (found) => found.length > 0,
        { what: `${controlPlane.name} to show the broken file` },
      );
      expect(problems[0]).toMatchObject({ severity: 'error', origin: { place: 'helloworld.yaml' } });
      expect(problems[0]?.origin?.line).toBeGreaterThanOrEqual(line);
    }
    await bothAnswer(one);
    await bothAnswer(two);

    await writeRegistryFile(one, 'helloworld.yaml', good);
    for (const { controlPlane } of [one, two]) {
      await waitFor(
        async () => (await controlPlane.clusters()).flatMap(({ problems }) => problems),
        (problems) => problems.length === 0,
        { what: `${controlPlane.name} to forget the broken file` },
      );
    }
  });

  test('a restarted control plane sends the Envoys that come back no resource again, and no request fails meanwhile', async () => {
    const { one } = scenario;
    const held = await resourcesHeld(one);
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(50);

    expect(await one.controlPlane.stop()).toMatchObject({ code: 0 });
    await asking.more(50);
    one.controlPlane.start();
    await one.controlPlane.ready();
    await scenario.settled(one.controlPlane);
    await asking.more(50);

    await asking.stop();
    expect(asking.failures).toEqual([]);
    expect(await resourcesHeld(one)).toEqual(held);
    // A stream may be refused while the instance still reads its clusters, and come again.
    expect(await one.controlPlane.metric('isthmus_streams_opened_total')).toBeGreaterThanOrEqual(3);
    expect(await one.controlPlane.metric('isthmus_xds_resources_sent_total')).toBe(0);
    expect(await one.controlPlane.metric('isthmus_xds_resources_removed_total')).toBe(0);

    // They were not merely left alone: the next change reaches them.
    await writeRegistryFile(one, 'split.yaml', `${virtualService({ v1: 100, v2: 0 })}---${subsets}`);
    await routesContain(one.sleep, `"outbound|5000|v1|${host}"`);
    await onlyAnsweredBy(one, 'v1');
    await rm(join(one.registry, 'split.yaml'));
    await bothAnswer(one);
  });
});

async function requireNothingRejected(scenario: Scenario): Promise<void> {
  for (const pod of scenario.pods) {
    const rejected = await pod.rejectedUpdates();
    if (rejected > 0) throw new Error(`${pod.name}'s Envoy rejected ${rejected} updates`);
  }
}

async function onlyAnsweredBy(region: Region, version: string): Promise<void> {
  const answers = await ask(region.sleep.host, 50);
  expect(Object.fromEntries(answers.versions)).toEqual({ [version]: 50 });
}

async function bothAnswer(region: Region): Promise<void> {
  await waitFor(
    async () => {
      const answers = await ask(region.sleep.host, 20);
      if (answers.failures.size > 0) throw new Error(`failures: ${[...answers.failures.keys()].join(', ')}`);
      return answers.versions.size;
    },
    (versions) => versions === 2,
    { what: `both versions to answer ${region.sleep.name}` },
  );
}

/** Responses sent to the sidecar of `sleep` so far, by type. */
async function pushesTo(region: Region): Promise<Readonly<Record<string, number>>> {
  const proxies = await region.controlPlane.proxies();
  const sleep = proxies.find(({ proxy }) => proxy.startsWith('sleep-'));
  return Object.fromEntries(sleep?.types.map(({ name, pushes }) => [name, pushes]) ?? []);
}

/** How many resources each proxy of the region holds, by type. */
async function resourcesHeld(region: Region): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
  const proxies = await region.controlPlane.proxies();
  return Object.fromEntries(
    proxies.map(({ proxy, types }) => [proxy, Object.fromEntries(types.map((type) => [type.name, type.resources]))]),
  );
}
