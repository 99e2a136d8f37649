// Istio's mesh-wide configuration, in the forms in which it is kept.

import { describe, expect, it } from 'vitest';
import { parseMeshSettings, readMeshConfig } from '../../../discovery/convert/mesh-config.ts';
import { parseDuration } from '../../../discovery/convert/duration.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';

const defaults = { config: defaultMeshConfig, meshNetworks: noMeshNetworks };
const parse = (text: string) => parseMeshSettings(text, 'mesh.yaml', defaults);

const mesh = `
trustDomain: example.org
trustDomainAliases: [old.example.org]
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
connectTimeout: 3s
accessLogFile: /dev/stdout
enableAutoMtls: false
serviceSettings:
- settings: {clusterLocal: true}
  hosts: ["*.Sample.svc.cluster.local"]
`;
const networks = `
networks:
  network2:
    endpoints: [{fromRegistry: cluster-2}, {fromCidr: 10.2.0.0/16}]
    gateways: [{address: 192.0.2.1, port: 15443}, {registryServiceName: gw.istio-system.svc.cluster.local, port: 443}]
`;
const indent = (text: string): string => text.replaceAll('\n', '\n    ');

describe('mesh configuration', () => {
  it.each([
    ['a ConfigMap', `kind: ConfigMap\ndata:\n  mesh: |${indent(mesh)}\n  meshNetworks: |${indent(networks)}\n`],
    ['its two parts', `mesh:${indent(mesh)}\nmeshNetworks:${indent(networks)}\n`],
  ])('is read from %s', (_name, text) => {
    const { value, problems } = parse(text);
    expect(problems).toEqual([]);
    expect(value?.config).toEqual({
      ...defaultMeshConfig,
      trustDomain: 'example.org',
      trustDomainAliases: ['old.example.org'],
      outboundTrafficPolicy: 'registry-only',
      connectTimeoutMs: 3_000,
      accessLogFile: '/dev/stdout',
      enableAutoMtls: false,
      clusterLocalHosts: [{ host: '*.sample.svc.cluster.local', clusterLocal: true }],
    });
    expect(value?.meshNetworks.networks).toEqual([
      {
        network: 'network2',
        fromRegistries: ['cluster-2'],
        fromCidrs: ['10.2.0.0/16'],
        gateways: [
          { kind: 'address', address: '192.0.2.1', port: 15_443 },
          { kind: 'service', host: 'gw.istio-system.svc.cluster.local', port: 443 },
        ],
      },
    ]);
  });

  it('says how near endpoints should be', () => {
    const settings =
      '{distribute: [{from: r1/*, to: {r1/a: 70, "*": 30}}], failover: [{from: r1, to: r2}], failoverPriority: [tier]}';
    expect(parse(`localityLbSetting: ${settings}`).value?.config.localityLb).toEqual({
      enabled: true,
      distribute: [
        {
          from: 'r1/*',
          to: [
            { place: '*', percent: 30 },
            { place: 'r1/a', percent: 70 },
          ],
        },
      ],
      failover: [{ from: 'r1', to: 'r2' }],
      failoverPriority: ['tier'],
    });
    expect(parse('localityLbSetting: {enabled: false}').value?.config.localityLb?.enabled).toBe(false);
    expect(parse('localityLbSetting: {}').value?.config.localityLb?.enabled).toBe(true);
    expect(parse('trustDomain: a.b').value?.config.localityLb).toBeUndefined();
    const { problems } = parse('localityLbSetting: {distribute: [{from: "*", to: {r1: 70}}]}');
    expect(problems.map(({ severity, field }) => [severity, field])).toEqual([
      ['error', 'localityLbSetting.distribute[0].to'],
    ]);
  });

  it('is read from a bare MeshConfig, and from nothing', () => {
    expect(parse(mesh).value?.config.trustDomain).toBe('example.org');
    expect(parse('').value).toEqual(defaults);
  });

  it('tells which fields have no effect', () => {
    const { value, problems } = parse('trustDomain: a.b\nenableTracing: true\ntrustDomian: x\n');
    expect(value?.config.trustDomain).toBe('a.b');
    expect(problems.map(({ severity, field }) => [severity, field])).toEqual([
      ['warning', 'enableTracing'],
      ['warning', 'trustDomian'],
    ]);
  });

  it.each([
    ['trustDomain: [', 'yaml-syntax'],
    ['connectTimeout: soon', 'invalid-duration'],
    ['outboundTrafficPolicy: {mode: NONE}', 'invalid-value'],
    ['just text', 'not-an-object'],
    ['meshNetworks: {networks: {n: {endpoints: [{fromCidr: 10.0.0.0/99}]}}}', 'invalid-address'],
    ['meshNetworks: {networks: {n: {gateways: [{address: gw.example.com, port: 1}]}}}', 'invalid-address'],
    ['meshNetworks: {networks: {n: {gateways: [{address: 10.0.0.1}]}}}', 'missing-field'],
  ])('that says %j is refused as a whole', (text, code) => {
    const { value, problems } = parse(text);
    expect(value).toBeUndefined();
    expect(problems).toMatchObject([{ severity: 'error', code, origin: { place: 'mesh.yaml' } }]);
  });
});

describe('a duration', () => {
  it.each([
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['1m30s', 90_000],
    ['250ms', 250],
    ['0s', 0],
    ['5', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['5s ', undefined],
    ['', undefined],
  ])('%j is %s ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
});

it('gatewayTopology says who stands in front of gateways, and what is not obeyed of it is told', () => {
  const read = (gatewayTopology: object) =>
    readMeshConfig({ defaultConfig: { concurrency: 2, gatewayTopology } }, 'mesh', defaultMeshConfig);
  const known = read({ numTrustedProxies: 2, forwardClientCertDetails: 'APPEND_FORWARD' });
  expect(known.problems).toEqual([]);
  expect(known.value?.gatewayTopology).toEqual({ trustedProxies: 2, clientCertificate: 'append-forward' });
  expect(read({ proxyProtocol: {} }).problems).toMatchObject([{ severity: 'warning' }]);
  expect(read({ numTrustedProxies: -1 }).value).toBeUndefined();
});
