// What declared configuration becomes, and that nothing in it is ignored silently.

import { describe, expect, it } from 'vitest';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';

const convert = (kind: string, spec: unknown) => {
  const conversion = convertPolicy(objectOf(policyManifest(kind, 'it', spec)), { domain: 'cluster.local' });
  if (conversion === undefined) throw new Error(`${kind} is no policy`);
  return conversion;
};
const policy = (kind: string, spec: unknown): Policy => {
  const { value, problems } = convert(kind, spec);
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
};
const to = (host: string, extra: object = {}) => ({ destination: { host, ...extra } });
const virtualService = (http: object, extra: object = {}) => ({ hosts: ['one'], http: [http], ...extra });
const route = (extra: object) => virtualService({ route: [to('one')], ...extra });
const match = (value: object) => route({ match: [value] });
const rule = (extra: object) => ({ host: 'one', ...extra });
const server = {
  port: { number: 15_443, name: 'tls', protocol: 'TLS' },
  hosts: ['*.local'],
  tls: { mode: 'AUTO_PASSTHROUGH' },
};

it('takes regular expressions that RE2 takes', () => {
  for (const regex of [
    'a{1000}b{1000}',
    String.raw`\({999}[{2000}(]x{2}`,
    '(a{30}b{30}){30}',
    '(?P<n>a)(?i)b',
    '{x}',
  ]) {
    expect(convert('VirtualService', match({ uri: { regex } })).problems).toEqual([]);
  }
});

describe('a VirtualService', () => {
  it('completes names without a dot in its own namespace', () => {
    const it = policy('VirtualService', {
      hosts: ['one', 'two.other', '*.Example.com'],
      http: [{ route: [to('one')] }],
    });
    expect(it).toMatchObject({
      source: 'VirtualService/sample/it',
      hosts: ['one.sample.svc.cluster.local', 'two.other', '*.example.com'],
      gateways: ['mesh'],
      http: [{ destinations: [{ destination: { host: 'one.sample.svc.cluster.local' }, weight: 100 }] }],
    });
  });

  it('splits by weights over subsets', () => {
    const routes = [
      { ...to('one', { subset: 'v1', port: { number: 80 } }), weight: 90 },
      { ...to('one', { subset: 'v2' }), weight: 10 },
      to('one', { subset: 'v3' }),
    ];
    expect(policy('VirtualService', virtualService({ route: routes }))).toMatchObject({
      http: [
        {
          destinations: [
            { destination: { subset: 'v1', port: 80 }, weight: 90 },
            { destination: { subset: 'v2' }, weight: 10 },
            { destination: { subset: 'v3' }, weight: 0 },
          ],
        },
      ],
    });
  });

  it('matches, rewrites, times out, retries and edits headers', () => {
    const it = policy(
      'VirtualService',
      virtualService({
        name: 'r',
        match: [
          {
            uri: { prefix: '/a' },
            headers: { 'X-B': { exact: '1' }, 'X-A': {} },
            method: { regex: 'GET|PUT' },
            gateways: ['gw', 'mesh'],
          },
        ],
        route: [to('one')],
        rewrite: { uri: '/b' },
        timeout: '1.5s',
        retries: { attempts: 2, perTryTimeout: '500ms', retryOn: '5xx, 503' },
        headers: { request: { set: { 'X-C': 'c' }, remove: ['X-D'] } },
      }),
    );
    expect(it).toMatchObject({
      http: [
        {
          name: 'r',
          matches: [
            {
              uri: { kind: 'prefix', value: '/a' },
              headers: [
                { name: 'x-a', match: { kind: 'present' } },
                { name: 'x-b', match: { kind: 'exact', value: '1' } },
              ],
              gateways: ['sample/gw', 'mesh'],
            },
          ],
          rewrite: { uri: '/b' },
          timeoutMs: 1_500,
          retries: { attempts: 2, perTryTimeoutMs: 500, retryOn: '5xx,503' },
          headers: { request: { set: { 'x-c': 'c' }, add: {}, remove: ['x-d'] } },
        },
      ],
    });
  });

  it('redirects, or answers itself', () => {
    expect(policy('VirtualService', virtualService({ redirect: { uri: '/x', redirectCode: 308 } }))).toMatchObject({
      http: [{ redirect: { uri: '/x', redirectCode: 308 }, destinations: [] }],
    });
    expect(
      policy('VirtualService', virtualService({ directResponse: { status: 503, body: { string: 'no' } } })),
    ).toMatchObject({
      http: [{ directResponse: { status: 503, body: 'no' } }],
    });
  });

  it('takes what only costs information, with a warning', () => {
    const { value, problems } = convert('VirtualService', match({ uri: { exact: '/' }, statPrefix: 'x' }));
    expect(value).toBeDefined();
    expect(problems).toMatchObject([{ severity: 'warning', field: 'spec.http[0].match[0].statPrefix' }]);
  });

  it('may be bound to a gateway alone', () => {
    const it = convert('VirtualService', virtualService({ route: [to('one')] }, { gateways: ['gw', 'other/gw'] }));
    expect(it).toMatchObject({ value: { gateways: ['sample/gw', 'other/gw'] }, problems: [] });
  });
});

describe('a DestinationRule', () => {
  it('has subsets, a load balancer, a TLS mode and overrides by port', () => {
    const it = policy(
      'DestinationRule',
      rule({
        trafficPolicy: {
          loadBalancer: { simple: 'LEAST_REQUEST' },
          connectionPool: { tcp: { connectTimeout: '2s' } },
          portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }],
        },
        subsets: [
          { name: 'v1', labels: { version: 'v1' }, trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } },
        ],
        exportTo: ['.'],
      }),
    );
    expect(it).toMatchObject({
      host: 'one.sample.svc.cluster.local',
      exportTo: ['.'],
      trafficPolicy: { loadBalancer: 'least-request', connectTimeoutMs: 2_000 },
      portPolicies: new Map([[80, { tlsMode: 'disable' }]]),
      subsets: [{ name: 'v1', labels: { version: 'v1' }, trafficPolicy: { loadBalancer: 'round-robin' } }],
    });
  });
});

describe('a PeerAuthentication', () => {
  it('has a mode, and modes by workload port', () => {
    const spec = {
      selector: { matchLabels: { app: 'one' } },
      mtls: { mode: 'STRICT' },
      portLevelMtls: { '8080': { mode: 'DISABLE' } },
    };
    expect(policy('PeerAuthentication', spec)).toMatchObject({
      selector: { app: 'one' },
      mode: 'strict',
      portModes: new Map([[8080, 'disable']]),
    });
  });

  it('without a mode inherits it', () => {
    expect(policy('PeerAuthentication', { mtls: { mode: 'UNSET' } })).not.toHaveProperty('mode');
    expect(policy('PeerAuthentication', {})).not.toHaveProperty('mode');
  });
});

describe('a Gateway', () => {
  it('passes TLS between networks', () => {
    expect(policy('Gateway', { selector: { istio: 'eastwestgateway' }, servers: [server] })).toMatchObject({
      selector: { istio: 'eastwestgateway' },
      servers: [{ port: 15_443, name: 'tls', protocol: 'tls', hosts: ['*.local'], tlsMode: 'auto-passthrough' }],
    });
  });

  it('serves plain HTTP', () => {
    const http = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*.example.com'] };
    expect(policy('Gateway', { selector: { istio: 'ingressgateway' }, servers: [http] })).toMatchObject({
      servers: [{ port: 80, protocol: 'http', hosts: ['*.example.com'] }],
    });
  });
});

describe('configuration that can not be obeyed', () => {
  it.each<[string, unknown, string, string]>([
    ['VirtualService', { hosts: ['one'], tcp: [{}] }, 'spec.tcp', 'unsupported-field'],
    ['VirtualService', { hosts: ['one'], tls: [{}] }, 'spec.tls', 'unsupported-field'],
    ['VirtualService', { hosts: [], http: [{ route: [to('one')] }] }, 'spec.hosts', 'missing-field'],
    ['VirtualService', { hosts: ['one'] }, 'spec.http', 'missing-field'],
    ['VirtualService', { hosts: ['*'], http: [{ route: [to('one')] }] }, 'spec.hosts[0]', 'invalid-host'],
    ['VirtualService', { hosts: ['a b'], http: [{ route: [to('one')] }] }, 'spec.hosts[0]', 'invalid-host'],
    [
      'VirtualService',
      virtualService({ route: [to('*.x')] }),
      'spec.http[0].route[0].destination.host',
      'invalid-host',
    ],
    ['VirtualService', virtualService({ route: [{}] }), 'spec.http[0].route[0].destination', 'missing-field'],
    ['VirtualService', virtualService({}), 'spec.http[0]', 'conflicting-fields'],
    ['VirtualService', route({ redirect: { uri: '/' } }), 'spec.http[0]', 'conflicting-fields'],
    [
      'VirtualService',
      virtualService({
        route: [
          { ...to('a'), weight: 0 },
          { ...to('b'), weight: 0 },
        ],
      }),
      'spec.http[0].route',
      'invalid-weight',
    ],
    [
      'VirtualService',
      virtualService({ route: [{ ...to('a'), weight: -1 }] }),
      'spec.http[0].route[0].weight',
      'out-of-range',
    ],
    ['VirtualService', route({ fault: { abort: {} } }), 'spec.http[0].fault', 'unsupported-field'],
    ['VirtualService', route({ mirror: { host: 'x' } }), 'spec.http[0].mirror', 'unsupported-field'],
    ['VirtualService', route({ corsPolicy: {} }), 'spec.http[0].corsPolicy', 'unsupported-field'],
    ['VirtualService', route({ delegate: { name: 'x' } }), 'spec.http[0].delegate', 'unsupported-field'],
    ['VirtualService', route({ timeuot: '1s' }), 'spec.http[0].timeuot', 'unknown-field'],
    ['VirtualService', route({ timeout: '5' }), 'spec.http[0].timeout', 'invalid-duration'],
    ['VirtualService', route({ timeout: 5 }), 'spec.http[0].timeout', 'invalid-type'],
    [
      'VirtualService',
      route({ retries: { attempts: 1, retryOn: 'sometimes' } }),
      'spec.http[0].retries.retryOn',
      'invalid-value',
    ],
    [
      'VirtualService',
      route({ retries: { attempts: 1, perTryTimeout: '0s' } }),
      'spec.http[0].retries.perTryTimeout',
      'invalid-duration',
    ],
    ['VirtualService', match({ uri: { regex: '(?=x)' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [
      'VirtualService',
      match({ uri: { regex: String.raw`(a)\1` } }),
      'spec.http[0].match[0].uri.regex',
      'invalid-regex',
    ],
    ['VirtualService', match({ uri: { regex: '(' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    ['VirtualService', match({ uri: { regex: '' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    ['VirtualService', match({ uri: { regex: 'a{1001}' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [
      'VirtualService',
      match({ uri: { regex: '((ab{40}){5}c){6}' } }),
      'spec.http[0].match[0].uri.regex',
      'invalid-regex',
    ],
    ['VirtualService', match({ headers: { 'a b': {} } }), 'spec.http[0].match[0].headers["a b"]', 'invalid-header'],
    [
      'VirtualService',
      route({ headers: { request: { set: { 'x-a': 'two\nlines' } } } }),
      'spec.http[0].headers.request.set["x-a"]',
      'invalid-header',
    ],
    [
      'VirtualService',
      route({ headers: { request: { set: { ':path': '/' } } } }),
      'spec.http[0].headers.request.set[":path"]',
      'invalid-header',
    ],
    [
      'VirtualService',
      route({ headers: { response: { remove: ['a', 'host'] } } }),
      'spec.http[0].headers.response.remove[1]',
      'invalid-header',
    ],
    ['VirtualService', route({ rewrite: { authority: 'a\r' } }), 'spec.http[0].rewrite.authority', 'invalid-header'],
    [
      'VirtualService',
      route({ route: undefined, directResponse: { status: 200, body: { string: 'x'.repeat(4097) } } }),
      'spec.http[0].directResponse.body',
      'out-of-range',
    ],
    ['VirtualService', match({ uri: { suffix: 'x' } }), 'spec.http[0].match[0].uri.suffix', 'unknown-field'],
    ['VirtualService', match({ uri: {} }), 'spec.http[0].match[0].uri', 'missing-field'],
    ['VirtualService', match({ uri: { exact: 'a', prefix: 'b' } }), 'spec.http[0].match[0].uri', 'conflicting-fields'],
    ['VirtualService', match({ port: 70_000 }), 'spec.http[0].match[0].port', 'invalid-port'],
    ['DestinationRule', {}, 'spec.host', 'missing-field'],
    ['DestinationRule', rule({ subsets: [{ name: 'a' }, { name: 'a' }] }), 'spec.subsets[1].name', 'duplicate-subset'],
    ['DestinationRule', rule({ subsets: [{ name: 'a|b' }] }), 'spec.subsets[0].name', 'invalid-name'],
    [
      'DestinationRule',
      rule({ trafficPolicy: { outlierDetection: {} } }),
      'spec.trafficPolicy.outlierDetection',
      'unsupported-field',
    ],
    [
      'DestinationRule',
      rule({ trafficPolicy: { loadBalancer: { simple: 'FASTEST' } } }),
      'spec.trafficPolicy.loadBalancer.simple',
      'invalid-value',
    ],
    [
      'DestinationRule',
      rule({ trafficPolicy: { loadBalancer: { consistentHash: {} } } }),
      'spec.trafficPolicy.loadBalancer.consistentHash',
      'unsupported-field',
    ],
    [
      'DestinationRule',
      rule({ trafficPolicy: { tls: { mode: 'MUTUAL' } } }),
      'spec.trafficPolicy.tls.mode',
      'unsupported-field',
    ],
    [
      'DestinationRule',
      rule({ trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates: '/x' } } }),
      'spec.trafficPolicy.tls.caCertificates',
      'unsupported-field',
    ],
    ['DestinationRule', rule({ workloadSelector: {} }), 'spec.workloadSelector', 'unsupported-field'],
    ['DestinationRule', rule({ exportTo: ['A'] }), 'spec.exportTo', 'invalid-export'],
    ['PeerAuthentication', { mtls: { mode: 'MAYBE' } }, 'spec.mtls.mode', 'invalid-value'],
    ['PeerAuthentication', { portLevelMtls: { '80': { mode: 'STRICT' } } }, 'spec.selector', 'missing-field'],
    [
      'PeerAuthentication',
      { selector: { matchLabels: { a: 'b' } }, portLevelMtls: { http: { mode: 'STRICT' } } },
      'spec.portLevelMtls.http',
      'invalid-port',
    ],
    ['Gateway', { servers: [server] }, 'spec.selector', 'missing-field'],
    [
      'Gateway',
      { selector: { a: 'b' }, servers: [{ ...server, tls: { mode: 'SIMPLE', credentialName: 'x' } }] },
      'spec.servers[0].tls.mode',
      'unsupported-field',
    ],
    [
      'Gateway',
      { selector: { a: 'b' }, servers: [{ ...server, port: { number: 80, protocol: 'QUIC' } }] },
      'spec.servers[0].port.protocol',
      'invalid-value',
    ],
    [
      'Gateway',
      { selector: { a: 'b' }, servers: [{ ...server, hosts: ['a/b/c'] }] },
      'spec.servers[0].hosts[0]',
      'invalid-host',
    ],
  ])('%s %j is refused at %s', (kind, spec, field, code) => {
    const { value, problems } = convert(kind, spec);
    expect(value).toBeUndefined();
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: 'error', field, code, object: `${kind}/sample/it` }),
    );
    for (const problem of problems) expect(problem.message).toContain('what was good of it before stays');
  });

  it.each(['/api/.*', '(?i)abc', '(?P<id>[0-9]+)', String.raw`\d+\.html`, '[[:alpha:]]+', String.raw`a\(\?=b`])(
    'is not: the regular expression %s',
    (regex) => {
      expect(convert('VirtualService', match({ uri: { regex } })).problems).toEqual([]);
    },
  );
});
