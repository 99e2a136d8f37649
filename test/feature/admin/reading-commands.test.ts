// The commands that read a running instance, as real processes.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { execPath } from 'node:process';
import { expect, onTestFinished, test } from 'vitest';
import { objectKey } from '../../../discovery/model/names.ts';
import { run, type RunResult } from '../../support/process.ts';
import { serveAdmin } from './serve-admin.ts';
import {
  aClusterStatus,
  aDestinationRule,
  aMesh,
  anEndpoint,
  anHttpMatch,
  anHttpRoute,
  aProxyStatus,
  aReader,
  aTypeStatus,
  aVirtualService,
  cluster1,
  cluster2,
  gateway1,
  helloworld,
  network1,
} from './two-regions.ts';

const helloworldRule = objectKey('DestinationRule', 'sample', 'helloworld');

const isthmus = (argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<RunResult> =>
  run([execPath, 'server/main.ts', ...argv], { env });

test('clusters shows an aligned table and what is wrong with file and line', async () => {
  const problem = {
    severity: 'error',
    code: 'yaml-syntax',
    origin: { place: 'apps/a.yaml', line: 12 },
    message: 'This is not YAML.',
  } as const;
  const clusters = [aClusterStatus(cluster1, { problems: [problem] }), aClusterStatus(cluster2, { error: 'refused' })];
  const { http } = await serveAdmin(aReader({ clusters: () => clusters }));

  const { code, stdout } = await isthmus(['clusters', '--http', http]);
  const [header = '', first = '', second = '', ...remarks] = stdout.trimEnd().split('\n');

  expect(code).toBe(0);
  expect(header.split(/ {2,}/)).toStrictEqual([
    'CLUSTER',
    'NETWORK',
    'MODE',
    'PHASE',
    'LAST EVENT',
    'SERVICES',
    'ENDPOINTS',
    'PROBLEMS',
  ]);
  expect(first.indexOf('primary')).toBe(header.indexOf('MODE'));
  expect(second.indexOf('discovery-only')).toBe(header.indexOf('MODE'));
  expect(remarks).toStrictEqual([
    'cluster-1: error apps/a.yaml:12: This is not YAML. [yaml-syntax]',
    'cluster-2: refused',
  ]);
});

test('problems lists errors before warnings with their cluster, and fails for errors alone', async () => {
  const of = (severity: 'error' | 'warning', field: string) =>
    ({ severity, code: 'unknown-host', object: helloworldRule, field, message: `${field} is wrong.` }) as const;
  const lists = [[of('warning', 'spec.host')], [of('warning', 'spec.host'), of('error', 'spec.subsets')]];
  for (const [expected, problems] of lists.entries()) {
    const { http } = await serveAdmin(aReader({ clusters: () => [aClusterStatus(cluster1, { problems })] }));
    const { code, stdout } = await isthmus(['problems', '--http', http]);
    expect(code).toBe(expected);
    expect(stdout.split('\n')[0]).toBe(
      expected === 0
        ? 'cluster-1: warning DestinationRule/sample/helloworld: spec.host is wrong. [unknown-host]'
        : 'cluster-1: error DestinationRule/sample/helloworld: spec.subsets is wrong. [unknown-host]',
    );
    expect((await isthmus(['problems', '--http', http, '--warnings-as-errors'])).code).toBe(1);
  }
});

test('-o json prints what the API answers, and the address may come from the environment', async () => {
  const reader = aReader();
  const { http } = await serveAdmin(reader);

  const { code, stdout } = await isthmus(['clusters', '-o', 'json'], { ISTHMUS_HTTP: http });

  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toStrictEqual(reader.clusters());
});

test('proxies shows the last rejection with its source, and escapes what a proxy says', async () => {
  const lastError = {
    message: 'bad \u001b[31mcluster',
    resourceNames: ['outbound|5000||a'],
    sourceObjects: ['DestinationRule/default/a'],
  };
  const proxy = aProxyStatus({ types: [aTypeStatus('cds', { status: 'ERROR', rejected: 2, lastError })] });
  const { http } = await serveAdmin(aReader({ proxies: () => [proxy] }));

  const { code, stdout } = await isthmus(['proxies', '--http', http]);

  expect(code).toBe(0);
  expect(stdout).toContain('ERROR');
  expect(stdout).toContain(
    'sleep-1.default rejected cds outbound|5000||a (from DestinationRule/default/a): bad ·[31mcluster',
  );
});

test('one proxy is shown in detail; one that is not connected is exit code 1', async () => {
  const { http } = await serveAdmin(aReader());

  const [known, unknown, short] = await Promise.all([
    isthmus(['proxies', 'sleep-1.default', '--http', http]),
    isthmus(['proxies', 'ghost.default', '--http', http]),
    isthmus(['proxies', 'sleep-1', '--http', http]),
  ]);

  expect(known.code).toBe(0);
  expect(known.stdout).toContain('identity spiffe://cluster.local/ns/default/sa/sleep');
  expect(unknown).toMatchObject({ code: 1, stdout: 'No proxy ghost.default is connected to this instance.\n' });
  expect(short).toMatchObject({
    code: 1,
    stdout: 'No proxy sleep-1 is connected to this instance. Close: sleep-1.default.\n',
  });
});

test('endpoints lists all clusters; an unknown host is exit code 1 with near misses', async () => {
  const { http } = await serveAdmin(aReader());

  const [known, unknown, onPort] = await Promise.all([
    isthmus(['endpoints', 'helloworld', '--http', http]),
    isthmus(['endpoints', 'heloworld', '--http', http]),
    isthmus(['endpoints', 'helloworld:5000', '--http', http]),
  ]);

  expect(known.code).toBe(0);
  expect(known.stdout).toMatch(/10\.10\.0\.2 +http:5000 +cluster-1 +network1 +region1\/zone1 +healthy +istio/);
  expect(known.stdout).toMatch(/10\.20\.0\.2 +http:5000 +cluster-2 +network2/);
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain(`Close: ${helloworld}`);
  expect(onPort).toMatchObject({ code: 0, stdout: expect.stringContaining(`${helloworld}:5000`) });
});

test('why says where requests go with exit code 0, and why nowhere with exit code 1', async () => {
  const cutOff = aMesh({
    endpoints: [[helloworld, [anEndpoint('10.20.0.2', cluster2)]]],
    gateways: new Map([[network1, [gateway1]]]),
  });
  const [open, closed] = await Promise.all([serveAdmin(aReader()), serveAdmin(aReader({ mesh: () => cutOff }))]);
  const question = ['why', 'sleep.default', 'helloworld:5000', '--http'];

  const [reached, nowhere] = await Promise.all([
    isthmus([...question, open.http]),
    isthmus([...question, closed.http]),
  ]);

  expect(reached).toMatchObject({ code: 0 });
  expect(reached.stdout).toContain('50 % to cluster-1, 50 % to cluster-2');
  expect(nowhere).toMatchObject({ code: 1 });
  expect(nowhere.stdout).toMatch(/^no-endpoints: .*no gateway is known/);
});

test('why takes headers of the request, and says what is wrong with one without its value', async () => {
  const { http } = await serveAdmin(
    aReader({
      mesh: () =>
        aMesh({
          virtualServices: [
            aVirtualService([
              anHttpRoute({
                name: 'qa',
                matches: [anHttpMatch({ headers: [{ name: 'end-user', match: { kind: 'exact', value: 'qa' } }] })],
                destinations: [{ destination: { host: helloworld, subset: 'v2' }, weight: 100 }],
              }),
              anHttpRoute({
                name: 'main',
                destinations: [{ destination: { host: helloworld, subset: 'v1' }, weight: 100 }],
              }),
            ]),
          ],
          destinationRules: [aDestinationRule()],
        }),
    }),
  );
  const why = (...more: readonly string[]): Promise<RunResult> =>
    isthmus(['why', 'sleep.default', 'helloworld:5000', '--http', http, ...more]);

  const [ordinary, tester, wrong] = await Promise.all([
    why(),
    why('-H', 'end-user: qa', '-H', 'x-other: secret'),
    why('-H', 'secret'),
  ]);

  expect(ordinary.stdout).toMatch(
    /port 5000: 100 % to cluster-1 by route main; 1 route before it \(qa\) depends on header end-user/,
  );
  expect(tester).toMatchObject({ code: 0 });
  expect(tester.stdout).toMatch(/^reachable: .*port 5000: 100 % to cluster-2\.\n/);
  expect(tester.stdout).toContain(', with end-user, x-other');
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(tester.stdout + wrong.stderr).not.toContain('secret');
});

test('an address where nothing listens is exit code 2 and a sentence with the address and the remedy', async () => {
  const address = await freeAddress();

  const { code, stdout, stderr } = await isthmus(['clusters', '--http', address]);

  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(`No instance answers at ${address} (ECONNREFUSED). Start one with \`isthmus serve\``);
});

test('wrong use is exit code 2', async () => {
  const { http } = await serveAdmin(aReader());
  const [nameless, option, argument, format] = await Promise.all([
    isthmus(['why', 'sleep-1', 'helloworld', '--http', http]),
    isthmus(['clusters', '--nope']),
    isthmus(['why', 'sleep.default']),
    isthmus(['proxies', '-o', 'xml']),
  ]);

  expect([nameless.code, option.code, argument.code, format.code]).toStrictEqual([2, 2, 2, 2]);
  expect(nameless.stderr).toBe('sleep-1 has no namespace: write POD.NAMESPACE. Close: sleep-1.default.\n');
  expect(argument.stderr).toContain("missing required argument 'to'");
});

test('something else on that port is exit code 2', async () => {
  const other = createServer((_request, response) => response.end('hello'));
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());

  const { code, stderr } = await isthmus(['clusters', '--http', addressOf(other)]);

  expect(code).toBe(2);
  expect(stderr).toContain('is not JSON');
});

async function freeAddress(): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = addressOf(server);
  server.close();
  await once(server, 'close');
  return address;
}

function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
