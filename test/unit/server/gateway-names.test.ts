// Host names of gateways: looked up once, again when their time is over, and kept when that fails.

import { afterEach, expect, it } from 'vitest';
import { GatewayNames } from '../../../server/gateway-names.ts';
import { lookUpName, type FoundAddresses } from '../../../server/look-up-name.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { waitFor } from '../../support/wait-for.ts';

const clock = new FakeClock();
let names: GatewayNames | undefined;
afterEach(() => names?.close());

/** What the name server answers at present, how often it was asked, and names that are used. */
class Scene {
  answer: FoundAddresses | Error = { addresses: ['192.0.2.1'], ttlMs: 20_000 };
  asked = 0;
  used: readonly string[] = ['lb.example.com'];
  readonly names = new GatewayNames({
    clock,
    random: () => 0.5,
    lookUp: async () => {
      this.asked += 1;
      if (this.answer instanceof Error) throw this.answer;
      return this.answer;
    },
    onChange: () => this.ask(),
  });

  ask(): void {
    for (const name of this.used) this.names.resolve(name);
  }

  /** The next look-up comes when its time has come, and not before. */
  async next(): Promise<number> {
    const waitMs = await clock.untilNextWakeMs();
    const before = this.asked;
    clock.advance(waitMs);
    await waitFor(
      () => this.asked,
      (asked) => asked > before,
      { what: 'the next look-up', intervalMs: 1 },
    );
    await clock.untilNextWakeMs();
    return waitMs;
  }
}

function scene(): Scene {
  const opened = new Scene();
  names = opened.names;
  return opened;
}

it('is unknown at first and known a moment later', async () => {
  const opened = scene();
  expect(opened.names.settled).toBe(true);
  expect(opened.names.resolve('lb.example.com')).toEqual({ addresses: [] });
  expect(opened.names.settled).toBe(false);
  await clock.untilNextWakeMs();
  expect(opened.names.settled).toBe(true);
  expect(opened.names.resolve('lb.example.com')).toEqual({ addresses: ['192.0.2.1'] });
  expect(opened.asked).toBe(1);
});

it('is looked up again when its records end, no sooner than after five seconds and no later than after a minute', async () => {
  const opened = scene();
  opened.ask();
  expect(await opened.next()).toBe(20_000);
  opened.answer = { addresses: ['192.0.2.2'], ttlMs: 0 };
  await opened.next();
  expect(opened.names.resolve('lb.example.com')).toEqual({ addresses: ['192.0.2.2'] });
  opened.answer = { addresses: ['192.0.2.2'], ttlMs: 86_400_000 };
  expect(await opened.next()).toBe(5_000);
  expect(await opened.next()).toBe(60_000);
});

it('keeps its addresses while it can’t be resolved, says why, and is tried again sooner', async () => {
  const opened = scene();
  opened.ask();
  await clock.untilNextWakeMs();
  opened.answer = new Error('the name server did not answer');
  await opened.next();
  expect(opened.names.resolve('lb.example.com')).toEqual({
    addresses: ['192.0.2.1'],
    error: 'the name server did not answer',
  });
  expect(await opened.next()).toBeLessThanOrEqual(1_000);
  opened.answer = { addresses: ['192.0.2.9'] };
  await opened.next();
  expect(opened.names.resolve('lb.example.com')).toEqual({ addresses: ['192.0.2.9'] });
});

it('is forgotten when nobody asks for it any more', async () => {
  const opened = scene();
  opened.ask();
  opened.used = [];
  clock.advance(await clock.untilNextWakeMs());
  opened.used = ['other.example.com'];
  opened.ask();
  await clock.untilNextWakeMs();
  expect(opened.asked).toBe(2);
  expect(opened.names.resolve('lb.example.com')).toEqual({ addresses: [] });
});

it('is told by the system where no name server knows it, and is a sentence where nobody does', async () => {
  expect(await lookUpName('localhost')).toMatchObject({ addresses: expect.arrayContaining(['127.0.0.1']) as unknown });
  await expect(lookUpName('nowhere.invalid')).rejects.toThrow(
    /^(there is no such name|the name server did not answer)$/,
  );
});
