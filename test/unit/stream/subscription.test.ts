import { expect, test } from 'vitest';
import { emptyResourceSet, type TypeSnapshot } from '../../../server/cache/type-snapshot.ts';
import { resourceName } from '../../../server/cache/encoded-resource.ts';
import { SharedAnswers } from '../../../server/stream/shared-answers.ts';
import { NameSetPool } from '../../../server/stream/name-set.ts';
import { Subscription } from '../../../server/stream/subscription.ts';
import { ruleOf, typeUrls } from '../../../server/stream/type-rules.ts';
import { encodeLabelled } from '../../support/labelled-resource.ts';

const all = { additions: true, removals: true, maxBytes: Number.POSITIVE_INFINITY };
const names = Array.from({ length: 500 }, (_, index) => `n${index}`);

function snapshotOf(label: string): TypeSnapshot {
  const entries = names.map((name) => [resourceName(name), encodeLabelled(typeUrls.endpoint, name, label)] as const);
  return { parts: [emptyResourceSet.with(entries)] };
}

const answers = new SharedAnswers();

function subscribe(pool: NameSetPool): Subscription {
  const subscription = new Subscription({
    rule: ruleOf(typeUrls.endpoint),
    variant: 'delta',
    names: pool,
    answers,
  });
  subscription.updateDelta({ subscribe: names, unsubscribe: [], initialVersions: new Map() });
  return subscription;
}

test('an idle subscription keeps nothing for its resources but what others have too', () => {
  const pool = new NameSetPool();
  const snapshot = snapshotOf('1');
  const subscriptions = [subscribe(pool), subscribe(pool)];
  for (const subscription of subscriptions) {
    const pending = subscription.compare(snapshot);
    expect(pending?.additions).toHaveLength(500);
    if (pending !== undefined) subscription.take(pending, all);
    expect(subscription.client.exceptionCount).toBe(0);
  }
  expect(subscriptions[0]?.subscribed.names).toBe(subscriptions[1]?.subscribed.names);
});

test('removals that have to wait are remembered, and forgotten when the resource comes back', () => {
  const subscription = subscribe(new NameSetPool());
  const full = snapshotOf('1');
  const first = subscription.compare(full);
  if (first !== undefined) subscription.take(first, all);
  const without = { parts: [emptyResourceSet] };
  const pending = subscription.compare(without);
  expect(pending?.removals).toHaveLength(500);
  expect(pending === undefined ? undefined : subscription.take(pending, { ...all, removals: false })).toBeUndefined();
  expect(subscription.compare(full)).toBeUndefined();
});

test('streams in the same state share what they are sent, piece by piece, until one of them wants something else', () => {
  const pool = new NameSetPool();
  const some = { ...all, maxBytes: 1000 };
  const [one, other] = [subscribe(pool), subscribe(pool)];
  const before = snapshotOf('1');
  const exchange = (subscription: Subscription, target: TypeSnapshot) => {
    const pending = subscription.compare(target);
    return pending === undefined ? undefined : subscription.take(pending, some);
  };
  let pieces = 0;
  for (let piece = exchange(one, before); piece !== undefined; piece = exchange(one, before)) {
    expect(exchange(other, before)).toBe(piece);
    pieces += 1;
  }
  expect(pieces).toBeGreaterThan(10);
  expect(exchange(other, before)).toBeUndefined();

  const after = snapshotOf('2');
  expect(exchange(other, after)).toBe(exchange(one, after));
  expect(one.client.owesAnswers).toBe(false);
  other.updateDelta({ subscribe: [], unsubscribe: names.slice(0, 250), initialVersions: new Map() });
  const rest: Record<'one' | 'other', Set<string>> = { one: new Set(), other: new Set() };
  for (const [name, subscription] of Object.entries({ one, other })) {
    for (let piece = exchange(subscription, after); piece !== undefined; piece = exchange(subscription, after)) {
      for (const resource of piece.resources) rest[name === 'one' ? 'one' : 'other'].add(resource.name);
    }
  }
  const stillWanted = [...rest.one].filter((name) => !names.slice(0, 250).includes(name));
  expect([...rest.other]).toEqual(stillWanted);
  expect(stillWanted.length).toBeLessThan(rest.one.size);
});
