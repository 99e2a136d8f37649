// Which names lead to what: the forms that programs use, and what their resolvers make of them.

import { describe, expect, test } from 'vitest';
import { NameLookup } from '../../../../agent/dns/name-lookup.ts';
import type { NameTable_NameInfo } from '../../../../proto/generated/istio.networking.nds.v1.ts';

const kubernetes = (shortname: string, namespace: string, ...ips: string[]): NameTable_NameInfo => ({
  ips,
  registry: 'Kubernetes',
  shortname,
  namespace,
});

const names = new NameLookup(
  {
    table: {
      'helloworld.sample.svc.cluster.local': kubernetes('helloworld', 'sample', '240.240.1.1', '2001:2::1'),
      'sleep.other.svc.cluster.local': kubernetes('sleep', 'other', '10.96.0.2'),
      'web.sample.svc.cluster.local': kubernetes('web', 'sample', '10.1.0.5', '10.1.0.6'),
      'web-0.web.sample.svc.cluster.local': kubernetes('web-0.web', 'sample', '10.1.0.5'),
      'api.example.com': { ips: ['240.240.1.2'], registry: 'External' },
      '*.wild.example.com': { ips: ['240.240.1.3'], registry: 'External' },
      '*.deep.wild.example.com': { ips: ['240.240.1.4'], registry: 'External' },
      'sleep.sample': { ips: ['240.240.1.5'], registry: 'External' },
      'broken.example.com': { ips: ['not an address'] },
      'MiXed.Example.COM.': { ips: ['240.240.1.6'] },
    },
  },
  { namespace: 'sample', domain: 'svc.cluster.local', firstSearch: 'sample.svc.cluster.local' },
);

const hostOf = (name: string): string | undefined => names.find(name)?.known.host;
const helloworld = 'helloworld.sample.svc.cluster.local';

describe('a service', () => {
  test.each(['helloworld', 'helloworld.sample', 'helloworld.sample.svc', helloworld])('is found as %s', (name) => {
    expect(names.find(name)).toEqual({
      known: { host: helloworld, ipv4: ['240.240.1.1'], ipv6: ['2001:2::1'], ports: [] },
      standsFor: undefined,
    });
  });

  test('of another namespace is not found by its short name', () => {
    expect(hostOf('sleep')).toBeUndefined();
    expect(hostOf('sleep.other')).toBe('sleep.other.svc.cluster.local');
  });

  test.each([
    ['helloworld.sample.sample.svc.cluster.local', helloworld],
    [`${helloworld}.sample.svc.cluster.local`, helloworld],
    ['api.example.com.sample.svc.cluster.local', 'api.example.com'],
    ['a.wild.example.com.sample.svc.cluster.local', 'a.wild.example.com'],
  ])('is found when a resolver has lengthened its name to %s', (name, standsFor) => {
    expect(names.find(name)?.standsFor).toBe(standsFor);
  });

  test.each([
    'helloworld.svc',
    'helloworld.cluster.local',
    'nothing.sample.svc.cluster.local',
    '',
    'com',
    'api.example.com.other.svc.cluster.local',
  ])('is not found as "%s"', (name) => {
    expect(names.find(name)).toBeUndefined();
  });
});

test('pods of a headless service are found by their host names', () => {
  expect(names.find('web')?.known.ipv4).toEqual(['10.1.0.5', '10.1.0.6']);
  expect(names.find('web-0.web')?.known.ipv4).toEqual(['10.1.0.5']);
  expect(names.find('web-0.web.sample.svc.cluster.local')?.known.ipv4).toEqual(['10.1.0.5']);
  expect(names.find('web-1.web.sample.svc.cluster.local')).toBeUndefined();
});

test('of two wildcards the longer one is found, for names of any depth, never for itself', () => {
  expect(hostOf('a.wild.example.com')).toBe('*.wild.example.com');
  expect(hostOf('a.b.wild.example.com')).toBe('*.wild.example.com');
  expect(hostOf('a.deep.wild.example.com')).toBe('*.deep.wild.example.com');
  expect(hostOf('wild.example.com')).toBeUndefined();
});

test('a host that is called like the short name of another is that host', () => {
  expect(names.find('sleep.sample')?.known.ipv4).toEqual(['240.240.1.5']);
});

test('hosts are compared without case and the dot at the end, and those without an address are left out', () => {
  expect(hostOf('mixed.example.com')).toBe('mixed.example.com');
  expect(hostOf('broken.example.com')).toBeUndefined();
});

test('a pod whose resolver tries no suffix has no lengthened names', () => {
  const plain = new NameLookup(
    { table: { 'api.example.com': { ips: ['240.240.1.2'] } } },
    { namespace: 'sample', domain: 'svc.cluster.local', firstSearch: undefined },
  );
  expect(plain.find('api.example.com.sample.svc.cluster.local')).toBeUndefined();
});
