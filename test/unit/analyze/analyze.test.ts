// What is found between objects that are each valid: one promise a code, and silence where nothing is wrong.

import { describe, expect, test } from 'vitest';
import { analyze, mayChangeFindings } from '../../../discovery/analyze/analyze.ts';
import { noChange } from '../../../discovery/model/change-set.ts';
import { hostname, objectKey } from '../../../discovery/model/names.ts';
import { PersistentMap } from '../../../discovery/model/persistent-map.ts';
import type {
  AuthorizationPolicy,
  GatewayPolicy,
  PeerAuthenticationPolicy,
  Policy,
  SidecarPolicy,
  TelemetryPolicy,
} from '../../../discovery/model/policy.ts';
import type { Workload } from '../../../discovery/model/workload.ts';
import {
  destinationRule,
  endpoint,
  httpRoute,
  mesh,
  service,
  virtualService,
  type MeshParts,
} from '../../support/mesh-model.ts';

const host = 'store.default.svc.cluster.local';
const store = service('store', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.1'] } });
const v1 = endpoint('cluster-1/network1', '10.0.0.1', { http: 8080 }, { labels: { app: 'store', version: 'v1' } });

interface Scene extends MeshParts {
  readonly workloads?: readonly Workload[];
}

function found(parts: Scene): readonly string[] {
  return problemsOf(parts).map(({ code, object, field }) => `${code} ${object ?? ''} ${field ?? ''}`);
}

function problemsOf({ workloads = [], ...parts }: Scene): ReturnType<typeof analyze> {
  const made = mesh({ services: [store], endpoints: { [host]: [v1] }, ...parts });
  const byAddress = workloads.map((workload) => [workload.addresses[0] ?? '', workload] as const);
  return analyze({ ...made, workloads: PersistentMap.from(byAddress) });
}

const workload = (name: string, labels: Readonly<Record<string, string>>): Workload => {
  const { workload: identity, locality, network, tlsMode } = v1;
  return { identity: { ...identity, name }, addresses: [name], labels, locality, network, tlsMode, namedPorts: {} };
};
const pod = workload('10.0.0.1', { app: 'store', version: 'v1' });

const base = <K extends Policy['kind']>(kind: K, name: string, namespace = 'default') => ({
  kind,
  source: objectKey(kind, namespace, name),
  name,
  namespace,
  createdAtMs: 1,
  exportTo: [],
});

const peerAuthentication = (name: string, changes: Partial<PeerAuthenticationPolicy>): PeerAuthenticationPolicy => ({
  ...base('PeerAuthentication', name),
  selector: {},
  portModes: new Map(),
  ...changes,
});

const gateway = (name: string, hosts: readonly string[], changes: Partial<GatewayPolicy> = {}): GatewayPolicy => ({
  ...base('Gateway', name),
  selector: { app: 'ingress' },
  servers: [{ port: 80, name: 'http', protocol: 'http', hosts }],
  ...changes,
});

const authorization = (name: string, changes: Partial<AuthorizationPolicy>): AuthorizationPolicy => ({
  ...base('AuthorizationPolicy', name),
  selector: {},
  action: 'allow',
  rules: [],
  dryRun: false,
  anyTrustDomainAlias: false,
  failClosed: false,
  ...changes,
});

test('nothing is said of a mesh in which everything fits', () => {
  const policies = [
    virtualService('store', [host], [httpRoute([`${host}:80/v1`])]),
    destinationRule('store', host, { subsets: [{ name: 'v1', labels: { version: 'v1' }, trafficPolicy: {} }] }),
    peerAuthentication('store', { selector: { app: 'store' }, mode: 'strict' }),
    authorization('nothing', {}),
  ];
  expect(problemsOf({ policies, workloads: [pod] })).toEqual([]);
});

describe('a route', () => {
  const routeTo = (...destinations: readonly string[]) => virtualService('vs', [host], [httpRoute(destinations)]);

  test.each([
    ['an unknown host', 'other.default.svc.cluster.local', 'There is no service other.default'],
    ['an unknown port', `${host}:81`, 'has no port 81'],
    ['an unknown subset', `${host}:80/v9`, 'has no subset v9'],
  ])('to %s is found, with what happens and what to do', (_, destination, words) => {
    const [problem, ...rest] = problemsOf({ policies: [routeTo(destination)] });
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({
      code: 'unknown-destination',
      object: 'VirtualService/default/vs',
      field: 'spec.http[0].route[0].destination',
    });
    expect(problem?.message).toContain(words);
    expect(problem?.message).toContain('answered with 503; ');
  });

  test('to a service that is not exported to its namespace is found', () => {
    const hidden = service('store', ['http:80'], { exportTo: ['.'], namespace: 'shop' });
    const policies = [routeTo(host)];
    expect(found({ services: [hidden], policies })).toEqual([
      'unknown-destination VirtualService/default/vs spec.http[0].route[0].destination',
    ]);
  });

  test('copies to an unknown host are found where they are declared', () => {
    const mirrors = [{ destination: { host: hostname('nobody.example.com') }, percent: 100, field: 'mirror' }];
    const policies = [virtualService('vs', [host], [httpRoute([host], { mirrors })])];
    expect(found({ policies })).toEqual(['unknown-destination VirtualService/default/vs spec.http[0].mirror']);
  });

  test('of HTTP for a service without a port of HTTP is found', () => {
    const policies = [virtualService('vs', [host], [httpRoute([host])])];
    expect(found({ policies, services: [service('store', ['tcp:80'])] })).toEqual([
      'protocol-mismatch VirtualService/default/vs spec.http',
    ]);
  });
});

test('of two VirtualServices for one host the younger is named with the one that holds', () => {
  const younger = virtualService('young', [host], [httpRoute([host])], { createdAtMs: 2 });
  const policies = [virtualService('old', [host], [httpRoute([host])]), younger];
  const [problem] = problemsOf({ policies });
  expect(problem).toMatchObject({ code: 'conflicting-host', object: 'VirtualService/default/young' });
  expect(problem?.message).toContain('VirtualService/default/old is older');
});

describe('a DestinationRule', () => {
  test('for an unknown host is found', () => {
    expect(found({ policies: [destinationRule('dr', 'nobody.example.com')] })).toEqual([
      'unknown-host DestinationRule/default/dr spec.host',
    ]);
    expect(found({ policies: [destinationRule('dr', '*.default.svc.cluster.local')] })).toEqual([]);
  });

  test('with a subset that no endpoint is in is found, unless the host has no endpoint at all', () => {
    const subsets = [{ name: 'v2', labels: { version: 'v2' }, trafficPolicy: {} }];
    const policies = [destinationRule('dr', host, { subsets })];
    expect(found({ policies })).toEqual(['empty-subset DestinationRule/default/dr spec.subsets[0].labels']);
    expect(found({ policies, endpoints: {} })).toEqual([]);
  });

  test('of which an older one has the traffic policy and the subset is found for both', () => {
    const subsets = [{ name: 'v1', labels: { version: 'v1' }, trafficPolicy: {} }];
    const changes = { subsets, trafficPolicy: { tls: tls('istio-mutual') } };
    const policies = [
      destinationRule('old', host, changes),
      destinationRule('young', host, { ...changes, createdAtMs: 2 }),
    ];
    expect(found({ policies })).toEqual([
      'shadowed-policy DestinationRule/default/young spec.subsets[0].name',
      'shadowed-policy DestinationRule/default/young spec.trafficPolicy',
    ]);
  });

  test('that sends plain text to workloads that take only mutual TLS is found, and only there', () => {
    const rule = destinationRule('dr', host, { trafficPolicy: { tls: tls('disable') } });
    const strict = peerAuthentication('strict', { mode: 'strict' });
    expect(found({ policies: [rule, strict] })).toEqual([
      'mtls-conflict DestinationRule/default/dr spec.trafficPolicy.tls.mode',
    ]);
    expect(found({ policies: [rule, peerAuthentication('both', { mode: 'permissive' })] })).toEqual([]);
    const remote = { ...v1, clusterId: endpoint('cluster-2/network2', '10.1.0.1', {}).clusterId };
    expect(found({ policies: [rule, strict], endpoints: { [host]: [remote] } })).toEqual([]);
  });

  test('that insists on mutual TLS towards workloads without a proxy is found', () => {
    const rule = destinationRule('dr', host, { trafficPolicy: { tls: tls('istio-mutual') } });
    const bare = { ...v1, tlsMode: 'disabled' as const };
    expect(found({ policies: [rule], endpoints: { [host]: [bare] } })).toEqual([
      'mtls-conflict DestinationRule/default/dr spec.trafficPolicy.tls.mode',
    ]);
  });

  function tls(mode: 'disable' | 'istio-mutual') {
    return { mode, subjectAltNames: [], insecureSkipVerify: false };
  }
});

describe('a gateway', () => {
  const routed = virtualService('vs', ['shop.example.com'], [httpRoute([host])], { gateways: ['default/gw'] });
  const ingress = workload('10.0.0.9', { app: 'ingress' });

  test('that does not exist is found where a VirtualService names it', () => {
    expect(found({ policies: [routed] })).toEqual(['unknown-gateway VirtualService/default/vs spec.gateways[0]']);
  });

  test('that no workload serves is found', () => {
    const policies = [routed, gateway('gw', ['shop.example.com'])];
    expect(found({ policies, workloads: [pod] })).toEqual(['selects-nothing Gateway/default/gw spec.selector']);
    expect(found({ policies, workloads: [pod, ingress] })).toEqual([]);
  });

  test('with a host that no VirtualService has is found', () => {
    const policies = [routed, gateway('gw', ['shop.example.com', 'other.example.com'])];
    expect(found({ policies })).toEqual(['gateway-host-without-routes Gateway/default/gw spec.servers[0].hosts[1]']);
  });

  test('that takes none of the hosts of a VirtualService bound to it is found on both', () => {
    const policies = [routed, gateway('gw', ['other/*.example.com'])];
    expect(found({ policies })).toEqual([
      'gateway-host-without-routes Gateway/default/gw spec.servers[0].hosts[0]',
      'host-not-at-gateway VirtualService/default/vs spec.gateways[0]',
    ]);
  });

  test('between networks needs no routes', () => {
    const servers = [
      {
        port: 15_443,
        name: 'tls',
        protocol: 'tls' as const,
        hosts: ['*.local'],
        tlsMode: 'auto-passthrough' as const,
      },
    ];
    expect(found({ policies: [gateway('east-west', [], { servers })] })).toEqual([]);
  });
});

describe('a policy for workloads', () => {
  test('that selects none is found, unless no workload is known there', () => {
    const policies = [
      peerAuthentication('pa', { selector: { app: 'nobody' }, mode: 'strict' }),
      authorization('ap', { selector: { app: 'nobody' } }),
    ];
    expect(found({ policies, workloads: [pod] })).toEqual([
      'selects-nothing AuthorizationPolicy/default/ap spec.selector.matchLabels',
      'selects-nothing PeerAuthentication/default/pa spec.selector.matchLabels',
    ]);
    expect(found({ policies })).toEqual([]);
  });

  test('of which an older one takes the place is found', () => {
    const policies = [
      peerAuthentication('old', { mode: 'strict' }),
      peerAuthentication('young', { mode: 'permissive' }),
    ];
    expect(found({ policies })).toEqual(['shadowed-policy PeerAuthentication/default/young spec']);
  });
});

describe('an AuthorizationPolicy', () => {
  const exact = (value: string) => ({ kind: 'exact' as const, value });
  const rule = (source: AuthorizationPolicy['rules'][number]['sources'][number]) => ({
    sources: [source],
    operations: [],
    conditions: [],
  });

  test.each([
    ['of a namespace in which nothing is', { namespaces: { values: [exact('nowhere')], notValues: [] } }, 'namespaces'],
    [
      'of a foreign trust domain',
      { principals: { values: [exact('td.example/ns/a/sa/b')], notValues: [] } },
      'principals',
    ],
    [
      'that it excludes again',
      { principals: { values: [exact('cluster.local/ns/a/sa/b')], notValues: [exact('cluster.local/ns/a/sa/b')] } },
      'principals',
    ],
  ])('that allows only callers %s is found', (_, source, field) => {
    const [problem, ...rest] = problemsOf({ policies: [authorization('ap', { rules: [rule(source)] })] });
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({ code: 'never-matches', field: `spec.rules[0].from[0].source.${field}` });
    expect(problem?.message).toContain('the policy allows nothing at all');
  });

  test('whose provider MeshConfig does not have is found', () => {
    const policies = [authorization('ap', { action: 'custom', provider: 'missing', rules: [rule({})] })];
    expect(found({ policies })).toEqual(['unknown-provider AuthorizationPolicy/default/ap spec.provider.name']);
  });
});

describe('a Sidecar', () => {
  const sidecar = (namespace: string, name: string): SidecarPolicy => ({
    ...base('Sidecar', 'it'),
    selector: {},
    egress: [{ hosts: [{ namespace, host: hostname(name) }], uncaptured: false }],
    ingress: [],
  });

  test('that names a host which does not exist is found', () => {
    const [problem] = problemsOf({ policies: [sidecar('*', 'gone.example.com')] });
    expect(problem).toMatchObject({ code: 'unknown-host', field: 'spec.egress[0].hosts[0]' });
    expect(problem?.message).toContain('There is no service gone.example.com, so');
  });

  test.each([
    ['default', 'default/store.default.svc.cluster.local'],
    ['other', 'other/store.other.svc.cluster.local'],
    ['.', './store.default.svc.cluster.local'],
  ])('that names a service of %s shortly is found, with the full name', (namespace, full) => {
    const [problem] = problemsOf({ policies: [sidecar(namespace, 'store')] });
    expect(problem).toMatchObject({ code: 'unknown-host', field: 'spec.egress[0].hosts[0]' });
    expect(problem?.message).toBe(
      'store is not the full name of any host, so nothing can be called because of this entry; ' +
        `write the full name, as in ${full}.`,
    );
  });
});

describe('a Telemetry', () => {
  const telemetry = (changes: Partial<TelemetryPolicy>): TelemetryPolicy => ({
    ...base('Telemetry', 'it'),
    selector: {},
    accessLogging: [],
    tracing: [],
    metrics: [],
    ...changes,
  });
  const declared = { extensionProviders: [{ kind: 'file-log' as const, name: 'file', path: '/dev/stdout' }] };
  const mode = 'client-and-server' as const;

  test('that names providers which MeshConfig does not have is found, by their fields', () => {
    const policies = [
      telemetry({
        accessLogging: [{ mode, disabled: false, providers: ['file', 'fiel'] }],
        tracing: [{ mode, providers: ['zipkin'], tags: {} }],
        metrics: [{ providers: ['prometeus'], overrides: [] }],
      }),
    ];
    expect(found({ policies, config: declared })).toEqual([
      'unknown-provider Telemetry/default/it spec.accessLogging[0].providers[1].name',
      'unknown-provider Telemetry/default/it spec.metrics[0].providers[0].name',
      'unknown-provider Telemetry/default/it spec.tracing[0].providers[0].name',
    ]);
  });

  test('that names a provider for what it does not do is found', () => {
    const [problem] = problemsOf({
      policies: [telemetry({ tracing: [{ mode, providers: ['file'], tags: {} }] })],
      config: declared,
    });
    expect(problem?.message).toBe(
      'MeshConfig has no extension provider file that takes spans, so nothing is traced; ' +
        'declare it in extensionProviders, or correct the name.',
    );
  });

  test('that names what is declared, and what is there anyway, is not', () => {
    const accessLogging = [{ mode, disabled: false, providers: ['file', 'envoy'] }];
    const policies = [telemetry({ accessLogging, metrics: [{ providers: ['prometheus'], overrides: [] }] })];
    expect(found({ policies, config: declared })).toEqual([]);
  });
});

test('an export to a namespace in which nothing is is found, of policies and of services', () => {
  const exported = service('store', ['http:80'], { exportTo: ['nowhere', '.'] });
  const policies = [destinationRule('dr', host, { exportTo: ['nowhere'] })];
  expect(found({ services: [exported], policies })).toEqual([
    'unknown-namespace DestinationRule/default/dr spec.exportTo',
    'unknown-namespace Service/default/store metadata.annotations["networking.istio.io/exportTo"]',
  ]);
});

test('endpoints that come and go are no reason to look again', () => {
  expect(mayChangeFindings({ ...noChange, endpoints: new Set([hostname(host)]) })).toBe(false);
  expect(mayChangeFindings({ ...noChange, workloads: new Set(['10.0.0.1']) })).toBe(true);
});
