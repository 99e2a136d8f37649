// Which of several VirtualServices and DestinationRules holds for a host.

import { describe, expect, test } from 'vitest';
import { hostname } from '../../../discovery/model/names.ts';
import type { DestinationRulePolicy, VirtualServicePolicy } from '../../../discovery/model/policy.ts';
import { findDestinationRule, findVirtualService } from '../../../server/view/policy-lookup.ts';
import { clientTls, destinationRule, mesh, virtualService } from '../../support/mesh-model.ts';

const host = hostname('web.shop.svc.cluster.local');
const namespaces = { client: 'default', service: 'shop', root: 'istio-system' };

const found = (...policies: readonly VirtualServicePolicy[]) =>
  findVirtualService(mesh({ policies }).policies, host, 'mesh', namespaces)?.source;
const foundRule = (...policies: readonly DestinationRulePolicy[]) =>
  findDestinationRule(mesh({ policies }).policies, host, namespaces);
const from = (fullName: string, hosts: readonly string[] = [host], changes: Partial<VirtualServicePolicy> = {}) =>
  virtualService(fullName, hosts, [], changes);
const subset = (name: string, version: string) => ({ name, labels: { version }, trafficPolicy: {} });

describe('a VirtualService', () => {
  test('of the client holds before one of the service before one of the root namespace before others', () => {
    const all = [from('other/a'), from('istio-system/a'), from('shop/a'), from('default/a')];
    expect(found(...all)).toBe('VirtualService/default/a');
    expect(found(...all.slice(0, 3))).toBe('VirtualService/shop/a');
    expect(found(...all.slice(0, 2))).toBe('VirtualService/istio-system/a');
    expect(found(...all.slice(0, 1))).toBe('VirtualService/other/a');
  });

  test('for the host itself holds before one for a wildcard, and the longer wildcard before the shorter', () => {
    const wide = from('default/wide', ['*.cluster.local']);
    const narrow = from('other/narrow', ['*.shop.svc.cluster.local']);
    expect(found(wide, narrow)).toBe('VirtualService/other/narrow');
    expect(found(wide, narrow, from('other/exact'))).toBe('VirtualService/other/exact');
    expect(found(from('default/none', ['*.other.svc.cluster.local']))).toBeUndefined();
  });

  test('holds only where it is exported to and for the gateways it names', () => {
    expect(found(from('shop/a', [host], { exportTo: ['.'] }))).toBeUndefined();
    expect(found(from('shop/a', [host], { exportTo: ['default'] }))).toBe('VirtualService/shop/a');
    expect(found(from('shop/a', [host], { gateways: ['shop/gw'] }))).toBeUndefined();
  });
});

describe('a DestinationRule', () => {
  test('with a pattern is looked for in one namespace after the other, however long patterns elsewhere are', () => {
    const rule = (fullName: string, pattern: string) => destinationRule(fullName, hostname(pattern), {});
    const stranger = rule('other/all', '*.shop.svc.cluster.local');
    const root = rule('istio-system/all', '*.local');
    expect(foundRule(stranger, root)?.source).toBe('DestinationRule/istio-system/all');
    const service = rule('shop/all', '*.shop.svc.cluster.local');
    expect(foundRule(stranger, root, service)?.source).toBe('DestinationRule/shop/all');
    const client = rule('default/all', '*.svc.cluster.local');
    expect(foundRule(stranger, root, service, client)?.source).toBe('DestinationRule/default/all');
  });

  test('of an unrelated namespace never holds', () => {
    expect(foundRule(destinationRule('other/a', host))).toBeUndefined();
  });

  test('of the client holds before one of the service before one of the root namespace', () => {
    const all = ['istio-system/a', 'shop/a', 'default/a'].map((name) => destinationRule(name, host));
    expect(foundRule(...all)?.namespace).toBe('default');
    expect(foundRule(...all.slice(0, 2))?.namespace).toBe('shop');
    expect(foundRule(...all.slice(0, 1))?.namespace).toBe('istio-system');
  });

  test('is one with others of its namespace for the same host: subsets of all, policy of the oldest', () => {
    const merged = foundRule(
      destinationRule('shop/a', host, { trafficPolicy: { tls: clientTls('disable') }, subsets: [subset('v1', '1')] }),
      destinationRule('shop/b', host, { subsets: [subset('v1', 'other'), subset('v2', '2')] }),
    );
    expect(merged?.trafficPolicy).toEqual({ tls: clientTls('disable') });
    expect(merged?.subsets).toEqual([subset('v1', '1'), subset('v2', '2')]);
  });
});
