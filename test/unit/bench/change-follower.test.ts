// When a numbered change has reached everybody.

import { expect, test } from 'vitest';
import { ChangeFollower } from '../../bench/churn/change-follower.ts';
import { inMinutes, summaryOf, type Usage } from '../../bench/churn/churn-figures.ts';
import { podsAfter, turnIn, turns } from '../../bench/churn/gateway-weight.ts';
import { changeIn, markerOf } from '../../bench/churn/marker.ts';

test('the number of a change is read from the bytes that hold its address, and from no other address', () => {
  const body = (address: string): Buffer => Buffer.from(`\n${String.fromCodePoint(address.length)}${address}\u0018`);
  for (const nth of [0, 99, 100, 12_345, 999_999]) {
    expect(changeIn(Buffer.concat([body('10.10.198.1'), body(markerOf(nth))]))).toBe(nth);
  }
  expect(changeIn(body('10.198.101.101'))).toBeUndefined();
  expect(() => markerOf(1_000_000)).toThrow(RangeError);
});

test('a change is reached when the last proxy of its namespace has it', () => {
  // Proxies 0, 2 and 4 are in the namespace of service 0, proxies 1 and 3 in that of service 1.
  const follower = new ChangeFollower({ services: 4, namespaces: 2, proxies: 5 });
  follower.arrived(0, 0, 10);
  follower.arrived(2, 0, 11);
  follower.arrived(1, 1, 12);
  follower.arrived(1, 1, 13);
  expect(follower.progress()).toEqual({ reached: [], folded: 0 });
  follower.arrived(3, 1, 14);
  follower.arrived(4, 0, 15);
  expect(follower.progress().reached).toEqual([
    { nth: 1, atMs: 14 },
    { nth: 0, atMs: 15 },
  ]);
  expect(follower.progress().reached).toEqual([]);
});

test('a newer change of the same service stands for those that a proxy was not sent, not for those of others', () => {
  const follower = new ChangeFollower({ services: 2, namespaces: 1, proxies: 2 });
  follower.arrived(0, 0, 1);
  follower.arrived(0, 4, 2);
  follower.arrived(1, 4, 3);
  expect(follower.progress()).toEqual({
    reached: [
      { nth: 0, atMs: 3 },
      { nth: 2, atMs: 3 },
      { nth: 4, atMs: 3 },
    ],
    folded: 2,
  });
});

test('a change behind a gateway is told by how many pods the gateway stands for, a few changes long', () => {
  const assignment = (service: number, ...weights: readonly number[]): Buffer => {
    const entries = weights.map((weight) => String.fromCodePoint(0x22, 2, 8, weight)).join('\n');
    return Buffer.from(`\noutbound|80||svc-${service}.load-1.svc.cluster.local${entries}`, 'latin1');
  };
  const endpoints = 2;
  expect(turnIn(assignment(7, 1, 1, 2), endpoints)).toBeUndefined();
  expect([0, 1, 2, 3].map((changes) => turnIn(assignment(7, 1, podsAfter(changes, endpoints)), endpoints))).toEqual([
    { service: 7, turn: 0 },
    { service: 7, turn: 1 },
    { service: 7, turn: 2 },
    { service: 7, turn: 0 },
  ]);

  const follower = new ChangeFollower({ services: 10, namespaces: 1, proxies: 1, remoteEndpoints: endpoints });
  const receive = (changes: number, atMs: number): void =>
    follower.received(
      0,
      { version: `${changes % turns}`, body: assignment(7, 1, podsAfter(changes, endpoints)) },
      atMs,
    );
  for (const changes of [0, 1, 3, 4]) receive(changes, changes);
  expect(follower.progress()).toEqual({
    reached: [
      { nth: 7, atMs: 0 },
      { nth: 17, atMs: 1 },
      { nth: 27, atMs: 3 },
      { nth: 37, atMs: 3 },
      { nth: 47, atMs: 4 },
    ],
    folded: 1,
  });
});

test('a late change counts in the minute in which it was written, and one that came before its acknowledgement as 0', () => {
  const usage = (atMs: number): Usage => ({
    atMs,
    serverCpuMs: atMs / 2,
    clientsCpuMs: 0,
    writersCpuMs: 0,
    registryCpuMs: 0,
    messages: 0,
    rss: 0,
    live: undefined,
    longestTurnMs: 0,
    longestCollectionMs: 0,
  });
  const changes = [
    { writtenMs: 10, storedMs: 30, arrivedMs: 20 },
    { writtenMs: 59_990, storedMs: 60_000, arrivedMs: 60_190 },
    { writtenMs: 60_010, storedMs: 60_020, arrivedMs: 60_110 },
  ];
  const [first, second] = inMinutes(changes, [usage(0), usage(60_000), usage(120_000)]);
  expect(first).toMatchObject({ changes: 2, late: 0.5, written: { max: 200 }, stored: { p50: 0, max: 190 } });
  expect(second).toMatchObject({ changes: 1, late: 0, written: { max: 100 }, serverCpu: 0.5 });
  expect(summaryOf(changes).late).toBeCloseTo(1 / 3);
});
