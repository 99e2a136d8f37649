// What of an EnvoyFilter is taken, and by which sentence the rest is refused.

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { convertEnvoyFilter } from '../../../discovery/policy/envoy-filter/envoy-filter.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';

const convert = (spec: string) => convertEnvoyFilter(objectOf(policyManifest('EnvoyFilter', 'it', parse(spec))));
const problems = (spec: string): readonly string[] =>
  convert(spec).problems.map(({ severity, code, field, message }) => `${severity} ${code} ${field}: ${message}`);
const patch = (text: string): string => `configPatches: [{ ${text} }]`;
const lua = 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua';

test('an example of Istio is taken as it is, filters under names of today', () => {
  const { value, problems: found } = convert(`
workloadSelector: { labels: { app: reviews } }
priority: -10
configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      proxy: { proxyVersion: '^1\\.2[0-9]', metadata: { MESH_ID: one } }
      listener: { portNumber: 8080, filterChain: { filter: { name: envoy.http_connection_manager, subFilter: { name: envoy.router } } } }
    patch:
      operation: INSERT_BEFORE
      value: { name: envoy.lua, typed_config: { '@type': ${lua}, inlineCode: 'function envoy_on_request(h) end' } }
`);
  expect(found).toEqual([]);
  expect(value).toMatchObject({
    selector: { app: 'reviews' },
    priority: -10,
    patches: [
      {
        index: 0,
        applyTo: 'http-filter',
        context: 'inbound',
        operation: 'insert-before',
        proxy: { version: '^1\\.2[0-9]', metadata: { MESH_ID: 'one' } },
        listener: {
          port: 8080,
          chain: { filter: 'envoy.filters.network.http_connection_manager', subFilter: 'envoy.filters.http.router' },
        },
        value: { name: 'envoy.lua', typedConfig: { typeUrl: lua } },
      },
    ],
  });
});

describe('a value that is not the message that it should be is refused at its field', () => {
  const filter = (typedConfig: string): string =>
    patch(`applyTo: HTTP_FILTER, patch: { operation: ADD, value: { name: x, typed_config: ${typedConfig} } }`);
  test.each([
    [
      filter(`{ '@type': ${lua}, inlineCodes: x }`),
      'unknown-field',
      'typed_config.inlineCodes',
      'correct its spelling',
    ],
    [filter(`{ '@type': ${lua}, inline_code: 5 }`), 'invalid-type', 'typed_config.inline_code', 'put it in quotes'],
    [
      filter(`{ '@type': type.googleapis.com/stats.PluginConfig }`),
      'unknown-type',
      'typed_config["@type"]',
      'TypedStruct',
    ],
    [
      filter(`{ '@type': type.googleapis.com/envoy.config.filter.http.lua.v2.Lua }`),
      'unknown-type',
      'typed_config["@type"]',
      'version 3',
    ],
    [filter('{ inline_code: x }'), 'missing-field', 'typed_config["@type"]', 'add it'],
    [
      filter(`{ '@type': type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer }`),
      'invalid-value',
      'typed_config.max_request_bytes',
      'is missing, and Envoy would refuse it',
    ],
    [
      patch('applyTo: HTTP_FILTER, patch: { operation: ADD, value: { name: x, config: {} } }'),
      'unknown-field',
      'config',
      'write typed_config with an @type',
    ],
    [
      patch('applyTo: CLUSTER, patch: { operation: MERGE, value: { connectTimeout: 5 } }'),
      'invalid-type',
      'connectTimeout',
      'as in "1.5s"',
    ],
    [
      patch('applyTo: CLUSTER, patch: { operation: MERGE, value: { lb_policy: FASTEST } }'),
      'invalid-type',
      'lb_policy',
      'is not one of ROUND_ROBIN',
    ],
    [
      patch('applyTo: HTTP_ROUTE, patch: { operation: MERGE, value: { route: {}, redirect: {} } }'),
      'conflicting-fields',
      'redirect',
      "can't be there beside route",
    ],
    [
      patch('applyTo: VIRTUAL_HOST, patch: { operation: ADD, value: { name: x, domains: [] } }'),
      'invalid-value',
      'domains',
      'is empty',
    ],
    [
      patch(
        'applyTo: HTTP_ROUTE, patch: { operation: ADD, value: { match: { safe_regex: { regex: "(?=x)" } }, direct_response: { status: 200 } } }',
      ),
      'invalid-value',
      'match.safe_regex.regex',
      'RE2',
    ],
  ])('%s', (spec, code, field, words) => {
    const [first = '', ...more] = problems(spec);
    expect(more).toEqual([]);
    expect(first).toContain(`error ${code} spec.configPatches[0].patch.value.${field}: `);
    expect(first).toContain(words);
    expect(convert(spec).value).toBeUndefined();
  });
});

test('a value of any depth is refused, not too much to be looked at', () => {
  const deep = `${'{ b: '.repeat(200)}1${' }'.repeat(200)}`;
  const value = JSON.parse(`${'{"b":'.repeat(9000)}1${'}'.repeat(9000)}`) as unknown;
  const ofCluster = (a: unknown): object => ({
    configPatches: [
      { applyTo: 'CLUSTER', patch: { operation: 'MERGE', value: { metadata: { filter_metadata: { a } } } } },
    ],
  });
  for (const spec of [ofCluster(parse(deep)), ofCluster(value)]) {
    const { problems: found } = convertEnvoyFilter(objectOf(policyManifest('EnvoyFilter', 'it', spec)));
    expect(found.map(({ code, message }) => [code, message.includes('is too deep')])).toEqual([['invalid-type', true]]);
  }
});

test('a TypedStruct is passed on, and what its type does not know is said', () => {
  const typed = (value: string): string =>
    patch(
      `applyTo: HTTP_FILTER, patch: { operation: ADD, value: { name: x, typed_config: { '@type': type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${lua}, value: ${value} } } }`,
    );
  expect(problems(typed('{ inline_code: x }'))).toEqual([]);
  expect(problems(typed('{ inline_codes: x }'))[0]).toContain('warning unknown-field');
  expect(convert(typed('{ inline_codes: x }')).value?.patches).toHaveLength(1);
  expect(problems(typed('{ inline_code: [] }'))[0]).toContain('error invalid-type');
});

describe('what can not be meant is refused by name', () => {
  test.each([
    [patch('applyTo: BOOTSTRAP, patch: { operation: MERGE, value: {} }'), 'unsupported-field', 'applyTo', 'the agent'],
    [patch('applyTo: INVALID, patch: { operation: MERGE, value: {} }'), 'invalid-value', 'applyTo', 'is not one of'],
    [patch('patch: { operation: MERGE, value: {} }'), 'missing-field', 'applyTo', 'add it'],
    [patch('applyTo: CLUSTER'), 'missing-field', 'patch', 'add it'],
    [patch('applyTo: CLUSTER, patch: { value: {} }'), 'missing-field', 'patch.operation', 'add it'],
    [patch('applyTo: CLUSTER, patch: { operation: MERGE }'), 'missing-field', 'patch.value', 'add it'],
    ...['LISTENER_FILTER', 'NETWORK_FILTER', 'HTTP_FILTER'].map((place): [string, string, string, string] => [
      patch(`applyTo: ${place}, match: { listener: { portNumber: 80 } }, patch: { operation: REMOVE }`),
      'missing-field',
      'patch.operation',
      'names no filter to do that to: name it in match.listener.',
    ]),
    ...['MERGE', 'REPLACE'].map((operation): [string, string, string, string] => [
      patch(
        `applyTo: HTTP_FILTER, patch: { operation: ${operation}, value: { typed_config: { '@type': ${lua}, inline_code: x } } }`,
      ),
      operation === 'MERGE' ? 'missing-field' : 'invalid-value',
      operation === 'MERGE' ? 'patch.operation' : 'patch.value.name',
      operation === 'MERGE' ? 'match.listener.filterChain.filter.subFilter.name' : 'is missing',
    ]),
    [
      patch('applyTo: ROUTE_CONFIGURATION, patch: { operation: ADD, value: {} }'),
      'invalid-value',
      'patch.operation',
      'there is no ADD of a ROUTE_CONFIGURATION',
    ],
    [
      patch('applyTo: CLUSTER, match: { listener: { portNumber: 1 } }, patch: { operation: REMOVE }'),
      'conflicting-fields',
      'match.listener',
      'match by cluster instead',
    ],
    [
      patch('applyTo: CLUSTER, match: { context: WAYPOINT }, patch: { operation: REMOVE }'),
      'unsupported-field',
      'match.context',
      'no waypoints',
    ],
    [
      patch('applyTo: LISTENER, match: { listener: { portName: http } }, patch: { operation: REMOVE }'),
      'unsupported-field',
      'match.listener.portName',
      'remove the field',
    ],
    [
      patch('applyTo: CLUSTER, match: { proxy: { proxyVersion: "(?!x)" } }, patch: { operation: REMOVE }'),
      'invalid-regex',
      'match.proxy.proxyVersion',
      'RE2',
    ],
  ])('%s', (spec, code, field, words) => {
    const [first = ''] = problems(spec);
    expect(first).toContain(`error ${code} spec.configPatches[0].${field}: `);
    expect(first).toContain(words);
  });
});

test('what has no effect is said', () => {
  expect(problems('configPatches: []')[0]).toContain('warning empty');
  expect(problems(patch('applyTo: CLUSTER, patch: { operation: REMOVE, value: { name: x } }'))[0]).toContain(
    'warning unused-field',
  );
  const merged = patch(
    `applyTo: HTTP_FILTER, patch: { operation: MERGE, filterClass: AUTHZ, value: { name: envoy.filters.http.router } }`,
  );
  expect(problems(merged)[0]).toContain('warning unused-field');
});
