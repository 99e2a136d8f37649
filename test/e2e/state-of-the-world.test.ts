// The same mesh for Envoys that speak the older variant of the protocol: every response carries all resources of a type, and routes
// travel whole.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../demo/ask.ts';
import { startScenario } from '../demo/build-scenario.ts';
import { exampleDirectory } from '../demo/example.ts';
import { routesContain, subsetsArrived } from '../demo/promises.ts';
import { writeRegistryFile } from '../demo/scenario.ts';
import type { Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';
import { AskingAllTheTime } from './asking-all-the-time.ts';

describeLab('Envoys that speak state of the world', () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await startScenario({ ads: 'sotw' });
  });

  afterAll(() => scenario?.dispose());

  test('are answered from both clusters, follow a rule without a failed request, and reject nothing', async () => {
    const { one } = scenario;
    const proxies = (await Promise.all(scenario.regions.map(({ controlPlane }) => controlPlane.proxies()))).flat();
    expect(new Set(proxies.map(({ variant }) => variant))).toEqual(new Set(['sotw']));
    await waitFor(
      async () => (await ask(one.sleep.host, 20)).versions.size,
      (versions) => versions === 2,
      { what: 'both versions to answer' },
    );
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(20);

    // First what the far gateway must know of the rule, then the rule where the requests start.
    const canary = await readFile(join(exampleDirectory, 'canary.yaml'), 'utf8');
    const [rule = '', subsets = ''] = canary.split('---\n');
    await Promise.all(scenario.regions.map((region) => writeRegistryFile(region, 'subsets.yaml', subsets)));
    await subsetsArrived(scenario);
    await writeRegistryFile(one, 'rule.yaml', rule);
    await routesContain(one.sleep, '"outbound|5000|v2|helloworld.sample.svc.cluster.local"');

    const answers = await ask(one.sleep.host, 200);
    expect(answers.versions.get('v1')).toBeGreaterThan(140);
    expect(answers.versions.get('v2')).toBeGreaterThan(0);
    await asking.stop();
    expect(asking.failures).toEqual([]);
    expect(await Promise.all(scenario.pods.map((pod) => pod.rejectedUpdates()))).toEqual(scenario.pods.map(() => 0));
  });
});
