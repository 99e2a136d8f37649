// What a Telemetry says of metrics: what of it is refused before Envoy could refuse it, and what holds for a workload.

import { describe, expect, it } from 'vitest';
import { readMeshConfig } from '../../../discovery/convert/mesh-config.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import { telemetryFor } from '../../../server/view/telemetry.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';
import { mesh } from '../../support/mesh-model.ts';

const convert = (spec: Manifest, [namespace, name] = ['shop', 'it']) => {
  const manifest = { apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata: { name, namespace }, spec };
  return convertPolicy(objectOf(manifest), { domain: 'cluster.local' }) ?? { problems: [] };
};

const policy = (namespace: string, name: string, spec: Manifest): Policy => {
  const { value, problems } = convert(spec, [namespace, name]);
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
};

const tag = (override: Manifest, name = 'team'): Manifest => ({
  metrics: [{ overrides: [{ tagOverrides: { [name]: override } }] }],
});
const overrides = (...list: readonly Manifest[]): Manifest => ({ metrics: [{ overrides: list }] });

describe('metrics of a Telemetry', () => {
  it.each([
    ['an unknown metric', overrides({ match: { metric: 'REQUESTS' } }), 'match.metric'],
    ['a metric of an extension', overrides({ match: { customMetric: 'mine' } }), 'match.customMetric'],
    ['an unknown mode', overrides({ match: { mode: 'BOTH' } }), 'match.mode'],
    ['an unknown operation', tag({ operation: 'ADD', value: '1' }), 'tagOverrides.team.operation'],
    ['a tag without a value', tag({ operation: 'UPSERT' }), 'tagOverrides.team.value'],
    ['a value of what is removed', tag({ operation: 'REMOVE', value: '1' }), 'tagOverrides.team.value'],
    ['a tag that Prometheus has no name for', tag({ value: '1' }, 'my-team'), 'tagOverrides.my-team'],
    ['the label of a bucket as a tag', tag({ value: '1' }, 'le'), 'tagOverrides.le'],
    ['the label of a name as a tag', tag({ value: '1' }, '__name__'), 'tagOverrides.__name__'],
    ['an expression that is none', tag({ value: '1 +' }), 'tagOverrides.team.value'],
    ['a function that Envoy lacks', tag({ value: 'request.path.split("/")' }), 'tagOverrides.team.value'],
    ['a loop', tag({ value: '[1].exists(x, x > 0)' }), 'tagOverrides.team.value'],
    ['a conversion to text inside', tag({ value: '"p" + string(1)' }), 'tagOverrides.team.value'],
    ['too many arguments', tag({ value: 'request.path.startsWith("a", "b")' }), 'tagOverrides.team.value'],
    ['has() of no field', tag({ value: 'has(request)' }), 'tagOverrides.team.value'],
    ['a regular expression that RE2 refuses', tag({ value: 'request.path.matches("(?=a)")' }), 'value'],
    ['the end of a command operator', tag({ value: 'request.host == ")%"' }), 'tagOverrides.team.value'],
    ['a misspelled field', { metrics: [{ override: [] }] }, 'spec.metrics[0].override'],
    ['a filter that is no expression', { accessLogging: [{ filter: { expression: '>= 500' } }] }, 'filter.expression'],
  ])('with %s are refused, by the name of the field', (_name, spec, field) => {
    const { value, problems } = convert(spec);
    expect(value).toBeUndefined();
    expect(problems[0]?.severity).toBe('error');
    expect(problems[0]?.field).toContain(field);
  });

  it('with an attribute that only some proxies know are taken, and it is said', () => {
    const { value, problems } = convert(tag({ value: 'node.metadata.TEAM' }));
    expect(value).toBeDefined();
    expect(problems).toMatchObject([{ severity: 'warning', code: 'unknown-attribute' }]);
  });
});

describe('what is counted for a workload', () => {
  const workload = {
    namespace: 'shop',
    labels: { app: 'cart' },
    capabilities: { istioFilters: false, statsLogger: 'scope' as const },
  };
  const { value: config = defaultMeshConfig } = readMeshConfig(
    { defaultProviders: { metrics: ['prometheus'] }, extensionProviders: [{ name: 'mine', prometheus: {} }] },
    'mesh',
    defaultMeshConfig,
  );
  const counted = (policies: readonly Policy[], settings = config, side: 'client' | 'server' = 'client') =>
    telemetryFor(workload, side, mesh({ policies, config: settings }))?.metrics;

  it('is nothing unless MeshConfig or a Telemetry names Prometheus', () => {
    expect(counted([], defaultMeshConfig)).toBeUndefined();
    expect(counted([], config)).toEqual({ reporter: 'source', by: 'stats-scope', overrides: {} });
    const named = policy('shop', 'all', { metrics: [{ providers: [{ name: 'mine' }] }] });
    expect(counted([named], { ...config, defaultProviders: {} }, 'server')).toMatchObject({ reporter: 'destination' });
    const other = policy('shop', 'all', { metrics: [{ providers: [{ name: 'stackdriver' }] }] });
    expect(counted([other])).toBeUndefined();
  });

  it('is nothing where the proxy has nothing that counts', () => {
    const old = { ...workload, capabilities: { istioFilters: false } };
    expect(telemetryFor(old, 'client', mesh({ config }))).toBeUndefined();
  });

  it('follows the narrowest word on each metric and tag', () => {
    const everywhere = policy('istio-system', 'mesh', {
      metrics: [
        {
          overrides: [
            { match: { metric: 'ALL_METRICS' }, disabled: true },
            { match: { metric: 'REQUEST_COUNT' }, disabled: false, tagOverrides: { team: { value: '"mesh"' } } },
          ],
        },
      ],
    });
    const own = policy('shop', 'own', {
      selector: { matchLabels: { app: 'cart' } },
      metrics: [
        {
          overrides: [
            { match: { metric: 'REQUEST_COUNT', mode: 'CLIENT' }, tagOverrides: { team: { operation: 'REMOVE' } } },
            { match: { metric: 'REQUEST_COUNT' }, tagOverrides: { port: { value: 'string(destination.port)' } } },
          ],
        },
      ],
    });
    const found = counted([everywhere, own])?.overrides;
    expect(found?.requests_total).toEqual({
      disabled: false,
      tags: { team: { kind: 'remove' }, port: { kind: 'set', expression: 'destination.port' } },
    });
    expect(found?.request_bytes).toEqual({ disabled: true, tags: {} });
    const server = counted([everywhere, own], config, 'server')?.overrides.requests_total?.tags['team'];
    expect(server).toEqual({ kind: 'set', expression: '"mesh"' });
  });
});
