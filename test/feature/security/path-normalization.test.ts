// MeshConfig says what is done to paths before rules look at them: a path that is written otherwise is no way around a rule.

import { expect, test } from 'vitest';
import type { MeshConfig } from '../../../discovery/model/mesh-config.ts';
import { guardInEnvoy } from './guarded-envoy.ts';
import { securityPolicy } from './security-policy.ts';

const policies = [securityPolicy({ action: 'DENY', rules: [{ to: [{ operation: { paths: ['/admin*'] } }] }] })];
const how = (pathNormalization: MeshConfig['pathNormalization']) => () => ({ policies, config: { pathNormalization } });

test('each way of normalizing paths refuses what it makes of a path', { timeout: 60_000 }, async () => {
  await using envoy = await guardInEnvoy({
    workloads: {
      none: how('none'),
      base: how('base'),
      merge: how('merge-slashes'),
      decode: how('decode-and-merge-slashes'),
    },
  });
  const refused = async (workload: string): Promise<readonly string[]> => {
    const paths = ['/admin', '/x/../admin', '//admin', '/%2Fadmin'];
    const answers = await Promise.all(paths.map(async (path) => (await envoy.ask(workload, { path })).status));
    return paths.filter((_path, index) => answers[index] === 403);
  };
  expect(await refused('none')).toEqual(['/admin']);
  expect(await refused('base')).toEqual(['/admin', '/x/../admin']);
  expect(await refused('merge')).toEqual(['/admin', '/x/../admin', '//admin']);
  expect(await refused('decode')).toEqual(['/admin', '/x/../admin', '//admin', '/%2Fadmin']);
});
