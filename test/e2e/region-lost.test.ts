// A whole region goes away at once, as when its power fails: nobody says goodbye. What is left must go on by itself.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../demo/ask.ts';
import { exampleDirectory } from '../demo/example.ts';
import { routesContain } from '../demo/promises.ts';
import { startScenario } from '../demo/build-scenario.ts';
import type { Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';

describeLab('when a region is lost', () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await startScenario();
  });

  afterAll(() => scenario?.dispose());

  test('the other one keeps answering its workloads, from its own', async () => {
    const { one, two } = scenario;
    await waitFor(
      async () => (await ask(one.sleep.host, 20)).versions.size,
      (versions) => versions === 2,
      { what: 'both versions to answer' },
    );

    await Promise.all([two.controlPlane, two.gateway, two.helloworld, two.sleep].map((part) => part.kill()));

    const answers = await ask(one.sleep.host, 100);
    expect({ versions: Object.fromEntries(answers.versions), failures: Object.fromEntries(answers.failures) }).toEqual({
      versions: { v1: 100 },
      failures: {},
    });
    await one.controlPlane.ready();
    const clusters = await one.controlPlane.clusters();
    expect(clusters.find(({ clusterId }) => clusterId === 'cluster-1')).toMatchObject({
      mode: 'primary',
      phase: 'running',
    });
    await scenario.settled(one.controlPlane);
  });

  test('a control plane that starts now, without the other region, is ready, serves its own and follows changes', async () => {
    const { one } = scenario;
    await one.controlPlane.kill();
    one.controlPlane.start();
    await one.controlPlane.ready();
    await scenario.settled(one.controlPlane);

    const answers = await ask(one.sleep.host, 20);
    expect(Object.fromEntries(answers.versions)).toEqual({ v1: 20 });
    await scenario.apply(join(exampleDirectory, 'canary.yaml'));
    await routesContain(one.sleep, '"outbound|5000|v1|helloworld.sample.svc.cluster.local"');
  });
});
