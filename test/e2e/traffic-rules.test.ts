// Rules for traffic in two regions that run: shares, subsets, copies and the nearest place, with version v1 here and v2 behind the
// other region's gateway; hosts outside the mesh; and what a Sidecar lets out and in. Each test leaves the directories as it found them.

import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ask, together } from '../demo/ask.ts';
import { startScenario } from '../demo/build-scenario.ts';
import { routesContain, subsetsArrived } from '../demo/promises.ts';
import { writeRegistryFile, type Region, type Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor, waitUntilSame } from '../support/wait-for.ts';

const host = 'helloworld.sample.svc.cluster.local';
const application = resolve(import.meta.dirname, '../demo/hello-application.ts');
const clusterDns = '10.96.0.10';

/** Arguments: where to listen, and the address of `legacy.internal`. */
const nameServer = `
  const { NameServer } = await import(${JSON.stringify(resolve(import.meta.dirname, '../support/node/name-server.ts'))});
  const [listen, address] = process.argv.slice(1);
  const server = new NameServer();
  server.replace({ 'legacy.internal': { a: [address] } });
  await server.listen(listen);
  console.log('listening');
`;

const byVersion = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: helloworld, namespace: sample }
spec:
  host: helloworld
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

const routed = (http: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: helloworld, namespace: sample }
spec:
  hosts: [helloworld]
  http: [${http}]
`;

const to = (subset: string, more = ''): string => `{ destination: { host: helloworld, subset: ${subset} }${more} }`;

describeLab('rules for traffic in two regions', () => {
  let scenario: Scenario;
  let one: Region;
  let two: Region;

  beforeAll(async () => {
    scenario = await startScenario();
    ({ one, two } = scenario);
  });

  afterAll(() => scenario?.dispose());

  afterEach(async () => {
    for (const pod of scenario.pods) {
      const rejected = await pod.rejectedUpdates();
      if (rejected > 0) throw new Error(`${pod.name}'s Envoy rejected ${String(rejected)} updates`);
    }
  });

  /** Every answer of a round has one of these versions, and each of them answers. */
  const answeredBy = (region: Region, ...versions: string[]): Promise<unknown> =>
    waitFor(
      async () => {
        const { versions: heard, failures } = await ask(region.sleep.host, 20);
        return [...heard.keys(), ...failures.keys()].toSorted().join();
      },
      (heard) => heard === versions.toSorted().join(),
      { what: `${region.sleep.name} to be answered by ${versions.join(' and ')} alone`, timeoutMs: 20_000 },
    );

  test('10 % of 10,000 requests go to the version that only the other cluster has, within one point', async () => {
    await Promise.all([one, two].map((region) => writeRegistryFile(region, 'subsets.yaml', byVersion)));
    await subsetsArrived(scenario);
    await writeRegistryFile(
      one,
      'rule.yaml',
      routed(`{ route: [${to('v1', ', weight: 90')}, ${to('v2', ', weight: 10')}] }`),
    );
    await routesContain(one.sleep, `"outbound|5000|v2|${host}"`);

    const isTenth = ({ versions, asked }: { versions: ReadonlyMap<string, number>; asked: number }): boolean =>
      Math.abs(((versions.get('v2') ?? 0) * 100) / asked - 10) <= 1;
    let answers = await ask(one.sleep.host, 10_000);
    // Envoy throws dice: a fair tenth of 10,000 is outside of the point once in 1,200 rounds, of 20,000 once in 400,000.
    if (!isTenth(answers)) answers = together(answers, await ask(one.sleep.host, 10_000));

    expect([...answers.failures]).toEqual([]);
    expect(answers.lines.length).toBe(answers.asked);
    expect({ ...answers, isTenth: isTenth(answers) }).toMatchObject({ isTenth: true });
    await rm(join(one.registry, 'rule.yaml'));
    await Promise.all([one, two].map((region) => rm(join(region.registry, 'subsets.yaml'))));
    await answeredBy(one, 'v1', 'v2');
  }, 180_000);

  test('subsets by cluster work through the gateway, although the other region has no copy of the rule', async () => {
    const rule = byVersion.replaceAll(
      /labels: \{ version: v(\d) \}/g,
      'labels: { topology.istio.io/cluster: cluster-$1 }',
    );
    const chosen = ['v1', 'v2'].map(
      (subset) => `{ match: [{ headers: { x-cluster: { exact: ${subset} } } }], route: [${to(subset)}] }`,
    );
    await writeRegistryFile(one, 'rule.yaml', `${routed(chosen.join(', '))}---${rule}`);
    await routesContain(one.sleep, 'x-cluster');

    await waitFor(
      async () =>
        (await one.sleep.host.get('http://helloworld:5000/hello', { headers: { 'x-cluster': 'none' } })).status,
      (status) => status === 404,
      { what: 'every request without a known cluster to be refused' },
    );
    for (const version of ['v1', 'v2', 'v1', 'v2']) {
      const headers = { 'x-cluster': version };
      const answer = await one.sleep.host.get('http://helloworld:5000/hello', { headers });
      expect(answer).toMatchObject({ status: 200, body: expect.stringContaining(`version: ${version}`) });
    }
    await rm(join(one.registry, 'rule.yaml'));
    await answeredBy(one, 'v1', 'v2');
  });

  test('requests are copied to the other cluster, whose answers nobody waits for', async () => {
    await Promise.all([one, two].map((region) => writeRegistryFile(region, 'subsets.yaml', byVersion)));
    await subsetsArrived(scenario);
    await writeRegistryFile(
      one,
      'rule.yaml',
      routed(`{ route: [${to('v1')}], mirror: { host: helloworld, subset: v2 }, mirrorPercentage: { value: 100 } }`),
    );
    await routesContain(one.sleep, 'request_mirror_policies');
    const served = async (): Promise<number> =>
      [...(await two.helloworld.stats('^cluster\\.inbound\\|5000\\|\\|\\.upstream_rq_completed$')).values()].reduce(
        (sum, value) => sum + value,
        0,
      );
    // Every thread of Envoy has the rule, and the copies of these requests have arrived.
    await answeredBy(one, 'v1');
    const before = await waitUntilSame(served, { what: 'all copies to have arrived' });

    const { versions } = await ask(one.sleep.host, 50);
    expect(Object.fromEntries(versions)).toEqual({ v1: 50 });
    await waitFor(served, (count) => count === before + 50, { what: 'v2 to have had 50 copies' });

    await rm(join(one.registry, 'rule.yaml'));
    await Promise.all([one, two].map((region) => rm(join(region.registry, 'subsets.yaml'))));
    await answeredBy(one, 'v1', 'v2');
  });

  test('the nearest place answers alone, and the other one when no endpoint is ready there', async () => {
    const pods = await readFile(join(one.registry, 'pods.yaml'), 'utf8');
    const [before = '', after = ''] = pods.split('name: helloworld-v1-1');
    const notReady = `${before}name: helloworld-v1-1${after.replace("status: 'True'", "status: 'False'")}`;
    expect(notReady).not.toBe(pods);
    await writeRegistryFile(
      one,
      'rule.yaml',
      `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: helloworld, namespace: sample }
spec:
  host: helloworld
  trafficPolicy: { loadBalancer: { localityLbSetting: { enabled: true } } }
`,
    );
    await answeredBy(one, 'v1');
    await writeRegistryFile(one, 'pods.yaml', notReady);
    await answeredBy(one, 'v2');
    await writeRegistryFile(one, 'pods.yaml', pods);
    await answeredBy(one, 'v1');
    await rm(join(one.registry, 'rule.yaml'));
    await answeredBy(one, 'v1', 'v2');
  });

  test('hosts outside the mesh resolve and answer, by addresses and by a DNS name that Envoy looks up', async () => {
    const address = one.sleep.pod.address.replace(/\d+$/, '77');
    const legacy = await scenario.lab.host({
      name: 'legacy',
      legs: [{ network: one.cluster.network, address: `${address}/24` }],
    });
    const server = legacy.spawn([process.execPath, application], {
      env: { PORT: '8080', VERSION: 'legacy', INSTANCE: 'vm' },
    });
    await server.waitForLine('listening', { timeoutMs: 30_000 });
    // Where the pod's resolver file says that the cluster's DNS is.
    await legacy.execOrThrow(['ip', 'addr', 'add', `${clusterDns}/32`, 'dev', 'eth0']);
    await one.sleep.host.execOrThrow(['ip', 'route', 'add', `${clusterDns}/32`, 'via', address]);
    const names = legacy.spawn([process.execPath, '--input-type=module', '--eval', nameServer, clusterDns, address]);
    await names.waitForLine('listening', { timeoutMs: 30_000 });
    const entry = (name: string, resolution: string, endpoint: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name.replaceAll('.', '-')}, namespace: sample }
spec:
  hosts: [${name}]
  location: MESH_EXTERNAL
  resolution: ${resolution}
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  endpoints: [{ address: ${endpoint} }]
`;
    await writeRegistryFile(
      one,
      'outside.yaml',
      [entry('by-address.example.com', 'STATIC', address), entry('by-name.example.com', 'DNS', 'legacy.internal')].join(
        '---',
      ),
    );
    for (const name of ['by-address.example.com', 'by-name.example.com']) {
      const answer = await waitFor(
        () =>
          one.sleep.host.get(`http://${name}/hello`).catch((error: unknown) => ({ status: 0, body: String(error) })),
        ({ status }) => status === 200,
        { what: `an answer of ${name}` },
      );
      expect(answer.body).toContain('version: legacy');
    }
    await rm(join(one.registry, 'outside.yaml'));
    // The name server stays: without one, names that the mesh does not have are waited for.
    await server.stop();
  });

  test('a Sidecar lets out what it names, and leads requests that come in to where it says', async () => {
    const sidecar = (app: string, spec: string): string => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: ${app}, namespace: sample }
spec: { workloadSelector: { labels: { app: ${app} } }, ${spec} }
`;
    await writeRegistryFile(
      one,
      'sidecar.yaml',
      sidecar('sleep', "egress: [{ hosts: ['istio-system/*'] }], outboundTrafficPolicy: { mode: REGISTRY_ONLY }"),
    );
    const answered = await waitFor(
      async () => (await ask(one.sleep.host, 3)).lines.length,
      (count) => count === 0,
      { what: 'helloworld to be out of reach' },
    );
    expect(answered).toBe(0);
    // Its neighbour has no Sidecar.
    await answeredBy(two, 'v1', 'v2');

    const other = one.helloworld.host.spawn([process.execPath, application], {
      env: { PORT: '5999', VERSION: 'behind-5999', INSTANCE: 'other' },
    });
    await other.waitForLine('listening', { timeoutMs: 30_000 });
    const ingress = '{ port: { number: 5000, protocol: HTTP, name: http }, defaultEndpoint: 127.0.0.1:5999 }';
    await writeRegistryFile(one, 'sidecar.yaml', sidecar('helloworld', `ingress: [${ingress}]`));
    await answeredBy(one, 'behind-5999', 'v2');
    // Through the gateway too.
    await answeredBy(two, 'behind-5999', 'v2');

    await rm(join(one.registry, 'sidecar.yaml'));
    await answeredBy(one, 'v1', 'v2');
    await other.stop();
  });
});
