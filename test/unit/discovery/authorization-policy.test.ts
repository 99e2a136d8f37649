// What an AuthorizationPolicy becomes, what of it is refused, and that one that can't be expressed never opens anything.

import { describe, expect, it } from 'vitest';
import { objectKey } from '../../../discovery/model/names.ts';
import type { AuthorizationPolicy } from '../../../discovery/model/policy.ts';
import { convertAuthorizationPolicy } from '../../../discovery/policy/authorization/authorization-policy.ts';
import { objectOf, policyManifest, type Manifest } from '../../support/kube-objects.ts';
import type { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { changed, deleted, syncedCluster } from './cluster-scene.ts';

const convert = (spec: Manifest, annotations: Readonly<Record<string, string>> = {}) =>
  convertAuthorizationPolicy(objectOf(policyManifest('AuthorizationPolicy', 'it', spec, { annotations })));
const edge = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' };
const from = (source: Manifest): Manifest => ({ rules: [{ from: [{ source }] }] });
const to = (operation: Manifest): Manifest => ({ rules: [{ to: [{ operation }] }] });
const when = (condition: Manifest): Manifest => ({ rules: [{ when: [condition] }] });

describe('an AuthorizationPolicy that is refused', () => {
  it.each<[string, Manifest, string, string]>([
    ['an action that does not exist', { action: 'PERMIT' }, 'spec.action', 'PERMIT'],
    [
      'a Gateway that is not of the Gateway API',
      { targetRef: { group: 'networking.istio.io', kind: 'Gateway', name: 'edge' } },
      'spec.targetRef.group',
      'gateway.networking.k8s.io',
    ],
    ['a target beside a selector', { selector: {}, targetRefs: [edge] }, 'spec.selector', 'beside targets'],
    ['a target and targets', { targetRef: edge, targetRefs: [edge] }, 'spec.targetRef', 'beside targetRefs'],
    ['CUSTOM without a provider', { action: 'CUSTOM', rules: [{}] }, 'spec.provider', 'extension provider'],
    ['a provider without CUSTOM', { provider: { name: 'opa' } }, 'spec.provider', 'CUSTOM alone'],
    ['a field that does not exist', { rules: [{ form: [] }] }, 'spec.rules[0].form', 'no field'],
    ['an empty source', from({}), 'spec.rules[0].from[0].source', 'says nothing'],
    ['an empty operation', to({}), 'spec.rules[0].to[0].operation', 'says nothing'],
    ['an empty list', from({ namespaces: [] }), 'spec.rules[0].from[0].source.namespaces', 'empty list'],
    ['an empty list of what is not', to({ notPaths: [] }), 'spec.rules[0].to[0].operation.notPaths', 'empty list'],
    ['a source of nothing', from({ namespaces: null }), 'spec.rules[0].from[0].source', 'says nothing'],
    ['no sources in a list', { rules: [{ from: [] }] }, 'spec.rules[0].from', 'empty list'],
    ['no conditions in a list', { rules: [{ when: [] }] }, 'spec.rules[0].when', 'empty list'],
    [
      'a condition without values',
      when({ key: 'source.ip', values: [] }),
      'spec.rules[0].when[0].values',
      'empty list',
    ],
    ['an empty value', to({ paths: [''] }), 'spec.rules[0].to[0].operation.paths[0]', 'is empty'],
    ['a star in the middle', to({ paths: ['/a/*/b'] }), 'spec.rules[0].to[0].operation.paths[0]', 'star'],
    ['two stars', to({ hosts: ['*.a.*'] }), 'spec.rules[0].to[0].operation.hosts[0]', 'star'],
    ['half a template', to({ paths: ['/a{*}'] }), 'spec.rules[0].to[0].operation.paths[0]', 'path template'],
    ['{*} after {**}', to({ paths: ['/{**}/x/{*}'] }), 'spec.rules[0].to[0].operation.paths[0]', 'after {**}'],
    ['a port that is none', to({ ports: ['http'] }), 'spec.rules[0].to[0].operation.ports[0]', 'port number'],
    ['a block that is none', from({ ipBlocks: ['10.0.0.0/33'] }), 'spec.rules[0].from[0].source.ipBlocks[0]', 'CIDR'],
    [
      'an account with a star',
      from({ serviceAccounts: ['shop/*'] }),
      'spec.rules[0].from[0].source.serviceAccounts[0]',
      'service account',
    ],
    [
      'accounts beside namespaces',
      from({ serviceAccounts: ['a/b'], namespaces: ['a'] }),
      'spec.rules[0].from[0].source.serviceAccounts',
      'keep one',
    ],
    [
      'a principal as a URI',
      from({ principals: ['spiffe://x/ns/a/sa/b'] }),
      'spec.rules[0].from[0].source.principals[0]',
      'without',
    ],
    ['a key that does not exist', when({ key: 'source.name', values: ['x'] }), 'spec.rules[0].when[0].key', 'no key'],
    [
      'metadata of a filter',
      when({ key: 'experimental.envoy.filters.a.b[c]', values: ['x'] }),
      'spec.rules[0].when[0].key',
      'not supported',
    ],
    ['a condition without values', when({ key: 'source.ip' }), 'spec.rules[0].when[0].values', 'neither'],
    ['a condition without a key', when({ values: ['x'] }), 'spec.rules[0].when[0].key', 'missing'],
    ['a selector with a star', { selector: { matchLabels: { app: '*' } } }, 'spec.selector.matchLabels["app"]', 'star'],
  ])('%s is told with its field, and everything is denied instead', (_name, spec, field, words) => {
    const { value, standIn, problems } = convert(spec);
    expect(value).toBeUndefined();
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: 'error', field, message: expect.stringContaining(words) }),
    );
    expect(standIn).toMatchObject({ action: 'deny', failClosed: true });
    expect(standIn?.rules).toHaveLength(1);
  });

  it('denies where it was meant for, and no more', () => {
    const { standIn } = convert({ selector: { matchLabels: { app: 'web' } }, action: 'PERMIT' });
    expect(standIn?.selector).toEqual({ app: 'web' });
  });

  it('as a dry run or an audit denies nothing', () => {
    expect(convert({ action: 'PERMIT' }, { 'istio.io/dry-run': 'true' }).standIn?.dryRun).toBe(true);
    expect(convert({ action: 'AUDIT', rules: [{ form: [] }] }).standIn).toBeUndefined();
  });
});

it('a dry run of CUSTOM, which does nothing, is told', () => {
  const { value, problems } = convert(
    { action: 'CUSTOM', provider: { name: 'opa' }, rules: [{}] },
    { 'istio.io/dry-run': 'true' },
  );
  expect(value?.dryRun).toBe(true);
  expect(problems).toMatchObject([{ severity: 'warning', code: 'no-effect' }]);
});

describe('in a cluster', () => {
  const manifest = (spec: Manifest) => policyManifest('AuthorizationPolicy', 'it', spec);
  const good = manifest({ rules: [{ to: [{ operation: { paths: ['/good'] } }] }] });
  const broken = manifest({ rules: [{ form: [] }] });
  const key = objectKey('AuthorizationPolicy', 'sample', 'it');
  const held = (cluster: ClusterRegistry) => cluster.snapshot.policies.get(key) as AuthorizationPolicy;
  const codes = (cluster: ClusterRegistry) => cluster.status().problems.map(({ code }) => code);

  it('one that was never good denies everything and says so, until it is good', () => {
    const cluster = syncedCluster([broken]);
    expect(held(cluster)).toMatchObject({ action: 'deny', failClosed: true });
    expect(codes(cluster)).toContain('denies-everything');
    cluster.fold([changed(good)]);
    expect(held(cluster)).toMatchObject({ action: 'allow', failClosed: false });
    expect(codes(cluster)).toEqual([]);
  });

  it('one that breaks keeps what was good, and is good again when it is mended', () => {
    const cluster = syncedCluster([good]);
    const before = held(cluster);
    cluster.fold([changed(broken)]);
    expect(held(cluster)).toBe(before);
    expect(codes(cluster)).not.toContain('denies-everything');
    expect(codes(cluster)).toContain('unknown-field');
    cluster.fold([changed(manifest({ action: 'DENY', rules: [{}] }))]);
    expect(held(cluster)).toMatchObject({ action: 'deny', failClosed: false });
  });

  it('one that stays broken follows its selector, and is gone when it is deleted', () => {
    const cluster = syncedCluster([broken]);
    cluster.fold([changed(manifest({ selector: { matchLabels: { app: 'web' } }, rules: [{ form: [] }] }))]);
    expect(held(cluster)).toMatchObject({ selector: { app: 'web' }, failClosed: true });
    cluster.fold([deleted('AuthorizationPolicy', 'it')]);
    expect(held(cluster)).toBeUndefined();
    expect(codes(cluster)).toEqual([]);
  });
});

describe('a policy for targets of the Gateway API', () => {
  const targets = (...targetRefs: readonly Manifest[]) => convert({ targetRefs, rules: [{ form: [] }] }).standIn;

  it('is for the gateways that it names', () => {
    const { value, problems } = convert({ targetRefs: [edge, { ...edge, name: 'inner' }], rules: [{}] });
    expect(problems).toEqual([]);
    expect(value).toMatchObject({ selector: {}, targetGateways: ['edge', 'inner'] });
  });

  it('that is broken closes the gateways that it names, and no other workload', () => {
    expect(targets(edge)).toMatchObject({ action: 'deny', targetGateways: ['edge'] });
    expect(targets(edge, { kind: 'Service', name: 'web' })).toMatchObject({ targetGateways: ['edge'] });
  });

  it.each([
    [{ kind: 'Service', name: 'web' }, 'spec.targetRefs[0].kind', 'waypoints'],
    [{ ...edge, namespace: 'other' }, 'spec.targetRefs[0].namespace', 'another namespace'],
  ])('that names what it can not be for is told so', (target, field, words) => {
    const { value, problems } = convert({ targetRefs: [target], rules: [{}] });
    expect(value).toBeUndefined();
    expect(problems).toMatchObject([{ severity: 'error', field, message: expect.stringContaining(words) as unknown }]);
  });

  it('that names what only a waypoint would serve closes nothing', () => {
    expect(targets({ kind: 'Service', name: 'web' })).toBeUndefined();
  });
});

describe('a value of an AuthorizationPolicy that no request has', () => {
  it.each([
    ['a method in lower case', to({ methods: ['GET', 'post'] }), 'methods[1]', 'write "POST"'],
    ['a method in mixed case', to({ notMethods: ['Get'] }), 'notMethods[0]', 'write "GET"'],
    ['the beginning of a method in lower case', to({ methods: ['p*'] }), 'methods[0]', 'write "P*"'],
    ['a path without a slash', to({ paths: ['/hello', 'hello'] }), 'paths[1]', 'write "/hello"'],
    ['the beginning of a path without a slash', to({ notPaths: ['hello*'] }), 'notPaths[0]', 'write "/hello*"'],
    ['a method of gRPC without a slash', to({ paths: ['shop.Cart/Add'] }), 'paths[0]', 'write "/shop.Cart/Add"'],
    ['a path with a query', to({ paths: ['/hello?a=b'] }), 'paths[0]', 'leave that out'],
  ])('is said of %s, and the policy is taken', (_, spec, place, words) => {
    const { value, problems } = convert(spec);
    expect(value).toBeDefined();
    expect(problems).toMatchObject([
      { severity: 'warning', code: 'never-matches', field: `spec.rules[0].to[0].operation.${place}` },
    ]);
    expect(problems[0]?.message).toContain(words);
  });

  it.each([
    ['methods in capitals and a star', to({ methods: ['GET', '*', 'P*', '*T'] })],
    ['a method that someone made up', to({ methods: ['purge'] })],
    ['paths, their ends and a star', to({ paths: ['/a', '/a/*', '*suffix', '*.html', '*'] })],
    ['templates', to({ paths: ['/a/{*}', '/a/{**}'] })],
    ['a method of gRPC', to({ paths: ['/shop.Cart/Add', '/shop.Cart/*'] })],
  ])('is not said of %s', (_, spec) => {
    expect(convert(spec).problems).toEqual([]);
  });
});
