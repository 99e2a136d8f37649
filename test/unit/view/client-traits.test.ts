// Whose locality settings hold for a cluster's endpoints: the rule's, MeshConfig's, or those of outlier detection.

import { expect, test } from 'vitest';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { LocalitySettings } from '../../../discovery/model/policy.ts';
import { collectClientTraits, labelsLookedAt, localitySettingsOf } from '../../../server/view/client-traits.ts';
import { declaredRule } from '../../support/declared-rule.ts';
import { mesh } from '../../support/mesh-model.ts';

const nearest: LocalitySettings = { enabled: true, distribute: [], failover: [], failoverPriority: [] };
const toRegion: LocalitySettings = { ...nearest, failover: [{ from: 'r1', to: 'r2' }] };
const byTier: LocalitySettings = { ...nearest, failoverPriority: ['tier', 'zone=a'] };
const off: LocalitySettings = { ...nearest, enabled: false };
const outlierDetection = { splitLocalOriginErrors: false, minHealthPercent: 0 };
const ejecting = { outlierDetection };

const settings = (policy: Parameters<typeof localitySettingsOf>[0], localityLb?: LocalitySettings) =>
  localitySettingsOf(policy, { ...defaultMeshConfig, localityLb });

test("the rule's settings go before MeshConfig's, each as a whole", () => {
  expect(settings({}, toRegion)).toBe(toRegion);
  expect(settings({ loadBalancer: { algorithm: 'random' } }, toRegion)).toBe(toRegion);
  expect(settings({ loadBalancer: { locality: byTier } }, toRegion)).toBe(byTier);
  expect(settings({ loadBalancer: { locality: byTier } }, off)).toBe(byTier);
});

test('turned off by either, places mean nothing', () => {
  expect(settings(ejecting, off)).toBeUndefined();
  expect(settings({ ...ejecting, loadBalancer: { locality: off } }, toRegion)).toBeUndefined();
});

test('where nobody says anything, what can be put aside is used from the nearest', () => {
  expect(settings(ejecting)).toEqual(nearest);
  expect(settings({})).toBeUndefined();
});

test("MeshConfig's settings make places and compared labels count for every client", () => {
  const traits = (localityLb?: LocalitySettings, rules: Parameters<typeof mesh>[0]['policies'] = []) =>
    collectClientTraits(mesh({ policies: rules ?? [] }).policies, { ...defaultMeshConfig, localityLb });
  expect(traits().locality).toBe(false);
  expect(traits(off).locality).toBe(false);
  expect(traits(toRegion)).toMatchObject({ locality: true, comparedLabels: [] });
  // A value that is given needs no client.
  expect(labelsLookedAt(traits(byTier), 'default')).toEqual(['tier']);
  const rule = declaredRule('some', {
    host: 'one',
    workloadSelector: { matchLabels: { app: 'web' } },
    trafficPolicy: { loadBalancer: { localityLbSetting: { failoverPriority: ['rack'] } } },
  });
  expect(labelsLookedAt(traits(byTier, [rule]), 'default')).toEqual(['rack', 'tier', 'app']);
  expect(labelsLookedAt(traits(byTier, [rule]), 'elsewhere')).toEqual(['rack', 'tier']);
});
