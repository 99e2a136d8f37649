// What a Service declares, and what is wrong with one.

import { describe, expect, it } from 'vitest';
import { convertService, type ServiceDeclaration } from '../../../discovery/convert/service.ts';
import { selectProtocol } from '../../../discovery/convert/protocol.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { objectOf, serviceManifest, type Manifest, type ManifestOptions } from '../../support/kube-objects.ts';

const context = { clusterId: clusterId('cluster-1'), domain: 'cluster.local' };
const convert = (spec: Manifest, options: ManifestOptions = {}, status: Manifest = {}) =>
  convertService(objectOf({ ...serviceManifest('one', spec, options), status }), context);
const declared = (...args: Parameters<typeof convert>): ServiceDeclaration => {
  const { value, problems } = convert(...args);
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
};

describe('a Service', () => {
  it('has the host NAME.NAMESPACE.svc.DOMAIN', () => {
    expect(declared({}).service.host).toBe('one.sample.svc.cluster.local');
  });

  it.each([
    ['a virtual IP', { clusterIP: '10.96.0.1' }, 'cluster-ip', ['10.96.0.1']],
    ['no address yet', {}, 'cluster-ip', []],
    [
      'both families',
      { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'FD00:0::1'] },
      'cluster-ip',
      ['10.96.0.1', 'fd00::1'],
    ],
    ['no virtual IP on purpose', { clusterIP: 'None' }, 'headless', []],
  ])('with %s', (_name, spec, kind, addresses) => {
    expect(declared(spec).service).toMatchObject({ kind, addresses });
  });

  it('of type ExternalName names another host', () => {
    const { service } = declared({ type: 'ExternalName', externalName: 'Example.COM', ports: [], selector: undefined });
    expect(service).toMatchObject({ kind: 'external-name', externalName: 'example.com' });
    expect(service.selector).toBeUndefined();
  });

  it('has target ports by number, by name, or the port itself, and no UDP ports', () => {
    const { service, namedTargets } = declared({
      ports: [
        { name: 'http-a', port: 81, targetPort: 8081 },
        { name: 'http-b', port: 80, targetPort: 'web' },
        { name: 'tcp-c', port: 82 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    });
    expect(service.ports).toEqual([
      { name: 'http-b', port: 80, protocol: 'http' },
      { name: 'http-a', port: 81, protocol: 'http', targetPort: 8081 },
      { name: 'tcp-c', port: 82, protocol: 'tcp', targetPort: 82 },
    ]);
    expect(namedTargets).toEqual({ 'http-b': 'web' });
  });

  it('is visible where its annotation says', () => {
    const exportTo = (text: string) =>
      declared({}, { annotations: { 'networking.istio.io/exportTo': text } }).service.exportTo;
    expect(exportTo('., other')).toEqual(['.', 'other']);
    expect(exportTo('*')).toEqual(['*']);
    expect(exportTo('')).toEqual([]);
  });

  it('labelled with a network is its gateway, by load balancer and external addresses', () => {
    const { gateway, entryPoints } = declared(
      { externalIPs: ['192.0.2.9'] },
      { labels: { 'topology.istio.io/network': 'network1', 'networking.istio.io/gatewayPort': '443' } },
      { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'LB.example.com' }] } },
    );
    expect(gateway).toEqual({ network: 'network1', port: 443 });
    expect(entryPoints).toMatchObject({ addresses: ['192.0.2.1', '192.0.2.9'], hostnames: ['lb.example.com'] });
    expect(declared({}, { labels: { 'topology.istio.io/network': 'n' } }).gateway?.port).toBe(15_443);
  });

  it.each<[string, Manifest, ManifestOptions, string, string]>([
    ['a port above 65535', { ports: [{ port: 70_000 }] }, {}, 'spec.ports[0].port', 'invalid-port'],
    ['a port in words', { ports: [{ port: 'http' }] }, {}, 'spec.ports[0].port', 'invalid-port'],
    ['no port number', { ports: [{ name: 'a' }] }, {}, 'spec.ports[0].port', 'missing-field'],
    [
      'a target that is no port name',
      { ports: [{ port: 1, targetPort: 'Not A Name' }] },
      {},
      'spec.ports[0].targetPort',
      'invalid-port',
    ],
    [
      'two ports of one name',
      {
        ports: [
          { name: 'a', port: 1 },
          { name: 'a', port: 2 },
        ],
      },
      {},
      'spec.ports[1].name',
      'duplicate-port',
    ],
    [
      'one number twice',
      {
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 1 },
        ],
      },
      {},
      'spec.ports[1].port',
      'duplicate-port',
    ],
    [
      'a nameless port of several',
      { ports: [{ port: 1 }, { name: 'b', port: 2 }] },
      {},
      'spec.ports[0].name',
      'missing-field',
    ],
    [
      'an unknown transport',
      { ports: [{ port: 1, protocol: 'QUIC' }] },
      {},
      'spec.ports[0].protocol',
      'invalid-protocol',
    ],
    ['a virtual IP that is none', { clusterIP: '10.0.0.256' }, {}, 'spec.clusterIP', 'invalid-address'],
    ['an external IP that is none', { externalIPs: ['nowhere'] }, {}, 'spec.externalIPs[0]', 'invalid-address'],
    ['an ExternalName without a name', { type: 'ExternalName' }, {}, 'spec.externalName', 'missing-field'],
    [
      'an ExternalName that is no name',
      { type: 'ExternalName', externalName: 'not a host!' },
      {},
      'spec.externalName',
      'invalid-address',
    ],
    ['a selector that is a list', { selector: ['app'] }, {}, 'spec.selector', 'invalid-type'],
    [
      'a gateway port in words',
      {},
      { labels: { 'topology.istio.io/network': 'n', 'networking.istio.io/gatewayPort': 'x' } },
      'metadata.labels["networking.istio.io/gatewayPort"]',
      'invalid-port',
    ],
    [
      'a node selector that is no JSON',
      {},
      { annotations: { 'traffic.istio.io/nodeSelector': 'all' } },
      'metadata.annotations["traffic.istio.io/nodeSelector"]',
      'invalid-annotation',
    ],
    [
      'an export to no namespace',
      {},
      { annotations: { 'networking.istio.io/exportTo': 'A_b' } },
      'metadata.annotations["networking.istio.io/exportTo"]',
      'invalid-export',
    ],
  ])('with %s is refused, naming the field, the consequence and the remedy', (_name, spec, options, field, code) => {
    const { value, problems } = convert(spec, options);
    expect(value).toBeUndefined();
    expect(problems[0]).toMatchObject({ severity: 'error', code, field, object: 'Service/sample/one' });
    expect(problems[0]?.message).toContain('what was good of it before stays');
  });
});

describe('the protocol of a port', () => {
  it.each([
    ['http', undefined, 'http'],
    ['http-web', undefined, 'http'],
    ['HTTP2-web', undefined, 'http2'],
    ['grpc', undefined, 'grpc'],
    ['grpc-web', undefined, 'grpc'],
    ['https-x', undefined, 'https'],
    ['tls', undefined, 'tls'],
    ['mongo', undefined, 'mongo'],
    ['web-http', undefined, 'tcp'],
    ['', undefined, 'tcp'],
    ['tcp', 'http', 'http'],
    ['http', 'tcp', 'tcp'],
    ['x', 'kubernetes.io/h2c', 'http2'],
    ['x', 'kubernetes.io/ws', 'http'],
    ['http', 'example.com/own', 'tcp'],
  ])('named %j with appProtocol %j is %s', (name, appProtocol, protocol) => {
    expect(selectProtocol(name, appProtocol)).toBe(protocol);
  });
});
