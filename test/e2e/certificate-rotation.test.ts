// Certificates that live so short that all are replaced, and the first ones run out, while requests go on.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../demo/pod.ts';
import { startScenario } from '../demo/build-scenario.ts';
import type { Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';
import { AskingAllTheTime } from './asking-all-the-time.ts';

describeLab('certificates that live for half a minute', () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await startScenario({ certificateTtl: '30s' });
  });

  afterAll(() => scenario?.dispose());

  test('are replaced in every Envoy, and outlived, without a failed request', async () => {
    const { one, two } = scenario;
    const both = [one.sleep, one.helloworld, two.helloworld];
    const first = await Promise.all(both.map((pod) => pod.certificate()));
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(50);

    const lastExpiry = Math.max(...first.map(({ expiresAt }) => expiresAt.getTime()));
    await waitFor(
      () => Date.now(),
      (now) => now > lastExpiry,
      { what: 'the first certificates to run out', timeoutMs: 60_000, intervalMs: 500 },
    );
    const second = await Promise.all(both.map((pod) => pod.certificate()));
    // Connections that are open keep the certificates that they were opened with: new ones have to be made.
    const before = await handshakes(two.helloworld);
    await two.helloworld.askToReconnect();
    await asking.more(200);
    await asking.stop();

    expect(asking.failures).toEqual([]);
    expect(asking.versions).toEqual(['v1', 'v2']);
    for (const [index, certificate] of second.entries()) {
      expect(certificate.spiffeId).toBe(first[index]?.spiffeId);
      expect(certificate.serialNumber).not.toBe(first[index]?.serialNumber);
      expect(certificate.expiresAt.getTime()).toBeGreaterThan(lastExpiry);
    }
    expect(await handshakes(two.helloworld)).toBeGreaterThan(before);
    expect(await Promise.all(scenario.pods.map((pod) => pod.rejectedUpdates()))).toEqual(scenario.pods.map(() => 0));
  });
});

/** TLS handshakes that this Envoy completed as a server. */
async function handshakes(pod: Pod): Promise<number> {
  const counters = await pod.stats('^listener\\.0\\.0\\.0\\.0_15006\\.ssl\\.handshake$');
  return [...counters.values()].reduce((sum, value) => sum + value, 0);
}
