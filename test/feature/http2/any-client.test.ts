// Whatever a client does that keeps the rules: all that it sends is answered once and in order, nothing hangs, and the connection ends
// clean.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ModelClient, type Step } from '../../support/http2/model-client.ts';
import { RawClient } from '../../support/http2/raw-client.ts';
import { openScene } from '../../support/http2/transport-scene.ts';

const stream = fc.nat({ max: 7 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('open' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      stream,
      bytes: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 40_000 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('half-close' as const), stream }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), stream }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('grant' as const), stream, bytes: fc.integer({ min: 1, max: 50_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('settings' as const),
      initialWindowSize: fc.oneof(fc.nat({ max: 10 }), fc.nat({ max: 100_000 })),
      maxFrameSize: fc.integer({ min: 16_384, max: 40_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ping' as const) }) },
);

/** Sizes of writes; large ones put many frames into one. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1000, max: 100_000 })), {
  minLength: 1,
  maxLength: 10,
});

test(
  'any client that keeps the rules is answered all that it sent, once and in order',
  { timeout: 60_000 },
  async () => {
    await using scene = await openScene();
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), cuts, async (steps, cutSizes) => {
      using client = await RawClient.connect(scene.port.port);
      const model = new ModelClient(client, cutSizes);
      const interruptedBefore = scene.interrupted.length;
      for (const each of steps) {
        model.take(each);
        // What has come meanwhile is read between some of them.
        if (each.kind === 'ping') await client.roundTrip();
      }
      await model.finish();
      await client.roundTrip();
      expect(model.wrongAnswers()).toEqual([]);
      expect(client.ledger.violations).toEqual([]);
      await expect.poll(() => scene.open()).toBe(0);
      expect(scene.interrupted.length - interruptedBefore).toBeLessThanOrEqual(model.resets);
      client.socket.end();
      expect((await client.end()).code ?? 'noError').toBe('noError');
    });
    await fc.assert(property, { numRuns: 60, endOnFailure: true });
    expect(scene.errors).toEqual([]);
  },
);
