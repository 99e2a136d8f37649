// `isthmus diff` against a whole instance with connected proxies: what it says is what is pushed once the same objects are written, and
// asking writes and pushes nothing.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import type { DiffReport } from '../../../server/diff/diff-report.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { struct } from '../../../server/generate/well-known-types.ts';
import type { WireResponse } from '../../bench/fleet/delta-wire.ts';
import { ReferenceReader } from '../../bench/fleet/references.ts';
import { Sidecar } from '../../bench/fleet/sidecar.ts';
import { openDirectory, type BenchRegistry } from '../../bench/registry.ts';
import { readCounter } from '../../bench/scrape.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { policyManifest, type Manifest } from '../../support/kube-objects.ts';
import { run, type RunResult } from '../../support/process.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { baseManifests } from '../../unit/diff/diff-scene.ts';

let registry: BenchRegistry & { readonly path: string };
let instance: ServeProcess;
const clients = new Map<string, Client>();

/** A connected proxy, and the versions of what it holds by `TYPEURL NAME`. */
interface Client {
  readonly sidecar: Sidecar;
  readonly held: Map<string, string>;
  /** What came that it did not hold like that, or went. */
  pushed: Set<string>;
}

beforeAll(async () => {
  registry = await openDirectory();
  await write(...baseManifests);
  instance = await startServe({
    argv: ['--cluster-id', 'cluster-1', '--network', 'network1', ...registry.argv],
    monitoring: true,
  });
  for (const [name, address, app] of [
    ['web-1', '10.1.0.1', 'web'],
    ['cart-1', '10.1.0.2', 'cart'],
  ] as const) {
    const client = connect(name, address, app);
    clients.set(`${name}.sample`, client);
    await waitFor(() => client.sidecar.complete, Boolean, { what: `${name} to be served` });
  }
  await settled();
  for (const { pushed } of clients.values()) pushed.clear();
});

afterAll(async () => {
  for (const { sidecar } of clients.values()) sidecar.close();
  await instance[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

function connect(name: string, address: string, app: string): Client {
  const held = new Map<string, string>();
  const client: Client = {
    held,
    pushed: new Set(),
    sidecar: new Sidecar({
      address: instance.xds,
      node: {
        id: `sidecar~${address}~${name}.sample~sample.svc.cluster.local`,
        metadata: struct({ CLUSTER_ID: 'cluster-1', NETWORK: 'network1', NAMESPACE: 'sample', LABELS: { app } }),
      },
      references: new ReferenceReader(),
      onResponse: (_sidecar, response) => take(client, response),
      onEnd: () => undefined,
    }),
  };
  client.sidecar.open();
  return client;
}

function take({ held, pushed }: Client, { typeUrl, resources, removed }: WireResponse): void {
  for (const { name, version } of resources) {
    const key = `${typeUrl} ${name}`;
    if (held.get(key) !== version) pushed.add(key);
    held.set(key, version);
  }
  for (const name of removed) {
    if (held.delete(`${typeUrl} ${name}`)) pushed.add(`${typeUrl} ${name}`);
    // It asks for the endpoints of a cluster that is gone no longer, and forgets them.
    if (typeUrl === typeUrls.cluster) held.delete(`${typeUrls.endpoint} ${name}`);
  }
}

async function write(...objects: readonly Manifest[]): Promise<void> {
  await registry.write(...objects.map((object) => object as unknown as TestObject));
}

/** Every response is answered, and none is on its way. */
async function settled(): Promise<void> {
  await waitFor(
    async () => ({
      pushes: await readCounter(instance.monitoring, 'pilot_xds_pushes'),
      acks: await readCounter(instance.monitoring, 'isthmus_xds_acks_total'),
      received: [...clients.values()].reduce((sum, { sidecar }) => sum + sidecar.counts.messages, 0),
    }),
    ({ pushes, acks, received }) => pushes === acks && pushes === received,
    { what: 'all responses to be answered' },
  );
}

async function ask(objects: readonly Manifest[], gone: readonly Manifest[]): Promise<DiffReport> {
  const response = await fetch(`http://${instance.http}/api/v1/diff`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: [...objects.map((object) => ({ write: object })), ...gone.map((object) => ({ delete: object }))]
      .map((line) => JSON.stringify(line))
      .join('\n'),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as DiffReport;
}

async function manifestsIn(objects: readonly Manifest[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-diff-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'rules.yaml'), objects.map((object) => stringify(object)).join('---\n'));
  return directory;
}

const isthmus = (...argv: readonly string[]): Promise<RunResult> =>
  run([process.execPath, 'server/main.ts', ...argv, '--http', instance.http]);

const route = (timeout: string): Manifest =>
  policyManifest('VirtualService', 'cart', {
    hosts: ['cart'],
    http: [{ route: [{ destination: { host: 'cart' } }], timeout }],
  });

test('an edit is told with its proxies, resources and fields, exit code 1, and nothing of it is written or pushed', async () => {
  await write(route('3s'));
  await waitFor(
    () => clients.get('web-1.sample')?.pushed.size ?? 0,
    (size) => size > 0,
    { what: 'the route' },
  );
  await settled();
  const [files, pushes] = [await readdir(registry.path), await readCounter(instance.monitoring, 'pilot_xds_pushes')];
  const directory = await manifestsIn([route('7s')]);
  const { code, stdout, stderr } = await isthmus('diff', '-f', directory);
  expect(stderr).toBe('');
  expect(code).toBe(1);
  expect(stdout).toBe(`2 of 2 proxies would be sent something: 1 resource differs.

objects
  VirtualService/sample/cart: changed

proxies
  cart-1.sample: 1 vhds
  web-1.sample: 1 vhds

resources
  changed vhds 80/cart.sample.svc.cluster.local:80 (cart-1.sample, web-1.sample, from VirtualService/sample/cart)
    routes[0].route.timeout: 3s → 7s
`);
  await settled();
  expect(await readCounter(instance.monitoring, 'pilot_xds_pushes')).toBe(pushes);
  expect(await readdir(registry.path)).toEqual(files);
});

test('what is there already is exit code 0, and JSON says so by name', async () => {
  await write(route('3s'));
  const directory = await manifestsIn([route('3s')]);
  const { code, stdout } = await isthmus('diff', '-f', directory, '-o', 'json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    changes: false,
    objects: [{ object: 'VirtualService/sample/cart', change: 'unchanged', findings: [] }],
    findings: { added: [], gone: [] },
    resources: [],
    moreResources: 0,
    proxies: [],
    proxyCount: 0,
    connectedCount: 2,
    remarks: [],
    problems: [],
  });
});

test('manifests that are wrong are told with file and line, exit code 2, and the others are compared all the same', async () => {
  const wrong = policyManifest('VirtualService', 'wrong', { hosts: ['web'], http: [{ timeout: 'soon' }] });
  const directory = await manifestsIn([route('9s'), wrong]);
  await writeFile(join(directory, 'broken.yaml'), 'kind: [\n');
  const { code, stdout } = await isthmus('diff', '-f', directory);
  expect(code).toBe(2);
  expect(stdout).toMatch(/broken\.yaml:\d+: error: .*not valid YAML/);
  expect(stdout).toContain('VirtualService/sample/wrong: REFUSED');
  expect(stdout).toMatch(/rules\.yaml:\d+: error: VirtualService\/sample\/wrong spec\.http\[0\]/);
  expect(stdout).toContain('→ 9s');
});

test('one proxy alone; one that is not connected is exit code 2', async () => {
  const directory = await manifestsIn([route('9s')]);
  const [alone, ghost] = await Promise.all([
    isthmus('diff', '-f', directory, '--proxy', 'web-1.sample'),
    isthmus('diff', '-f', directory, '--proxy', 'ghost.sample'),
  ]);
  expect(alone.stdout).toContain('1 of 1 proxy would be sent something');
  expect(ghost).toMatchObject({
    code: 2,
    stderr: 'No proxy ghost.sample is connected to this instance; `isthmus proxies` lists those that are.\n',
  });
});

test('objects that would be deleted, and those that would be pruned', async () => {
  await write(route('3s'));
  const directory = await manifestsIn([route('3s')]);
  const gone = await isthmus('diff', '--delete', directory);
  expect(gone.code).toBe(1);
  expect(gone.stdout).toContain('VirtualService/sample/cart: deleted');
  const other = await manifestsIn([policyManifest('VirtualService', 'other', { hosts: ['web'], http: [] })]);
  const pruned = await isthmus('diff', '-f', other, '--prune');
  expect(pruned.stdout).toContain('DestinationRule/sample/cart: deleted');
});

test('the question is for callers on this machine, bounded, and of its own content type', async () => {
  const url = `http://${instance.http}/api/v1/diff`;
  const type = { 'content-type': 'application/x-ndjson' };
  const status = async (init: RequestInit): Promise<number> => (await fetch(url, init)).status;
  expect(await status({})).toBe(405);
  expect(await status({ method: 'POST', body: '{}' })).toBe(415);
  expect(await status({ method: 'POST', headers: type, body: 'nonsense' })).toBe(400);
  expect(await status({ method: 'POST', headers: type, body: ' '.repeat(8 * 1024 * 1024 + 1) })).toBe(413);
});

const anyChange: fc.Arbitrary<Manifest> = fc.oneof(
  fc.integer({ min: 1, max: 5 }).map((seconds) => route(`${seconds}s`)),
  fc.constantFrom('RANDOM', 'ROUND_ROBIN').map((simple) =>
    policyManifest('DestinationRule', 'cart', {
      host: 'cart',
      trafficPolicy: { loadBalancer: { simple } },
      subsets: [{ name: 'v1', labels: { version: 'v1' } }],
    }),
  ),
  fc
    .constantFrom('STRICT', 'PERMISSIVE')
    .map((mode) => policyManifest('PeerAuthentication', 'default', { mtls: { mode } })),
  fc
    .constantFrom('web', 'cart')
    .map((app) => policyManifest('AuthorizationPolicy', 'access', { selector: { matchLabels: { app } }, rules: [{}] })),
  fc
    .constantFrom(['./*'], ['./cart.sample.svc.cluster.local'])
    .map((hosts) => policyManifest('Sidecar', 'default', { egress: [{ hosts: [...hosts, './marker.example'] }] })),
);

const kindOf = (object: Manifest): string => String(object['kind']);

test('for any set of edits, what is predicted is exactly what each proxy is pushed', { timeout: 120_000 }, async () => {
  // From now on these are in the file of the edits.
  const subset = `${typeUrls.cluster} outbound|80|v1|cart.sample.svc.cluster.local`;
  const names = (): readonly string[] => [...clients.values()].flatMap(({ held }) => [...held.keys()]);
  const own = [route('3s'), ...baseManifests].filter((object) => /VirtualService|DestinationRule/.test(kindOf(object)));
  await registry.remove(...own.map((object) => object as unknown as TestObject));
  await waitFor(
    () => names().some((name) => name === subset),
    (isThere) => !isThere,
    { what: 'the rules to go' },
  );
  await settled();
  let standing: readonly Manifest[] = [];
  let round = 0;
  const anyChanges = fc.uniqueArray(anyChange, { minLength: 1, maxLength: 4, selector: kindOf });
  await fc.assert(
    fc.asyncProperty(anyChanges, async (changes) => {
      round += 1;
      // Comes with every set, in one file with it, so that it is known when all of it has arrived.
      const marker = policyManifest('ServiceEntry', 'marker', {
        hosts: ['marker.example'],
        resolution: 'DNS',
        ports: [{ number: 1000 + round, name: 'tcp', protocol: 'TCP' }],
      });
      const edits = [...changes, marker];
      // The file is replaced as a whole: what it does not have any more is deleted.
      const gone = standing.filter((object) => edits.every((edit) => kindOf(edit) !== kindOf(object)));
      standing = edits;
      const report = await ask(edits, gone);
      for (const client of clients.values()) client.pushed.clear();
      await writeFile(join(registry.path, 'edits.yaml'), edits.map((edit) => stringify(edit)).join('---\n'));
      const arrived = `outbound|${1000 + round}||marker.example`;
      await waitFor(
        () => [...clients.values()].every(({ pushed }) => [...pushed].some((name) => name.endsWith(arrived))),
        Boolean,
        { what: 'the marker' },
      );
      await waitFor(
        () => [...clients].flatMap(([name, { pushed }]) => unheard(report, name, pushed)),
        (list) => list.length === 0,
        { what: 'all that was predicted' },
      );
      // A directory looks twice before it believes that an object has gone: what is sent then belongs to this round too.
      await waitFor(
        async () => (await ask(edits, gone)).resources.length,
        (left) => left === 0,
        { what: 'the instance to be where it was said to come to' },
      );
      await settled();
      for (const [name, { pushed, held }] of clients) {
        const expected = report.resources.filter(({ proxies }) => proxies.includes(name));
        const said = new Set(expected.map((one) => `${one.typeUrl} ${one.name}`));
        expect([...pushed].filter((one) => !said.has(one))).toEqual([]);
        expect(held.size).toBeGreaterThan(0);
      }
    }),
    { numRuns: 12, endOnFailure: true },
  );
});

/** What is predicted for a proxy and has not come. Of a cluster that is gone it does not want to hear the endpoints any more. */
function unheard({ resources }: DiffReport, proxy: string, pushed: ReadonlySet<string>): readonly string[] {
  return resources.flatMap(({ change, type, typeUrl, name, proxies }) => {
    const isWanted = proxies.includes(proxy) && !(change === 'removed' && type === 'eds');
    return isWanted && !pushed.has(`${typeUrl} ${name}`) ? [`${proxy}: ${change} ${typeUrl} ${name}`] : [];
  });
}

test('the files of the registry are those that were written', async () => {
  const texts = await Promise.all(
    (await readdir(registry.path)).map((file) => readFile(join(registry.path, file), 'utf8')),
  );
  expect(texts.join('')).not.toContain('9s');
});
