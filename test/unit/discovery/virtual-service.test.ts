// What a VirtualService becomes, and that nothing in it is ignored silently.

import { describe, expect, it } from 'vitest';
import { convertVirtualService } from '../../../discovery/policy/virtual-service.ts';
import type { VirtualServicePolicy } from '../../../discovery/model/policy.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';

const convert = (spec: unknown) =>
  convertVirtualService(objectOf(policyManifest('VirtualService', 'it', spec)), { domain: 'cluster.local' });
const policy = (spec: unknown): VirtualServicePolicy => {
  const { value, problems } = convert(spec);
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
};
const to = (host: string, extra: object = {}) => ({ destination: { host, ...extra } });
const virtualService = (http: object, extra: object = {}) => ({ hosts: ['one'], http: [http], ...extra });
const route = (extra: object) => virtualService({ route: [to('one')], ...extra });
const match = (value: object) => route({ match: [value] });

it('takes regular expressions that RE2 takes', () => {
  for (const regex of [
    'a{1000}b{1000}',
    String.raw`\({999}[{2000}(]x{2}`,
    '(a{30}b{30}){30}',
    '(?P<n>a)(?i)b',
    '{x}',
  ]) {
    expect(convert(match({ uri: { regex } })).problems).toEqual([]);
  }
});

describe('a claim of a token', () => {
  const asked = (headers: object, extra: object = {}, gateways = ['edge/public']) =>
    convert(virtualService({ route: [to('one')], match: [{ headers, ...extra }] }, { gateways }));

  it.each([
    ['@request.auth.claims.sub', ['sub']],
    ['@request.auth.claims.realm.Roles', ['realm', 'Roles']],
    ['@request.auth.claims[a.b][c]', ['a.b', 'c']],
  ])('is named by %s', (key, claim) => {
    const { value, problems } = asked({ [key]: { exact: 'x' } });
    expect(problems).toEqual([]);
    expect(value?.http[0]?.matches[0]?.headers).toMatchObject([{ claim, match: { kind: 'exact', value: 'x' } }]);
  });

  it.each(['@request.auth.claims', '@request.auth.claims.', '@request.auth.claims[a', '@request.auth.claimsub'])(
    'is not named by %s',
    (key) => {
      const { value, problems } = asked({ [key]: { exact: 'x' } });
      expect(value).toBeUndefined();
      expect(problems).toMatchObject([{ code: 'invalid-header' }]);
    },
  );

  it.each<[string, object, string[]]>([
    ['bound to sidecars', {}, ['mesh']],
    ['bound to sidecars among others', {}, ['edge/public', 'mesh']],
    ['of a match for sidecars', { gateways: ['mesh'] }, ['edge/public', 'mesh']],
  ])('is refused %s, which verify no token of their callers', (_, extra, gateways) => {
    const { value, problems } = asked({ '@request.auth.claims.sub': { exact: 'x' } }, extra, gateways);
    expect(value).toBeUndefined();
    expect(problems).toContainEqual(expect.objectContaining({ field: 'spec.http[0].match[0].gateways' }));
  });

  it('is taken in a match for gateways of what sidecars obey as well', () => {
    const match = { gateways: ['edge/public'] };
    expect(asked({ '@request.auth.claims.sub': {} }, match, ['mesh', 'edge/public']).value).toBeDefined();
  });
});

describe('a VirtualService', () => {
  it('completes names without a dot in its own namespace', () => {
    const it = policy({
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
    expect(policy(virtualService({ route: routes }))).toMatchObject({
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
    expect(policy(virtualService({ redirect: { uri: '/x', redirectCode: 308 } }))).toMatchObject({
      http: [{ redirect: { uri: '/x', redirectCode: 308 }, destinations: [] }],
    });
    expect(policy(virtualService({ directResponse: { status: 503, body: { string: 'no' } } }))).toMatchObject({
      http: [{ directResponse: { status: 503, body: 'no' } }],
    });
  });

  it('copies requests, all of them or a share', () => {
    expect(policy(route({ mirror: { host: 'copy', subset: 'v2' } }))).toMatchObject({
      http: [{ mirrors: [{ destination: { host: 'copy.sample.svc.cluster.local', subset: 'v2' }, percent: 100 }] }],
    });
    const percents = (extra: object) => policy(route({ mirror: { host: 'copy' }, ...extra })).http[0]?.mirrors;
    expect(percents({ mirrorPercentage: { value: 0.5 } })).toMatchObject([{ percent: 0.5 }]);
    expect(percents({ mirrorPercent: 7 })).toMatchObject([{ percent: 7 }]);
    expect(percents({ mirror_percent: 8 })).toMatchObject([{ percent: 8 }]);
    expect(percents({ mirrorPercentage: { value: 0 } })).toBeUndefined();
    const mirrors = [to('a'), { ...to('b'), percentage: { value: 20 } }];
    expect(policy(route({ mirrors })).http[0]?.mirrors).toMatchObject([
      { percent: 100, field: 'mirrors[0].destination' },
      { percent: 20, field: 'mirrors[1].destination' },
    ]);
  });

  it('injects delays and answers', () => {
    const fault = (value: object) => policy(route({ fault: value })).http[0]?.fault;
    expect(fault({ delay: { percentage: { value: 0.1 }, fixedDelay: '5s' } })).toEqual({
      delay: { percent: 0.1, fixedDelayMs: 5_000 },
    });
    expect(fault({ abort: { percent: 3, httpStatus: 503 } })).toEqual({ abort: { percent: 3, httpStatus: 503 } });
    expect(fault({ abort: { percentage: { value: 100 }, grpcStatus: 'UNAVAILABLE' } })).toEqual({
      abort: { percent: 100, grpcStatus: 14 },
    });
  });

  it('takes names of headers that are joined by commas already', () => {
    const corsPolicy = { allowOrigins: [{ exact: '*' }], allowHeaders: ['x-a, x-b', 'x-c'] };
    expect(policy(route({ corsPolicy })).http[0]?.cors?.allowHeaders).toEqual(['x-a', 'x-b', 'x-c']);
  });

  it('takes a mere star for any value, but of no path', () => {
    const star = { regex: '*' };
    expect(policy(match({ headers: { 'x-a': star }, method: star })).http[0]?.matches[0]).toMatchObject({
      headers: [{ name: 'x-a', match: { kind: 'present' } }],
      method: undefined,
    });
    expect(convert(match({ uri: star })).problems).toMatchObject([{ code: 'invalid-regex' }]);
  });

  it('says which origins may read answers', () => {
    const corsPolicy = {
      allowOrigins: [{ exact: 'https://a.example' }, { prefix: 'https://b' }, { regex: 'https://[cd].example' }],
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['x-a'],
      exposeHeaders: ['x-b'],
      maxAge: '1h',
      allowCredentials: true,
      unmatchedPreflights: 'IGNORE',
    };
    expect(policy(route({ corsPolicy })).http[0]?.cors).toEqual({
      allowOrigins: [
        { kind: 'exact', value: 'https://a.example' },
        { kind: 'prefix', value: 'https://b' },
        { kind: 'regex', value: 'https://[cd].example' },
      ],
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['x-a'],
      exposeHeaders: ['x-b'],
      maxAgeSeconds: 3_600,
      allowCredentials: true,
      unmatchedPreflights: 'ignore',
    });
    expect(policy(route({ corsPolicy: { allowOrigin: ['*'] } })).http[0]?.cors).toMatchObject({
      allowOrigins: [{ kind: 'exact', value: '*' }],
    });
  });

  it('rewrites by a regular expression, and redirects to the port of the request', () => {
    const uriRegexRewrite = { match: '^/a/([^/]+)/(.*)$', rewrite: String.raw`/\2/\1` };
    expect(policy(route({ rewrite: { uriRegexRewrite } })).http[0]?.rewrite).toEqual({
      uriRegex: { match: '^/a/([^/]+)/(.*)$', rewrite: String.raw`/\2/\1` },
    });
    const redirect = { uri: '/x', derivePort: 'FROM_REQUEST_PORT' };
    expect(policy(virtualService({ redirect })).http[0]?.redirect).toMatchObject({ derivePort: 'from-request-port' });
  });

  it('retries after a pause, elsewhere, or where it failed', () => {
    const retries = { attempts: 2, backoff: '100ms', retryRemoteLocalities: true, retryIgnorePreviousHosts: false };
    expect(policy(route({ retries })).http[0]?.retries).toEqual({
      attempts: 2,
      retryOn: '',
      backoffMs: 100,
      remoteLocalities: true,
      ignorePreviousHosts: false,
    });
  });

  it('answers with bytes', () => {
    const directResponse = { status: 200, body: { bytes: Buffer.from([0, 255]).toString('base64') } };
    expect(policy(virtualService({ directResponse })).http[0]?.directResponse).toEqual({
      status: 200,
      bodyBytes: Buffer.from([0, 255]),
    });
  });

  it('routes connections', () => {
    const subnets = { destinationSubnets: ['10.1.2.3/8', '192.0.2.1', '2001:db8::1/32'], sourceSubnet: '10.2.0.0/16' };
    const spec = {
      hosts: ['db', '*.example.com'],
      tcp: [
        {
          match: [{ ...subnets, port: 3306, sourceLabels: { app: 'a' }, sourceNamespace: 'n', gateways: ['gw'] }],
          route: [
            { ...to('db', { subset: 'v1' }), weight: 90 },
            { ...to('db', { subset: 'v2' }), weight: 10 },
          ],
        },
      ],
      tls: [{ match: [{ port: 443, sniHosts: ['A.example.com', '*.b.example.com'] }], route: [to('web')] }],
    };
    expect(policy(spec)).toMatchObject({
      http: [],
      tcp: [
        {
          matches: [
            {
              destinationSubnets: ['10.0.0.0/8', '192.0.2.1/32', '2001:db8::/32'],
              sourceSubnet: '10.2.0.0/16',
              port: 3306,
              sourceLabels: { app: 'a' },
              sourceNamespace: 'n',
              gateways: ['sample/gw'],
            },
          ],
          destinations: [
            { destination: { host: 'db.sample.svc.cluster.local', subset: 'v1' }, weight: 90 },
            { destination: { subset: 'v2' }, weight: 10 },
          ],
        },
      ],
      tls: [
        {
          matches: [{ port: 443, sniHosts: ['a.example.com', '*.b.example.com'] }],
          destinations: [{ destination: { host: 'web.sample.svc.cluster.local' }, weight: 100 }],
        },
      ],
    });
  });

  it('without hosts is a delegate, and one with hosts names it', () => {
    expect(policy({ http: [{ route: [to('one')] }] })).toMatchObject({ hosts: [], http: [{}] });
    expect(policy(virtualService({ delegate: { name: 'x' } })).http[0]?.delegate).toEqual({
      name: 'x',
      namespace: 'sample',
    });
    expect(policy(virtualService({ delegate: { name: 'x', namespace: 'y' } })).http[0]?.delegate).toEqual({
      name: 'x',
      namespace: 'y',
    });
  });

  it('may be bound to a gateway alone', () => {
    const it = convert(virtualService({ route: [to('one')] }, { gateways: ['gw', 'other/gw'] }));
    expect(it).toMatchObject({ value: { gateways: ['sample/gw', 'other/gw'] }, problems: [] });
  });
});

describe('a VirtualService that can not be obeyed', () => {
  it.each<[unknown, string, string]>([
    [{ hosts: [] }, 'spec.hosts', 'missing-field'],
    [{ hosts: ['one'] }, 'spec.http', 'missing-field'],
    [{ hosts: ['*'], http: [{ route: [to('one')] }] }, 'spec.hosts[0]', 'invalid-host'],
    [{ hosts: ['a b'], http: [{ route: [to('one')] }] }, 'spec.hosts[0]', 'invalid-host'],
    [virtualService({ route: [to('*.x')] }), 'spec.http[0].route[0].destination.host', 'invalid-host'],
    [virtualService({ route: [{}] }), 'spec.http[0].route[0].destination', 'missing-field'],
    [virtualService({}), 'spec.http[0]', 'conflicting-fields'],
    [route({ redirect: { uri: '/' } }), 'spec.http[0]', 'conflicting-fields'],
    [
      virtualService({
        route: [
          { ...to('a'), weight: 0 },
          { ...to('b'), weight: 0 },
        ],
      }),
      'spec.http[0].route',
      'invalid-weight',
    ],
    [virtualService({ route: [{ ...to('a'), weight: -1 }] }), 'spec.http[0].route[0].weight', 'out-of-range'],
    [route({ fault: {} }), 'spec.http[0].fault', 'missing-field'],
    [route({ fault: { abort: {} } }), 'spec.http[0].fault.abort', 'conflicting-fields'],
    [route({ fault: { delay: {} } }), 'spec.http[0].fault.delay.fixedDelay', 'missing-field'],
    [
      route({ fault: { delay: { exponentialDelay: '1s' } } }),
      'spec.http[0].fault.delay.exponentialDelay',
      'unsupported-field',
    ],
    [
      route({ fault: { abort: { http2Error: 'NO_ERROR' } } }),
      'spec.http[0].fault.abort.http2Error',
      'unsupported-field',
    ],
    [route({ fault: { abort: { grpcStatus: 'BAD' } } }), 'spec.http[0].fault.abort.grpcStatus', 'invalid-value'],
    [route({ fault: { abort: { httpStatus: 100 } } }), 'spec.http[0].fault.abort.httpStatus', 'out-of-range'],
    [
      route({ fault: { abort: { httpStatus: 500, percentage: { value: 101 } } } }),
      'spec.http[0].fault.abort.percentage.value',
      'out-of-range',
    ],
    [route({ mirror: {} }), 'spec.http[0].mirror.host', 'missing-field'],
    [route({ mirror: { host: 'x' }, mirrors: [to('y')] }), 'spec.http[0].mirrors', 'conflicting-fields'],
    [route({ mirrors: [{}] }), 'spec.http[0].mirrors[0].destination', 'missing-field'],
    [
      route({ mirror: { host: 'x' }, mirrorPercentage: { value: '5' } }),
      'spec.http[0].mirrorPercentage.value',
      'out-of-range',
    ],
    [route({ corsPolicy: { allowOrigins: [{}] } }), 'spec.http[0].corsPolicy.allowOrigins[0]', 'missing-field'],
    [
      route({ corsPolicy: { allowOrigins: [{ regex: '(' }] } }),
      'spec.http[0].corsPolicy.allowOrigins[0].regex',
      'invalid-regex',
    ],
    [
      route({ corsPolicy: { unmatchedPreflights: 'DROP' } }),
      'spec.http[0].corsPolicy.unmatchedPreflights',
      'invalid-value',
    ],
    [route({ corsPolicy: { allowHeaders: ['a b'] } }), 'spec.http[0].corsPolicy.allowHeaders[0]', 'invalid-header'],
    [route({ delegate: { name: 'x' } }), 'spec.http[0]', 'conflicting-fields'],
    [virtualService({ delegate: {} }), 'spec.http[0].delegate.name', 'missing-field'],
    [{ http: [{ delegate: { name: 'x' } }] }, 'spec.http[0].delegate', 'conflicting-fields'],
    [{ gateways: ['gw'], http: [{ route: [to('one')] }] }, 'spec.gateways', 'conflicting-fields'],
    [
      route({ rewrite: { uri: '/', uriRegexRewrite: { match: 'a', rewrite: 'b' } } }),
      'spec.http[0].rewrite.uriRegexRewrite',
      'conflicting-fields',
    ],
    [
      route({ rewrite: { uriRegexRewrite: { match: '(a', rewrite: 'b' } } }),
      'spec.http[0].rewrite.uriRegexRewrite.match',
      'invalid-regex',
    ],
    [
      route({ rewrite: { uriRegexRewrite: { match: '(a)', rewrite: String.raw`\2` } } }),
      'spec.http[0].rewrite.uriRegexRewrite.rewrite',
      'invalid-regex',
    ],
    [virtualService({ redirect: { uri: '/' }, rewrite: { uri: '/' } }), 'spec.http[0].rewrite', 'conflicting-fields'],
    [
      virtualService({ redirect: { port: 80, derivePort: 'FROM_REQUEST_PORT' } }),
      'spec.http[0].redirect.derivePort',
      'conflicting-fields',
    ],
    [virtualService({ redirect: { redirectCode: 304 } }), 'spec.http[0].redirect.redirectCode', 'out-of-range'],
    [
      virtualService({ directResponse: { status: 200, body: { bytes: '?' } } }),
      'spec.http[0].directResponse.body.bytes',
      'invalid-value',
    ],
    [
      virtualService({ directResponse: { status: 200, body: { bytes: '', string: '' } } }),
      'spec.http[0].directResponse.body',
      'conflicting-fields',
    ],
    [{ hosts: ['one'], tcp: [{}] }, 'spec.tcp[0].route', 'missing-field'],
    [{ hosts: ['one'], tls: [{ route: [to('one')] }] }, 'spec.tls[0].match', 'missing-field'],
    [{ hosts: ['one'], tls: [{ match: [{}], route: [to('one')] }] }, 'spec.tls[0].match[0].sniHosts', 'missing-field'],
    [
      { hosts: ['a.example'], tls: [{ match: [{ sniHosts: ['b.example'] }], route: [to('one')] }] },
      'spec.tls[0].match[0].sniHosts[0]',
      'invalid-host',
    ],
    [
      { hosts: ['one'], tcp: [{ match: [{ destinationSubnets: ['x'] }], route: [to('one')] }] },
      'spec.tcp[0].match[0].destinationSubnets[0]',
      'invalid-address',
    ],
    [
      { hosts: ['one'], tcp: [{ route: [{ ...to('one'), headers: {} }] }] },
      'spec.tcp[0].route[0].headers',
      'unknown-field',
    ],
    [route({ timeuot: '1s' }), 'spec.http[0].timeuot', 'unknown-field'],
    [route({ timeout: '5' }), 'spec.http[0].timeout', 'invalid-duration'],
    [route({ timeout: 5 }), 'spec.http[0].timeout', 'invalid-type'],
    [route({ retries: { attempts: 1, retryOn: 'sometimes' } }), 'spec.http[0].retries.retryOn', 'invalid-value'],
    [
      route({ retries: { attempts: 1, perTryTimeout: '0s' } }),
      'spec.http[0].retries.perTryTimeout',
      'invalid-duration',
    ],
    [match({ uri: { regex: '(?=x)' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [match({ uri: { regex: String.raw`(a)\1` } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [match({ uri: { regex: '(' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [match({ uri: { regex: '' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [match({ uri: { regex: 'a{1001}' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [match({ uri: { regex: '((ab{40}){5}c){6}' } }), 'spec.http[0].match[0].uri.regex', 'invalid-regex'],
    [match({ headers: { 'a b': {} } }), 'spec.http[0].match[0].headers["a b"]', 'invalid-header'],
    [
      route({ headers: { request: { set: { 'x-a': 'two\nlines' } } } }),
      'spec.http[0].headers.request.set["x-a"]',
      'invalid-header',
    ],
    [
      route({ headers: { request: { set: { ':path': '/' } } } }),
      'spec.http[0].headers.request.set[":path"]',
      'invalid-header',
    ],
    [
      route({ headers: { response: { remove: ['a', 'host'] } } }),
      'spec.http[0].headers.response.remove[1]',
      'invalid-header',
    ],
    [route({ rewrite: { authority: 'a\r' } }), 'spec.http[0].rewrite.authority', 'invalid-header'],
    [
      route({ route: undefined, directResponse: { status: 200, body: { string: 'x'.repeat(1_048_577) } } }),
      'spec.http[0].directResponse.body',
      'out-of-range',
    ],
    [match({ uri: { suffix: 'x' } }), 'spec.http[0].match[0].uri.suffix', 'unknown-field'],
    [match({ uri: {} }), 'spec.http[0].match[0].uri', 'missing-field'],
    [match({ uri: { exact: 'a', prefix: 'b' } }), 'spec.http[0].match[0].uri', 'conflicting-fields'],
    [match({ port: 70_000 }), 'spec.http[0].match[0].port', 'invalid-port'],
  ])('%j is refused at %s', (spec, field, code) => {
    const { value, problems } = convert(spec);
    expect(value).toBeUndefined();
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: 'error', field, code, object: 'VirtualService/sample/it' }),
    );
    const refusals = problems.filter(({ severity }) => severity === 'error');
    for (const { message } of refusals) expect(message).toContain('what was good of it before stays');
  });

  it.each(['/api/.*', '(?i)abc', '(?P<id>[0-9]+)', String.raw`\d+\.html`, '[[:alpha:]]+', String.raw`a\(\?=b`])(
    'is not: the regular expression %s',
    (regex) => {
      expect(convert(match({ uri: { regex } })).problems).toEqual([]);
    },
  );
});

describe('a VirtualService of which a part has no effect', () => {
  it.each<[object, string, string]>([
    [virtualService({ redirect: { uri: '/' }, timeout: '1s' }), 'spec.http[0].timeout', 'no-effect'],
    [match({ uri: { regex: '/a' }, ignoreUriCase: true }), 'spec.http[0].match[0].ignoreUriCase', 'no-effect'],
    [match({ uri: { exact: 'a' } }), 'spec.http[0].match[0].uri', 'unreachable-match'],
    [match({ gateways: ['gw'] }), 'spec.http[0].match[0].gateways', 'unreachable-match'],
    [route({ corsPolicy: {} }), 'spec.http[0].corsPolicy.allowOrigins', 'missing-field'],
    [route({ fault: { abort: { httpStatus: 500 } } }), 'spec.http[0].fault.abort.percentage', 'missing-field'],
    [route({ mirrorPercentage: { value: 5 } }), 'spec.http[0].mirror', 'missing-field'],
    [{ hosts: ['one'], http: [{ route: [to('a')] }, { route: [to('b')] }] }, 'spec.http[1]', 'unreachable-match'],
    [
      virtualService({ match: [{ uri: { prefix: '/a' } }, { uri: { exact: '/a/b' } }], route: [to('a')] }),
      'spec.http[0].match[1]',
      'unreachable-match',
    ],
    [
      virtualService({
        match: [{ headers: { a: {} } }, { headers: { a: { exact: '1' }, b: {} }, method: { exact: 'GET' } }],
        route: [to('a')],
      }),
      'spec.http[0].match[1]',
      'unreachable-match',
    ],
  ])('%j is taken, with a warning at %s', (spec, field, code) => {
    const { value, problems } = convert(spec);
    expect(value).toBeDefined();
    expect(problems).toMatchObject([{ severity: 'warning', field, code }]);
  });

  it.each([
    { match: [{ uri: { prefix: '/a' } }, { uri: { prefix: '/' } }] },
    { match: [{ uri: { prefix: '/a' }, method: { exact: 'GET' } }, { uri: { prefix: '/a' } }] },
    { match: [{ withoutHeaders: { a: {} } }, { uri: { prefix: '/a' } }] },
    { match: [{ uri: { prefix: '/a' } }, { uri: { prefix: '/A' }, ignoreUriCase: true }] },
    { match: [{ port: 80 }, { port: 81 }, { sourceLabels: { a: 'b' } }] },
  ])('is not: %j', (http) => {
    expect(convert(virtualService({ ...http, route: [to('a')] })).problems).toEqual([]);
  });
});
