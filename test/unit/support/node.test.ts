// What the node for tests works out before it starts anything: images, environments, fields it lacks, rules of services.

import { expect, it } from 'vitest';
import { programOf } from '../../support/node/images.ts';
import { unknownFields } from '../../support/node/known-fields.ts';
import { commandLine, environmentOf, expand } from '../../support/node/pod-environment.ts';
import { divided } from '../../support/node/quantity.ts';
import { serviceRules } from '../../support/node/service-rules.ts';

const place = { podIp: '10.244.1.2', hostIp: '172.30.1.1', nodeName: 'node-1' };

it('finds the program of an image whatever its registry and tag, a listed tag first', () => {
  const any = { cmd: ['any'] };
  const second = { cmd: ['second'] };
  const table = { 'istio/hello': any, 'istio/hello:v2': second, curl: any };
  expect(programOf(table, 'docker.io/istio/hello:v1')).toBe(any);
  expect(programOf(table, 'registry.example:5000/istio/hello:v2@sha256:00')).toBe(second);
  expect(programOf(table, 'docker.io/library/curl')).toBe(any);
  expect(programOf(table, 'docker.io/istio/other')).toBeUndefined();
});

it('expands variables that are known and leaves the others', () => {
  expect(expand('$(A) $$(A) $(B) $A', { A: '1' })).toBe('1 $(A) $(B) $A');
});

it('puts the command in the place of the entrypoint, and drops what the image would have added', () => {
  const image = { entrypoint: ['program'], cmd: ['default'] };
  expect(commandLine({ name: 'c' }, image, {})).toEqual(['program', 'default']);
  expect(commandLine({ name: 'c', args: ['$(A)'] }, image, { A: 'one' })).toEqual(['program', 'one']);
  expect(commandLine({ name: 'c', command: ['other'] }, image, {})).toEqual(['other']);
});

it('refuses an environment that refers to what is not there, unless that is optional', () => {
  const references = { configMap: () => undefined, secret: () => undefined };
  const withKey = (optional: boolean): ReturnType<typeof environmentOf> =>
    environmentOf({
      pod: {},
      place,
      references,
      base: { PATH: '/bin' },
      container: { name: 'c', env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'm', key: 'k', optional } } }] },
    });
  expect(withKey(true)).toEqual({ PATH: '/bin' });
  expect(() => withKey(false)).toThrow('configMap "m" not found');
});

it('rounds quantities up to whole divisors', () => {
  expect(divided('100m')).toBe('1');
  expect(divided('1Gi', '1Mi')).toBe('1024');
  expect(divided('2', '1m')).toBe('2000');
  expect(() => divided('many')).toThrow('"many" is not a quantity');
});

it('names each field that it does not carry out', () => {
  const containers = [{ name: 'c', volumeDevices: [{ name: 'd', devicePath: '/d' }] }];
  const volumes = [{ name: 'v', hostPath: { path: '/' } }];
  expect(unknownFields({ spec: { containers, volumes, hostPID: true } })).toEqual([
    'spec.containers[0].volumeDevices',
    'spec.volumes[0].hostPath',
    'spec.hostPID',
  ]);
});

it('gives each target of a service the same chance, and leaves out those that are not ready', () => {
  const endpoint = (address: string, ready: boolean): { addresses: string[]; conditions: { ready: boolean } } => ({
    addresses: [address],
    conditions: { ready },
  });
  const metadata = { name: 'hello', namespace: 'sample' };
  const slice = {
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'hello' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 5000 }],
    endpoints: [endpoint('10.244.1.4', true), endpoint('10.244.1.3', true), endpoint('10.244.1.5', false)],
  };
  const spec = { clusterIP: '10.96.0.9', ports: [{ name: 'http', port: 80 }] };
  const router = { serviceRange: '10.96.0.0/16', address: '172.30.1.1', podDevice: 'eth0', linkDevice: 'eth1' };
  const state = { services: [{ metadata, spec }], slices: [slice], loadBalancers: new Map() };
  const lines = serviceRules(router, state).split('\n');
  expect(lines.filter((line) => line.includes('DNAT --to'))).toEqual([
    '-A SERVICES -d 10.96.0.9 -p tcp --dport 80 -m statistic --mode random --probability 0.50000000 -j DNAT --to-destination 10.244.1.3:5000',
    '-A SERVICES -d 10.96.0.9 -p tcp --dport 80 -j DNAT --to-destination 10.244.1.4:5000',
  ]);
});
