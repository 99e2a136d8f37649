// What is predicted is what happens when the same objects are applied, and asking changes nothing.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { analyze } from '../../../discovery/analyze/analyze.ts';
import { keyOf } from '../../../discovery/model/kubernetes-object.ts';
import type { Problem } from '../../../discovery/model/problem.ts';
import { withoutRepeats } from '../../../server/mesh-findings.ts';
import { objectOf, podManifest, policyManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { changed } from '../discovery/cluster-scene.ts';
import { baseManifests, differences, openDiffScene, predicted, type DiffScene, type Edit } from './diff-scene.ts';

const canary = (weight: number, host = 'cart'): Manifest =>
  policyManifest('VirtualService', 'canary', {
    hosts: [host],
    http: [
      {
        route: [
          { destination: { host, subset: 'v1' }, weight },
          { destination: { host, subset: 'v2' }, weight: 100 - weight },
        ],
      },
    ],
  });

function apply(scene: DiffScene, edits: readonly Edit[]): void {
  scene.cluster.fold(
    edits.map((edit) =>
      'write' in edit ? changed(edit.write) : { kind: 'deleted' as const, key: keyOf(objectOf(edit.delete)) },
    ),
  );
  scene.store.flush();
}

const findingsOf = ({ store, cache }: DiffScene): readonly Problem[] =>
  withoutRepeats(analyze(store.snapshot), cache.problems());

test('an edited VirtualService is one virtual host for those that see its host, field by field', async () => {
  const scene = openDiffScene();
  apply(scene, [{ write: canary(90) }]);
  const told = scene.told();
  const report = await scene.ask([{ write: canary(80) }]);
  expect(report.objects).toEqual([{ object: 'VirtualService/sample/canary', change: 'changed', findings: [] }]);
  expect(
    report.resources.map(({ type, name, change, proxies, causes }) => [type, name, change, proxies, causes]),
  ).toEqual([
    [
      'vhds',
      '80/cart.sample.svc.cluster.local:80',
      'changed',
      ['cart-1.sample', 'cart-2.sample', 'web-1.sample'],
      ['VirtualService/sample/canary'],
    ],
  ]);
  const fields = report.resources[0]?.fields ?? [];
  expect(fields.map(({ before, after }) => [before, after])).toEqual([
    [90, 80],
    [10, 20],
  ]);
  expect(fields[0]?.path).toMatch(/^routes\[0\]\.route\.weighted_?clusters\.clusters\[.*v1.*\]\.weight$/i);
  expect(report.summary).toBe('3 of 4 proxies would be sent something: 1 resource differs.');
  expect(scene.told()).toBe(told);
});

test('what is there already changes nothing, and neither do labels that nothing reads', async () => {
  const scene = openDiffScene();
  apply(scene, [{ write: canary(90) }]);
  const report = await scene.ask([
    { write: canary(90) },
    { write: { ...serviceManifest('web', { clusterIP: '10.0.0.1' }) } },
  ]);
  expect(report).toMatchObject({ changes: false, resources: [], proxyCount: 0, connectedCount: 4 });
  expect(report.objects.map(({ change }) => change)).toEqual(['unchanged', 'unchanged']);
  expect(report.summary).toBe('Nothing would change for any proxy (of 4 proxies connected).');
});

test('an object that would be refused changes nothing and says why; one that fits nothing is a finding', async () => {
  const scene = openDiffScene();
  const wrong = policyManifest('VirtualService', 'wrong', { hosts: ['cart'], http: [{ timeout: 'soon' }] });
  const astray = policyManifest('VirtualService', 'astray', {
    hosts: ['cart'],
    http: [{ route: [{ destination: { host: 'nowhere' } }] }],
  });
  const report = await scene.ask([{ write: wrong }, { write: astray }]);
  const [refused, warned] = report.objects;
  expect(refused).toMatchObject({ change: 'refused' });
  expect(refused?.findings.length).toBeGreaterThan(0);
  expect(warned).toMatchObject({ change: 'added', findings: [{ code: 'unknown-destination' }] });
  expect(report.summary).toContain('1 object would be refused.');
});

test('a finding about another object, which shows at the proxies, is foretold; of one proxy alone none is', async () => {
  const filter: Manifest = {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'slow', namespace: 'sample' },
    spec: {
      workloadSelector: { labels: { app: 'web' } },
      configPatches: [
        {
          applyTo: 'CLUSTER',
          match: { context: 'SIDECAR_OUTBOUND', cluster: { service: 'cart.sample.svc.cluster.local' } },
          patch: { operation: 'MERGE', value: { connect_timeout: '9s' } },
        },
      ],
    },
  };
  const narrow = policyManifest('Sidecar', 'default', { egress: [{ hosts: ['./web.sample.svc.cluster.local'] }] });
  const scene = openDiffScene([...baseManifests, filter]);
  expect(scene.cache.problems()).toEqual([]);
  const [report, alone] = [
    await scene.ask([{ write: narrow }]),
    await scene.ask([{ write: narrow }], { proxy: 'cart-1.sample' }),
  ];
  const fits = { code: 'patch-matches-nothing', object: 'EnvoyFilter/sample/slow' };
  expect(report.findings).toMatchObject({ added: [fits], gone: [] });
  expect(alone.findings).toEqual({ added: [], gone: [] });
  apply(scene, [{ write: narrow }]);
  expect(scene.cache.problems()).toEqual(report.findings.added);
  const back = await scene.ask([{ delete: narrow }]);
  expect(back.findings).toMatchObject({ added: [], gone: [fits] });
});

test('asking is without consequences: the instance serves the same, tells nobody and knows the same findings', async () => {
  const scene = openDiffScene();
  const [before, mesh, status] = [scene.served(), scene.store.snapshot, scene.cluster.status()];
  await scene.ask([
    { write: canary(50) },
    { write: policyManifest('PeerAuthentication', 'strict', { mtls: { mode: 'STRICT' } }) },
    { write: policyManifest('VirtualService', 'wrong', { hosts: [], http: [{ timeout: 'soon' }] }) },
    { write: serviceManifest('fresh') },
    { delete: serviceManifest('cart') },
    { delete: podManifest('web-1', '10.1.0.1', 'web') },
  ]);
  expect(scene.told()).toBe(0);
  expect(scene.store.snapshot).toBe(mesh);
  expect(scene.cluster.status()).toEqual(status);
  expect(scene.served()).toEqual(before);
});

test('one proxy alone, and what would be pruned', async () => {
  const scene = openDiffScene();
  apply(scene, [{ write: canary(90) }]);
  const alone = await scene.ask([{ write: canary(80) }], { proxy: 'web-1.sample' });
  expect(alone).toMatchObject({ proxy: 'web-1.sample', proxyCount: 1, connectedCount: 1 });
  const pruned = await scene.ask([{ write: serviceManifest('web', { clusterIP: '10.0.0.1' }) }], { prune: true });
  expect(pruned.objects.filter(({ change }) => change === 'removed').map(({ object }) => object)).toEqual([
    'DestinationRule/sample/cart',
    'VirtualService/sample/canary',
  ]);
  expect(pruned.changes).toBe(true);
});

test('a Secret is not looked into', async () => {
  const scene = openDiffScene();
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace: 'sample' },
    data: { 'tls.key': 'c2VjcmV0' },
  };
  const report = await scene.ask([{ write: secret }]);
  expect(report.objects).toEqual([{ object: 'Secret/sample/key', change: 'not-looked-at', findings: [] }]);
  expect(JSON.stringify(report)).not.toContain('c2VjcmV0');
});

const hosts = ['cart', 'web', 'fresh'];
const anyHost = fc.constantFrom(...hosts);
const anyWrite: fc.Arbitrary<Manifest> = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 100 }), anyHost).map(([weight, host]) => canary(weight, host)),
  fc
    .tuple(anyHost, fc.constantFrom('v1', 'v2'), fc.constantFrom('ROUND_ROBIN', 'RANDOM'))
    .map(([host, version, simple]) =>
      policyManifest('DestinationRule', host, {
        host,
        trafficPolicy: { loadBalancer: { simple } },
        subsets: [{ name: version, labels: { version } }],
      }),
    ),
  fc
    .tuple(anyHost, fc.integer({ min: 80, max: 82 }))
    .map(([name, port]) => serviceManifest(name, { ports: [{ name: 'http', port }] })),
  fc
    .constantFrom('STRICT', 'PERMISSIVE', 'DISABLE')
    .map((mode) => policyManifest('PeerAuthentication', 'default', { mtls: { mode } })),
  fc.tuple(fc.constantFrom('ALLOW', 'DENY'), fc.constantFrom('web', 'cart')).map(([action, app]) =>
    policyManifest('AuthorizationPolicy', 'access', {
      action,
      selector: { matchLabels: { app } },
      rules: [{ from: [{ source: { namespaces: ['sample'] } }] }],
    }),
  ),
  fc
    .constantFrom(['./cart.sample.svc.cluster.local'], ['./*'], ['~/*'])
    .map((only) => policyManifest('Sidecar', 'default', { egress: [{ hosts: only }] })),
  fc
    .tuple(fc.constantFrom('DNS', 'NONE', 'STATIC'), fc.constantFrom('api.example', 'cdn.example'))
    .map(([resolution, name]) =>
      policyManifest('ServiceEntry', 'outside', {
        hosts: [name],
        resolution,
        location: 'MESH_EXTERNAL',
        ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
        ...(resolution === 'STATIC' ? { endpoints: [{ address: '192.0.2.9' }] } : {}),
      }),
    ),
  fc.constantFrom('*', 'shop.example').map((host) =>
    policyManifest('Gateway', 'edge', {
      selector: { app: 'ingress' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [host] }],
    }),
  ),
  fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.constantFrom('web', 'cart', 'fresh'))
    .map(([number, app]) =>
      podManifest(`pod-${number}`, `10.1.1.${number}`, app, { labels: { version: number % 2 === 0 ? 'v1' : 'v2' } }),
    ),
);
const anyEdit: fc.Arbitrary<Edit> = fc
  .tuple(anyWrite, fc.integer({ min: 0, max: 3 }))
  .map(([manifest, choice]) => (choice === 0 ? { delete: manifest } : { write: manifest }));

test('what is predicted for a set of edits is what their proxies are served once they are applied', async () => {
  const anyEdits = fc.uniqueArray(anyEdit, {
    maxLength: 5,
    selector: (edit) => keyOf(objectOf('write' in edit ? edit.write : edit.delete)),
  });
  await fc.assert(
    fc.asyncProperty(anyEdits, anyEdits, async (first, second) => {
      const scene = openDiffScene();
      for (const edits of [first, second]) {
        const before = scene.served();
        const known = new Set(findingsOf(scene).map((one) => JSON.stringify(one)));
        const report = await scene.ask(edits);
        expect(scene.served()).toEqual(before);
        apply(scene, edits);
        const appeared = findingsOf(scene).filter((one) => !known.has(JSON.stringify(one)));
        expect(report.findings.added).toEqual(expect.arrayContaining(appeared));
        expect(predicted(report)).toEqual(differences(before, scene.served()));
        for (const { change, fields } of report.resources) expect(fields.length > 0).toBe(change === 'changed');
      }
    }),
    { numRuns: 60 },
  );
});
