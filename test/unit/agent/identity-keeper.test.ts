// Renewal in time that the test moves: when it happens, and what a failure does and does not do.

import { expect, test } from 'vitest';
import { AgentError } from '../../../agent/agent-error.ts';
import { IdentityKeeper } from '../../../agent/identity/identity-keeper.ts';
import type { WorkloadCertificate } from '../../../agent/identity/workload-certificate.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { memoryLog } from '../../support/memory-log.ts';

const hourMs = 3_600_000;

/** A keeper whose authority answers each request with what `answer` says: hours to live, or an error. */
function keeperWith(
  answer: (attempt: number) => number | AgentError,
  options: { readonly random?: () => number; readonly initial?: WorkloadCertificate } = {},
) {
  const clock = new FakeClock();
  const { log, lines } = memoryLog();
  const attempts: number[] = [];
  const keeper = new IdentityKeeper({
    clock,
    log,
    random: options.random ?? (() => 0.5),
    initial: options.initial,
    issue: async () => {
      attempts.push(clock.now());
      const result = answer(attempts.length);
      if (result instanceof AgentError) throw result;
      return certificate(attempts.length, clock.now() + result * hourMs);
    },
  });
  return { clock, keeper, attempts, lines };
}

function certificate(number: number, notAfterMs: number): WorkloadCertificate {
  const texts = { keyPem: `key ${number}`, chainPem: `chain ${number}`, rootsPem: 'roots' };
  return { ...texts, spiffeId: 'spiffe://cluster.local/ns/a/sa/b', serialNumber: String(number), notAfterMs };
}

const unreachable = new AgentError('authority-unreachable', 'nobody there');

test('a certificate is renewed at half of its life', async () => {
  const { clock, keeper } = keeperWith(() => 24);
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  expect(await clock.untilNextWakeMs()).toBe(0);
  clock.advance(0);
  expect((await keeper.first).serialNumber).toBe('1');

  expect(await clock.untilNextWakeMs()).toBe(12 * hourMs);
  clock.advance(12 * hourMs);
  expect(await clock.untilNextWakeMs()).toBe(12 * hourMs);
  expect(keeper.current?.serialNumber).toBe('2');

  stop.abort();
  await running;
});

test.each([
  [0, 0.49],
  [0.999_999, 0.51],
])('renewal is spread by one hundredth of the life: random %d gives %d of it', async (random, share) => {
  const { clock, keeper } = keeperWith(() => 100, { random: () => random });
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  await clock.untilNextWakeMs();
  clock.advance(0);
  await keeper.first;

  expect((await clock.untilNextWakeMs()) / (100 * hourMs)).toBeCloseTo(share, 4);
  stop.abort();
  await running;
});

test('failures are repeated for ever with growing pauses, and never take the valid certificate away', async () => {
  const { clock, keeper, lines } = keeperWith((attempt) => (attempt === 1 || attempt > 15 ? 24 : unreachable));
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  await clock.untilNextWakeMs();
  clock.advance(0);
  const first = await keeper.first;
  clock.advance(await clock.untilNextWakeMs());

  const pauses: number[] = [];
  for (let failure = 1; failure <= 14; failure += 1) {
    pauses.push(await clock.untilNextWakeMs());
    expect(keeper.failures).toBe(failure);
    expect(keeper.current).toBe(first);
    clock.advance(pauses.at(-1) ?? 0);
  }
  expect(await clock.untilNextWakeMs()).toBe(12 * hourMs);

  expect(pauses.slice(0, 4)).toEqual([375, 750, 1500, 3000]);
  expect(new Set(pauses.slice(-5))).toEqual(new Set([45_000]));
  expect(keeper).toMatchObject({ failures: 0, current: { serialNumber: '16' } });
  expect(lines.filter((line) => line['code'] === 'authority-unreachable')).toHaveLength(14);
  stop.abort();
  await running;
});

test('every new certificate is told to those who listen, key and chain together', async () => {
  const { clock, keeper } = keeperWith(() => 24);
  const told: string[] = [];
  keeper.onChange(({ keyPem, chainPem }) => told.push(`${keyPem} with ${chainPem}`));
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  for (let round = 0; round < 3; round += 1) clock.advance(await clock.untilNextWakeMs());
  await clock.untilNextWakeMs();

  expect(told).toEqual(['key 1 with chain 1', 'key 2 with chain 2', 'key 3 with chain 3']);
  stop.abort();
  await running;
});

test('a certificate kept from before is used at once and renewed in its turn', async () => {
  const now = new FakeClock().now();
  const { clock, keeper, attempts } = keeperWith(() => 24, { initial: certificate(7, now + 10 * hourMs) });
  expect((await keeper.first).serialNumber).toBe('7');
  const stop = new AbortController();
  const running = keeper.run(stop.signal);

  expect(await clock.untilNextWakeMs()).toBe(5 * hourMs);
  expect(attempts).toEqual([]);
  stop.abort();
  await running;
});

test('an authority whose certificates are nearly over is not asked in a busy loop', async () => {
  const { clock, keeper } = keeperWith(() => 0);
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  await clock.untilNextWakeMs();
  clock.advance(0);
  await keeper.first;

  expect(await clock.untilNextWakeMs()).toBe(1000);
  stop.abort();
  await running;
});
