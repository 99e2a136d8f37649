// What a Telemetry says, what of it is refused, and which of several holds for a workload.

import { describe, expect, it } from 'vitest';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
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

describe('a Telemetry', () => {
  it.each([
    ['a target for waypoints', { targetRefs: [{ kind: 'Service', name: 'one' }] }, 'spec.targetRefs[0].kind'],
    ['an unknown mode', { tracing: [{ match: { mode: 'BOTH' } }] }, 'spec.tracing[0].match.mode'],
    ['two tracers', { tracing: [{ providers: [{ name: 'a' }, { name: 'b' }] }] }, 'spec.tracing[0].providers'],
    ['a share above 100', { tracing: [{ randomSamplingPercentage: 101 }] }, 'spec.tracing[0].randomSamplingPercentage'],
    ['a tag that is nothing', { tracing: [{ customTags: { team: {} } }] }, 'spec.tracing[0].customTags.team'],
    [
      'a tag that is two things',
      { tracing: [{ customTags: { team: { literal: { value: 'a' }, header: { name: 'b' } } } }] },
      'spec.tracing[0].customTags.team',
    ],
    ['a filter that says nothing', { accessLogging: [{ filter: {} }] }, 'spec.accessLogging[0].filter.expression'],
    ['a misspelled field', { accesslogging: [] }, 'spec.accesslogging'],
  ])('with %s is refused, by the name of the field', (_name, spec, field) => {
    const { value, problems } = convert(spec);
    expect(value).toBeUndefined();
    expect(problems[0]).toMatchObject({ severity: 'error', field });
  });
});

describe('what holds for a workload', () => {
  const workload = { namespace: 'shop', labels: { app: 'cart' } };
  const logs = (names: readonly string[], extra: Manifest = {}): Manifest => ({
    accessLogging: [{ providers: names.map((name) => ({ name })), ...extra }],
  });

  it('is nothing where nothing is declared', () => {
    const elsewhere = policy('other', 'one', logs(['envoy']));
    expect(telemetryFor(workload, 'client', mesh({ policies: [elsewhere] }))).toBeUndefined();
  });

  it('is the narrowest: the one that selects it, over that of its namespace, over that of the mesh', () => {
    const everywhere = policy('istio-system', 'mesh', logs(['everywhere']));
    const inNamespace = policy('shop', 'namespace', logs(['namespace']));
    const own = policy('shop', 'own', { selector: { matchLabels: { app: 'cart' } }, ...logs(['own']) });
    const provider = (policies: readonly Policy[]) =>
      telemetryFor(workload, 'server', mesh({ policies }))?.accessLogs?.map((log) => log.provider);
    expect(provider([everywhere])).toEqual(['everywhere']);
    expect(provider([everywhere, inNamespace])).toEqual(['namespace']);
    expect(provider([everywhere, inNamespace, own])).toEqual(['own']);
  });

  it('without providers of its own says something of those that hold anyway', () => {
    const everywhere = policy('istio-system', 'mesh', logs(['a', 'b']));
    const filtered = policy('shop', 'namespace', logs([], { filter: { expression: 'response.code >= 500' } }));
    const off = policy('shop', 'namespace', logs([], { disabled: true }));
    const found = (narrow: Policy) => telemetryFor(workload, 'client', mesh({ policies: [everywhere, narrow] }));
    expect(found(filtered)?.accessLogs).toEqual([
      { provider: 'a', filter: 'response.code >= 500' },
      { provider: 'b', filter: 'response.code >= 500' },
    ]);
    expect(found(off)?.accessLogs).toEqual([]);
  });

  it('may differ for the requests it makes and those it receives', () => {
    const both = policy('shop', 'namespace', {
      accessLogging: [{ match: { mode: 'CLIENT' }, providers: [{ name: 'made' }] }],
      tracing: [{ match: { mode: 'SERVER' }, providers: [{ name: 'received' }], randomSamplingPercentage: 50 }],
    });
    const found = mesh({ policies: [both] });
    expect(telemetryFor(workload, 'client', found)).toEqual({ accessLogs: [{ provider: 'made' }] });
    expect(telemetryFor(workload, 'server', found)).toEqual({
      tracing: { provider: 'received', samplingPercent: 50, tags: {} },
    });
  });
});
