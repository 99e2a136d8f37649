// Envoys and agents of two regions whose control planes serve them by two workers each, and what a worker's death is to them.

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

describeLab('Envoys of control planes with workers', () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await startScenario({ workers: 2 });
  });

  afterAll(() => scenario?.dispose());

  test('get certificates and configuration, keep both through the death of all workers, and follow what comes then', async () => {
    const { one } = scenario;
    for (const { controlPlane } of scenario.regions) {
      expect(await controlPlane.metric('isthmus_worker_up')).toBe(2);
      expect(await controlPlane.metric('isthmus_worker_streams')).toBeGreaterThanOrEqual(3);
    }
    await waitFor(
      async () => (await ask(one.sleep.host, 20)).versions.size,
      (versions) => versions === 2,
      { what: 'both versions to answer' },
    );
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(20);
    const workers = await workersOf(one.controlPlane.name);
    expect(workers).toHaveLength(2);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await waitFor(
      () => workersOf(one.controlPlane.name),
      (pids) => pids.length === 4,
      { what: 'two other workers' },
    );
    await waitFor(
      () => one.controlPlane.proxies(),
      (proxies) => proxies.length === 3,
      { what: 'the proxies to be back', timeoutMs: 60_000 },
    );
    expect(await one.controlPlane.metric('isthmus_worker_restarts_total')).toBe(2);

    const canary = await readFile(join(exampleDirectory, 'canary.yaml'), 'utf8');
    const [rule = '', subsets = ''] = canary.split('---\n');
    await Promise.all(scenario.regions.map((region) => writeRegistryFile(region, 'subsets.yaml', subsets)));
    await subsetsArrived(scenario);
    await writeRegistryFile(one, 'rule.yaml', rule);
    await routesContain(one.sleep, '"outbound|5000|v2|helloworld.sample.svc.cluster.local"');
    await asking.stop();
    expect(asking.failures).toEqual([]);
    expect(await Promise.all(scenario.pods.map((pod) => pod.rejectedUpdates()))).toEqual(scenario.pods.map(() => 0));
  });

  /** Process ids of all workers that the instance ever had, in the order of their starts. */
  async function workersOf(instance: string): Promise<readonly number[]> {
    const log = await readFile(join(scenario.logDirectory, `${instance}.log`), 'utf8');
    return [...log.matchAll(/"workerPid":(\d+)/g)].map(([, pid]) => Number(pid));
  }
});
