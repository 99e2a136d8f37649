// Services that only the other region has: names resolve, and TCP and HTTP answer through the gateways, without an entry anywhere.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startScenario } from '../demo/build-scenario.ts';
import { writeRegistryFile, type Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';

const service = (name: string, rest: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: sample }
spec:
  selector: { app: helloworld }
${rest}
---`;

const remoteOnly = [
  service(
    'ledger',
    '  clusterIP: 10.96.2.77\n  clusterIPs: [10.96.2.77]\n  ports: [{ name: tcp-ledger, port: 7000, targetPort: 7000 }]',
  ),
  service('ledger-pods', '  clusterIP: None\n  ports: [{ name: tcp-ledger, port: 7000, targetPort: 7000 }]'),
  service(
    'catalog',
    '  clusterIP: 10.96.2.78\n  clusterIPs: [10.96.2.78]\n  ports: [{ name: http, port: 8000, targetPort: 5000 }]',
  ),
].join('');

/** Speaks first, then says what it is told: no HTTP, no TLS. */
const speakingServer =
  "require('net').createServer((s) => { s.write('ledger of region two\\n'); s.pipe(s); }).listen(7000, () => console.log('listening'))";

const speakingClient = (host: string): string =>
  `const s = require('net').connect(7000, '${host}', () => s.write('over there\\n')); let t = '';` +
  "s.on('data', (d) => { t += d; if (t.split('\\n').length > 2) { process.stdout.write(t); s.destroy(); } });" +
  "s.on('error', (e) => { console.error(e.message); process.exit(1); }); setTimeout(() => process.exit(1), 5000).unref()";

describeLab('services that only the other region has', () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await startScenario();
    const { helloworld } = scenario.two;
    await helloworld.host.spawn([process.execPath, '-e', speakingServer]).waitForLine('listening');
    await writeRegistryFile(scenario.two, 'remote-only.yaml', remoteOnly);
    await waitFor(
      () => scenario.one.sleep.admin('/config_dump'),
      (dump) => ['ledger', 'ledger-pods', 'catalog'].every((name) => dump.includes(`||${name}.sample.svc`)),
      { what: 'the configuration of the services' },
    );
  }, 180_000);

  afterAll(() => scenario?.dispose());

  const resolved = (name: string): Promise<readonly string[]> =>
    waitFor(
      async () => (await scenario.one.sleep.host.exec(['getent', 'ahosts', name])).stdout.match(/^\S+/gm) ?? [],
      (addresses) => addresses.length > 0,
      { what: `${name} to resolve` },
    );

  test.each(['ledger', 'ledger-pods.sample', 'catalog.sample.svc', 'ledger.sample.svc.cluster.local'])(
    '%s resolves to an address of the reserved range',
    async (name) => {
      const addresses = new Set(await resolved(name));
      expect([...addresses]).toEqual([expect.stringMatching(/^240\.240\./)]);
    },
  );

  test('both instances give a host the same address', async () => {
    const shown = await Promise.all(
      scenario.regions.map(async ({ controlPlane }) => {
        const services = JSON.parse((await controlPlane.host.get('http://127.0.0.1:8080/api/v1/services')).body) as {
          readonly host: string;
          readonly allocatedAddresses: readonly string[];
        }[];
        return services.find(({ host }) => host === 'ledger.sample.svc.cluster.local')?.allocatedAddresses;
      }),
    );
    expect(shown[0]).toEqual(shown[1]);
    expect(await resolved('ledger')).toContain(shown[0]?.[0]);
  });

  test.each(['ledger', 'ledger-pods'])('%s answers over TCP, whoever speaks first', async (name) => {
    const client = [process.execPath, '-e', speakingClient(name)];
    const answer = await waitFor(
      () => scenario.one.sleep.host.exec(client),
      ({ code }) => code === 0,
      { what: `${name} to answer`, timeoutMs: 30_000 },
    );
    expect(answer.stdout).toBe('ledger of region two\nover there\n');
  });

  test('catalog answers over HTTP', async () => {
    const answer = await waitFor(
      () => scenario.one.sleep.host.get('http://catalog:8000/hello'),
      ({ status }) => status === 200,
      { what: 'catalog to answer' },
    );
    expect(answer.body).toContain('version: v2');
  });

  test('what is in both regions is still at the own cluster’s address', async () => {
    const own = scenario.one.cluster.services.find(({ name }) => name === 'helloworld')?.clusterIp;
    expect(new Set(await resolved('helloworld'))).toEqual(new Set([own]));
    expect((await scenario.one.sleep.host.get('http://helloworld:5000/hello')).status).toBe(200);
  });

  test('`why` says where the address is from', async () => {
    const { controlPlane } = scenario.one;
    const why = await controlPlane.host.get('http://127.0.0.1:8080/api/v1/why?from=sleep.sample&to=ledger:7000');
    expect(JSON.parse(why.body)).toMatchObject({
      verdict: 'reachable',
      service: { addressedBy: 'allocated', addresses: await resolved('ledger').then((all) => [all[0]]) },
    });
  });

  test('names go with their services', { timeout: 90_000 }, async () => {
    await rm(join(scenario.two.registry, 'remote-only.yaml'));
    const { host } = scenario.one.sleep;
    const lookup = await waitFor(
      () => host.exec(['getent', 'ahosts', 'catalog']),
      ({ code }) => code !== 0,
      { what: 'the name to go', timeoutMs: 60_000 },
    );
    expect(lookup.stdout).toBe('');
  });
});
