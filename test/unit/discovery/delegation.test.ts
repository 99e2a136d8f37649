// VirtualServices that leave routes to delegates, and what is found out between VirtualServices.

import { describe, expect, test } from 'vitest';
import { emptyPolicyIndex, updatePolicyIndex } from '../../../discovery/mesh/policy-index.ts';
import { virtualServiceFindings } from '../../../discovery/mesh/virtual-service-findings.ts';
import type { PolicyIndex } from '../../../discovery/model/mesh-snapshot.ts';
import { hostname } from '../../../discovery/model/names.ts';
import type { HttpMatch, VirtualServicePolicy } from '../../../discovery/model/policy.ts';
import { httpMatch, httpRoute, virtualService } from '../../support/mesh-model.ts';

const host = 'shop.default.svc.cluster.local';
const prefix = (value: string) => ({ kind: 'prefix', value }) as const;
const exact = (value: string) => ({ kind: 'exact', value }) as const;

const added = (index: PolicyIndex, ...policies: readonly VirtualServicePolicy[]) =>
  updatePolicyIndex(
    index,
    policies.map((after) => ({ key: after.source, before: undefined, after })),
  );
const filed = (...policies: readonly VirtualServicePolicy[]) => added(emptyPolicyIndex, ...policies);
const routesOf = (index: PolicyIndex) => index.virtualServices.get(hostname(host))?.[0]?.http ?? [];
const codes = (index: PolicyIndex) =>
  virtualServiceFindings(index).map(({ code, object, field }) => `${code} ${object} ${field}`);

const root = (matches: readonly HttpMatch[] = [httpMatch({ uri: prefix('/a') })], changes: object = {}) =>
  virtualService(
    'root',
    [host],
    [
      httpRoute([], { name: 'root', matches, delegate: { name: 'part', namespace: 'team' }, ...changes }),
      httpRoute([host], { name: 'rest' }),
    ],
  );
const part = (matches: readonly HttpMatch[], changes: Partial<VirtualServicePolicy> = {}, route: object = {}) =>
  virtualService('team/part', [], [httpRoute(['x.team'], { name: 'own', matches, ...route })], changes);

describe('a delegate', () => {
  test('puts its routes in the place of the one that names it, in whatever order they arrive', () => {
    const matches = [httpMatch({ uri: prefix('/a/b') })];
    const expected = [
      { name: 'root-own', matches: [{ uri: prefix('/a/b') }], place: { field: 'spec.http[0]' } },
      { name: 'rest' },
    ];
    expect(routesOf(filed(root(), part(matches)))).toMatchObject(expected);
    expect(routesOf(added(filed(root()), part(matches)))).toMatchObject(expected);
    expect(routesOf(added(filed(part(matches)), root()))).toMatchObject(expected);
  });

  test('that is edited or deleted changes the routes of the hosts that it is for', () => {
    const before = filed(root(), part([httpMatch({ uri: prefix('/a/b') })]));
    const old = part([httpMatch({ uri: prefix('/a/b') })]);
    const edited = updatePolicyIndex(before, [{ key: old.source, before: old, after: part([]) }]);
    expect([...edited.virtualServices.changedSince(before.virtualServices)]).toEqual([host]);
    expect(routesOf(edited)[0]).toMatchObject({ matches: [{ uri: prefix('/a') }] });
    const deleted = updatePolicyIndex(edited, [{ key: old.source, before: part([]), after: undefined }]);
    expect(routesOf(deleted)).toMatchObject([{ name: 'rest' }]);
    expect(codes(deleted)).toEqual(['unknown-delegate VirtualService/default/root spec.http[0].delegate']);
  });

  test('that looks at claims of tokens is never used by sidecars, and told so', () => {
    const asks = httpMatch({
      uri: prefix('/a/b'),
      headers: [{ name: '@request.auth.claims[sub]', claim: ['sub'], match: exact('ada') }],
    });
    expect(codes(filed(root(), part([asks])))).toEqual([
      'unreachable-match VirtualService/default/root spec.http[0].delegate',
    ]);
  });

  test('inherits what it does not say, and keeps what it says', () => {
    const outer = root(undefined, { timeoutMs: 1_000, rewrite: { uri: '/x' }, retries: { attempts: 1, retryOn: '' } });
    expect(routesOf(filed(outer, part([], {}, { timeoutMs: 2_000 })))[0]).toMatchObject({
      timeoutMs: 2_000,
      rewrite: { uri: '/x' },
      retries: { attempts: 1 },
      destinations: [{ destination: { host: 'x.team' } }],
    });
  });

  test('is used only where it is exported to', () => {
    expect(codes(filed(root(), part([], { exportTo: ['.'] })))).toEqual([
      'delegate-not-exported VirtualService/default/root spec.http[0].delegate',
    ]);
    expect(codes(filed(root(), part([], { exportTo: ['default'] })))).toEqual([]);
  });

  test.each<[HttpMatch, HttpMatch, string]>([
    [httpMatch({ uri: prefix('/a') }), httpMatch({ uri: prefix('/b') }), 'uri prefix "/b" is not within prefix "/a"'],
    [httpMatch({ uri: exact('/a') }), httpMatch({ uri: prefix('/a') }), 'uri prefix "/a" is not within exact "/a"'],
    [httpMatch({ method: exact('GET') }), httpMatch({ method: exact('PUT') }), 'method'],
    [httpMatch({ port: 80 }), httpMatch({ port: 81 }), 'port is 81 and not 80'],
    [httpMatch({ sourceNamespace: 'a' }), httpMatch({ sourceNamespace: 'b' }), 'sourceNamespace'],
    [httpMatch({ sourceLabels: { a: '1' } }), httpMatch({ sourceLabels: { a: '2' } }), 'source label a'],
    [httpMatch({ gateways: ['mesh'] }), httpMatch({ gateways: ['n/gw'] }), 'no gateway is in both'],
    [
      httpMatch({ headers: [{ name: 'x', match: exact('1') }] }),
      httpMatch({ headers: [{ name: 'x', match: exact('2') }] }),
      'header x',
    ],
    [
      httpMatch({ uri: { kind: 'regex', value: 'a' } }),
      httpMatch({ uri: { kind: 'regex', value: 'b' } }),
      'regex "b" is not within regex "a"',
    ],
  ])('that asks for what the other does not take is named', (outer, own, reason) => {
    const index = filed(root([outer]), part([own]));
    expect(routesOf(index)).toMatchObject([{ name: 'rest' }]);
    expect(virtualServiceFindings(index)).toMatchObject([
      { code: 'delegate-conflict', object: 'VirtualService/default/root', field: 'spec.http[0].delegate' },
    ]);
    expect(virtualServiceFindings(index)[0]?.message).toContain(reason);
  });

  test('that nobody names is found', () => {
    expect(codes(filed(part([])))).toEqual(['unused-delegate VirtualService/team/part spec.hosts']);
  });
});

describe('two VirtualServices for one host', () => {
  const one = (fullName: string, createdAtMs: number, changes: Partial<VirtualServicePolicy> = {}) =>
    virtualService(fullName, [host], [httpRoute([host])], { createdAtMs, ...changes });

  test('are told of at the younger one', () => {
    const index = filed(one('a', 2), one('b', 1));
    expect(codes(index)).toEqual(['conflicting-host VirtualService/default/a spec.hosts[0]']);
    expect(virtualServiceFindings(index)[0]?.message).toContain('VirtualService/default/b is older');
  });

  test('are not when no namespace sees both, or they are for different gateways', () => {
    expect(codes(filed(one('a', 2, { exportTo: ['x'] }), one('b', 1, { exportTo: ['y'] })))).toEqual([]);
    expect(codes(filed(one('a', 2, { gateways: ['default/gw'] }), one('b', 1)))).toEqual([]);
  });

  test('are joined at a gateway, and only two routes for everything conflict', () => {
    const gateways = ['default/gw'];
    const narrow = [httpRoute([host], { matches: [httpMatch({ uri: prefix('/a') })] })];
    expect(codes(filed(one('a', 2, { gateways }), one('b', 1, { gateways })))).toEqual([
      'conflicting-route VirtualService/default/a spec.http[0]',
    ]);
    expect(codes(filed(one('a', 2, { gateways, http: narrow }), one('b', 1, { gateways })))).toEqual([]);
  });
});
