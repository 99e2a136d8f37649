// Proxies that came together do not go together: a connection is told to go elsewhere at its age, a tenth sooner or later by chance.

import { expect, test } from 'vitest';
import { RawClient } from '../../support/http2/raw-client.ts';
import { frameTypes } from '../../support/http2/raw-frames.ts';
import { openScene } from '../../support/http2/transport-scene.ts';

const ageMs = 1000;

test('connections that came at once are told to go over a fifth of their age, none before nine tenths of it', async () => {
  await using scene = await openScene({ limits: { maxConnectionAgeMs: ageMs } });
  const ages = await Promise.all(
    Array.from({ length: 24 }, async () => {
      const openedMs = performance.now();
      using client = await RawClient.connect(scene.port.port);
      await client.frame(({ type }) => type === frameTypes.goaway, 'the farewell');
      return performance.now() - openedMs;
    }),
  );
  // Timers of Node count whole milliseconds. All 24 within a tenth of the range is less likely than one in 10^20.
  expect(Math.min(...ages)).toBeGreaterThan(0.9 * ageMs - 2);
  expect(Math.max(...ages) - Math.min(...ages)).toBeGreaterThan(0.02 * ageMs);
});
