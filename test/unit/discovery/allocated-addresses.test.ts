// Addresses that hosts are given: a function of the set of hosts, unlike each other, and steady.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AllocatedAddresses } from '../../../discovery/mesh/allocated-addresses.ts';
import { hostname, type Hostname } from '../../../discovery/model/names.ts';

const hostNumber = (index: number): Hostname => hostname(`service-${index}.shop.svc.cluster.local`);
const hosts = (count: number): readonly Hostname[] => Array.from({ length: count }, (_, index) => hostNumber(index));

function allocate(all: Iterable<Hostname>): AllocatedAddresses {
  const allocated = new AllocatedAddresses();
  allocated.update([...all].map((host) => [host, true]));
  return allocated;
}

test('a host has one address of each reserved range', () => {
  const [ipv4, ipv6, ...more] = allocate([hostNumber(1)]).of(hostNumber(1));
  expect(ipv4).toMatch(/^240\.240\.\d+\.\d+$/);
  expect(ipv6).toMatch(/^2001:2:0:/);
  expect(more).toEqual([]);
  expect(allocate([]).of(hostNumber(1))).toEqual([]);
});

test('addresses are written down: another version of the program must give the same', () => {
  const allocated = allocate([hostname('helloworld.sample.svc.cluster.local')]);
  expect(allocated.of(hostname('helloworld.sample.svc.cluster.local'))).toMatchInlineSnapshot(`
    [
      "240.240.86.243",
      "2001:2:0:3e13:d010:2db0:a4d2:e8b4",
    ]
  `);
});

test('no two of 20,000 hosts share an address, and none ends in 0 or 255', () => {
  const all = hosts(20_000);
  const allocated = allocate(all);
  const addresses = all.flatMap((host) => allocated.of(host));
  expect(addresses).toHaveLength(40_000);
  expect(new Set(addresses).size).toBe(40_000);
  expect(addresses.filter((address) => /\.(0|255)$/.test(address))).toEqual([]);
});

test('more hosts than places: the rest has IPv6 alone', () => {
  const all = hosts(70_000);
  const allocated = allocate(all);
  const counts = Map.groupBy(all, (host) => allocated.of(host).length);
  expect(counts.get(2)?.length).toBeLessThanOrEqual(65_011);
  expect(counts.get(2)?.length).toBeGreaterThan(63_000);
  expect((counts.get(1)?.length ?? 0) + (counts.get(2)?.length ?? 0)).toBe(70_000);
});

describe('the set of hosts alone', () => {
  // Enough hosts that most of those that come or go meet somebody.
  const crowd = hosts(30_000);
  const base = allocate(crowd);

  test('decides, not the order in which they came', () => {
    const reversed = allocate(crowd.toReversed());
    expect(crowd.filter((host) => reversed.of(host).join() !== base.of(host).join())).toEqual([]);
  });

  test('decides, not who else was there in between', () => {
    const guests = Array.from({ length: 3000 }, (_, index) => hostname(`guest-${index}.example.com`));
    const allocated = allocate(guests);
    allocated.update(crowd.map((host) => [host, true]));
    allocated.update(guests.map((host) => [host, false]));
    expect(crowd.filter((host) => allocated.of(host).join() !== base.of(host).join())).toEqual([]);
    expect(allocated.of(hostname('guest-1.example.com'))).toEqual([]);
  });

  test('decides, whatever comes and goes', () => {
    const some = fc.array(fc.tuple(fc.nat(400), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(some, (changes) => {
        const allocated = new AllocatedAddresses();
        const there = new Set<Hostname>();
        for (const [index, isThere] of changes) {
          const host = hostNumber(index % 40);
          if (isThere) there.add(host);
          else there.delete(host);
          allocated.update([[host, isThere]]);
        }
        const fresh = allocate(there);
        for (let index = 0; index < 40; index += 1) {
          expect(allocated.of(hostNumber(index))).toEqual(fresh.of(hostNumber(index)));
        }
      }),
    );
  });
});

test('a host that comes moves few others, and all that moved are told', () => {
  const all = hosts(5000);
  const allocated = allocate(all);
  const before = new Map(all.map((host) => [host, allocated.of(host).join()]));
  let moves = 0;
  for (let index = 0; index < 1000; index += 1) {
    const guest = hostname(`guest-${index}.example.com`);
    const told = allocated.update([[guest, true]]);
    const moved = [...told].filter((host) => host !== guest);
    moves += moved.length;
    expect(told).toContain(guest);
    for (const host of moved) before.delete(host);
  }
  expect(moves).toBeLessThan(100);
  for (const [host, addresses] of before) expect(allocated.of(host).join()).toBe(addresses);
});

test('the IPv6 address of a host never moves', () => {
  const all = hosts(40_000);
  const allocated = allocate(all);
  for (const host of all.slice(0, 500)) expect(allocated.of(host).at(-1)).toBe(allocate([host]).of(host).at(-1));
});
