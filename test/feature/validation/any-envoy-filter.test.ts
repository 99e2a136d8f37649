// Whatever somebody writes into an EnvoyFilter: nothing crashes, what is accepted gives nothing that Envoy rejects, and once it is gone
// everything is as it was.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EnvoyFilterPolicy } from '../../../discovery/model/policy.ts';
import { convertEnvoyFilter } from '../../../discovery/policy/envoy-filter/envoy-filter.ts';
import { anyEnvoyFilter } from '../../support/any-envoy-filter.ts';
import { validate } from '../../support/envoy.ts';
import { asBootstrap, firstMistake } from '../../support/generate-all.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';
import { gateway, generated, webSidecar } from '../../unit/patch/patch-scene.ts';

const proxies = [webSidecar, gateway];

function accepted(spec: object): EnvoyFilterPolicy | undefined {
  const { value, problems } = convertEnvoyFilter(
    objectOf(policyManifest('EnvoyFilter', 'it', spec, { namespace: 'default' })),
  );
  for (const { code, message, field } of problems) {
    expect(code).toMatch(/^[a-z0-9-]+$/);
    expect(message).toMatch(/[.?]$/);
    expect(field).toMatch(/^spec/);
  }
  return value;
}

test('nothing crashes, and what is made has no field that its message lacks', () => {
  fc.assert(
    fc.property(anyEnvoyFilter, (spec) => {
      const policy = accepted(spec);
      if (policy === undefined) return;
      for (const proxy of proxies) expect(firstMistake(generated(proxy, policy))).toBeUndefined();
    }),
    { numRuns: 1500, seed: 20_261_122, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
  );
}, 60_000);

test('Envoy takes a sample of what is accepted', { timeout: 300_000 }, async () => {
  const policies = fc
    .sample(anyEnvoyFilter, { seed: 11, numRuns: Number(process.env['RUNS'] ?? 500) })
    .flatMap((spec) => accepted(spec) ?? []);
  const bootstraps = new Map<string, EnvoyFilterPolicy>();
  for (const policy of policies) {
    for (const proxy of proxies) bootstraps.set(JSON.stringify(asBootstrap(generated(proxy, policy))), policy);
  }
  const rejected: unknown[] = [];
  const pending = [...bootstraps];
  const work = async (): Promise<void> => {
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [bootstrap, policy] = next;
      const result = await validate(bootstrap);
      if (result.kind === 'rejected') rejected.push([result.reason, JSON.stringify(policy.patches)]);
    }
  };
  await Promise.all([work(), work()]);
  expect(bootstraps.size).toBeGreaterThan(50);
  expect(rejected).toEqual([]);
});
