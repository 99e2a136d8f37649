// Who writes a status when, on a clock that is moved by hand: exact numbers of writes.

import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { objectKey } from '../../../discovery/model/names.ts';
import type { Problem } from '../../../discovery/model/problem.ts';
import { KubeError, statusError } from '../../../discovery/source/kube/kube-error.ts';
import { ObjectStates } from '../../../server/object-status/object-states.ts';
import { StatusMetrics } from '../../../server/object-status/status-metrics.ts';
import { defaultStatusTimings, StatusWriter } from '../../../server/object-status/status-writer.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { StatusStore } from '../../support/status-store.ts';

const { settleMs, lookMs, rate, pace, recheckMs, completeMs } = defaultStatusTimings;
const signal = new AbortController().signal;

function finding(name: string, severity: Problem['severity'] = 'error'): Problem {
  const code = severity === 'error' ? 'invalid-field' : 'unknown-destination';
  return {
    severity,
    code,
    object: objectKey('VirtualService', 'shop', name),
    field: 'spec.http[0]',
    message: 'mend it',
  };
}

function scene() {
  const clock = new FakeClock();
  const states = new ObjectStates(() => clock.now());
  const store = new StatusStore(states);
  const { log, lines } = memoryLog();
  const world = {
    problems: [] as readonly Problem[] | undefined,
    isComplete: true,
    isCovered: true,
  };
  const writer = (of: ObjectStates = states): StatusWriter =>
    new StatusWriter({
      client: store,
      states: of,
      problems: () => world.problems,
      complete: () => world.isComplete,
      covers: () => world.isCovered,
      clock,
      time: () => clock.now(),
      // No spread.
      random: () => 1,
      metrics: new StatusMetrics(new Registry()),
      log,
    });
  const first = writer();
  /** Looks as often as the leader does. */
  const pass = async (ms: number, by: StatusWriter = first): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += lookMs) {
      await by.look(signal);
      clock.advance(lookMs);
    }
    await by.look(signal);
  };
  return { clock, states, store, world, lines, writer, pass };
}

const accepted = 'isthmus.io/Accepted';
const passed = 'isthmus.io/PassedAnalysis';

describe('a finding', () => {
  it('is written once, and once more when it is gone', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    await pass(60_000);
    expect(store.conditions('a')).toEqual({ [accepted]: 'False', [passed]: 'False' });
    expect(store.status('a')?.validationMessages).toHaveLength(1);
    expect(store.asked).toEqual(['a']);
    world.problems = [];
    await pass(60_000);
    expect(store.conditions('a')).toEqual({ [accepted]: 'True', [passed]: 'True' });
    expect(store.status('a')?.validationMessages).toEqual([]);
    expect(store.asked).toEqual(['a', 'a']);
  });

  it('that is there for a moment only is not written', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    await pass(settleMs - lookMs);
    world.problems = [];
    await pass(60_000);
    expect(store.asked).toEqual([]);
  });

  it('whose words change all the time is written all the same', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    for (let look = 0; look < 10; look += 1) {
      world.problems = [{ ...finding('a'), message: `${look} proxies reject it` }];
      await pass(0);
      await pass(lookMs);
    }
    expect(store.asked.length).toBe(1);
    expect(store.conditions('a')).toEqual({ [accepted]: 'False', [passed]: 'False' });
  });

  it('about an object that was changed since is not written', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    world.isCovered = false;
    await pass(60_000);
    expect(store.asked).toEqual([]);
    world.isCovered = true;
    await pass(lookMs);
    expect(store.asked).toEqual(['a']);
  });

  it('about what has no status is left out', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    store.withStatus = [];
    world.problems = [finding('a'), { ...finding('b'), object: objectKey('Service', 'shop', 'b') }, finding('gone')];
    await pass(60_000);
    expect(store.asked).toEqual([]);
  });
});

it('nothing is written about 10,000 objects without findings', async () => {
  const { store, states, pass } = scene();
  for (let n = 0; n < 10_000; n += 1) store.declare(`a-${n}`);
  await pass(10_000);
  expect(store.asked).toEqual([]);
  expect(states.marked.size).toBe(0);
});

it('nothing is taken back while the list of findings was cut short or is not known', async () => {
  const { store, world, pass } = scene();
  store.declare('a');
  world.problems = [finding('a')];
  await pass(5000);
  world.problems = [{ severity: 'error', code: 'more-problems', message: 'and more' }];
  await pass(60_000);
  world.problems = undefined;
  await pass(60_000);
  expect(store.asked).toEqual(['a']);
});

it('each edit of an object that had a finding is answered, and an edit of another one is not', async () => {
  const { store, world, pass } = scene();
  store.declare('a');
  store.declare('b');
  world.problems = [finding('a')];
  await pass(5000);
  world.problems = [];
  for (let edit = 0; edit < 5; edit += 1) {
    store.declare('a');
    store.declare('b');
    await pass(settleMs);
    expect(store.status('a')?.conditions?.[0]).toMatchObject({ status: 'True', observedGeneration: edit + 2 });
  }
  expect(store.asked).toEqual(Array.from({ length: 6 }, () => 'a'));
});

describe('the rate', () => {
  it('holds for all objects together: the burst at once, the rest evenly', async () => {
    const { store, world, pass, clock } = scene();
    const names = Array.from({ length: 200 }, (_, n) => `a-${String(n).padStart(3, '0')}`);
    for (const name of names) store.declare(name);
    world.problems = names.map((name) => finding(name));
    await pass(settleMs);
    expect(store.asked).toHaveLength(rate.burst);
    const startMs = clock.now();
    await pass(10_000);
    expect(store.asked).toHaveLength(rate.burst + ((clock.now() - startMs) * rate.perSecond) / 1000);
    await pass(60_000);
    expect(store.asked).toEqual(names);
  });

  it('of one object that stays as it is falls, whoever makes it differ', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    await pass(settleMs);
    // Another controller that takes ours for its own.
    for (let seconds = 0; seconds < 600; seconds += 1) {
      store.writeStatus('a', { conditions: [], validationMessages: [] });
      await pass(1000 - lookMs);
    }
    let expected = 1;
    for (let waitMs = pace.firstMs, atMs = 0; atMs + waitMs <= 600_000; waitMs *= 2) {
      atMs += waitMs;
      expected += 1;
    }
    expect(store.asked.length).toBeLessThanOrEqual(expected);
    expect(store.asked.length).toBeGreaterThan(3);
  });
});

describe('what others wrote', () => {
  const foreign = { type: 'Reconciled', status: 'True', lastTransitionTime: '2030-01-01T00:00:00Z' };
  const message = { type: { code: 'IST0108', name: 'UnknownAnnotation' }, level: 'WARNING' };

  it('stays when ours comes and goes', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    store.writeStatus('a', { conditions: [foreign], validationMessages: [message] });
    world.problems = [finding('a')];
    await pass(5000);
    expect(store.status('a')?.conditions?.[0]).toEqual(foreign);
    expect(store.status('a')?.validationMessages?.[0]).toEqual(message);
    expect(store.conditions('a')).toEqual({ Reconciled: 'True', [accepted]: 'False', [passed]: 'False' });
    world.problems = [];
    await pass(60_000);
    expect(store.status('a')?.validationMessages).toEqual([message]);
    expect(store.conditions('a')).toEqual({ Reconciled: 'True', [accepted]: 'True', [passed]: 'True' });
  });

  it('between our look and our write is not lost', async () => {
    const { store, states, world, pass } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    store.isWatched = false;
    store.writeStatus('a', { conditions: [foreign] });
    await pass(settleMs);
    expect(store.conditions('a')).toEqual({ Reconciled: 'True' });
    store.isWatched = true;
    store.tellAll(states);
    await pass(60_000);
    expect(store.conditions('a')).toEqual({ Reconciled: 'True', [accepted]: 'False', [passed]: 'False' });
    expect(store.asked).toEqual(['a', 'a']);
  });
});

it('an object that is gone before the answer about its status is not known again', async () => {
  const { store, states, world, pass } = scene();
  store.declare('a');
  world.problems = [finding('a')];
  store.isWatched = false;
  const key = objectKey('VirtualService', 'shop', 'a');
  store.refuse = () => {
    states.gone(key);
    return undefined;
  };
  await pass(60_000);
  expect(store.asked).toEqual(['a']);
  expect(states.get(key)).toBeUndefined();
  expect(states.marked.size).toBe(0);
});

describe('a new leader', () => {
  it('writes nothing that is there already', async () => {
    const { store, world, pass, writer } = scene();
    store.declare('a');
    store.declare('b');
    world.problems = [finding('a'), finding('b', 'warning')];
    await pass(5000);
    const states = new ObjectStates(() => 0);
    store.tellAll(states);
    await pass(60_000, writer(states));
    expect(store.asked).toHaveLength(2);
  });

  it('takes back what was mended while nobody led', async () => {
    const { store, world, pass, writer } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    await pass(5000);
    world.problems = [];
    const states = new ObjectStates(() => 0);
    store.tellAll(states);
    await pass(5000, writer(states));
    // The first one, which no longer leads, is not asked to look.
    expect(store.conditions('a')).toEqual({ [accepted]: 'True', [passed]: 'True' });
    expect(store.asked).toHaveLength(2);
  });

  it('waits for clusters that have not been read, but not for ever', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    world.isComplete = false;
    await pass(completeMs - lookMs);
    expect(store.asked).toEqual([]);
    await pass(settleMs + lookMs);
    expect(store.asked).toEqual(['a']);
  });
});

describe('what fails', () => {
  it('for lack of rights is said once and tried again from time to time', async () => {
    const { store, world, pass, lines } = scene();
    for (const name of ['a', 'b', 'c']) store.declare(name);
    world.problems = ['a', 'b', 'c'].map((name) => finding(name));
    store.refuse = () => statusError(403, 'no');
    await pass(2 * recheckMs);
    // The first one of each time is asked for all.
    expect(store.asked.length).toBeLessThanOrEqual(2);
    expect(lines.filter(({ level }) => level >= 40)).toHaveLength(1);
    expect(lines[0]?.msg).toContain('virtualservices/status');
    store.refuse = () => undefined;
    await pass(recheckMs + 5000);
    expect(['a', 'b', 'c'].map((name) => store.conditions(name)[accepted])).toEqual(['False', 'False', 'False']);
  });

  it('of one object does not hold up the others', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    store.declare('b');
    world.problems = [finding('a'), finding('b')];
    store.refuse = (name) => (name === 'a' ? statusError(422, 'invalid') : undefined);
    await pass(60_000);
    expect(store.conditions('b')).toEqual({ [accepted]: 'False', [passed]: 'False' });
    expect(store.asked.filter((name) => name === 'a').length).toBeLessThan(10);
  });

  it('because the API server is away is tried again ever later, one object for all', async () => {
    const { store, world, pass, lines } = scene();
    const names = Array.from({ length: 50 }, (_, n) => `a-${n}`);
    for (const name of names) store.declare(name);
    world.problems = names.map((name) => finding(name));
    store.refuse = () => new KubeError('unreachable', "the API server can't be reached");
    await pass(120_000);
    expect(store.asked.length).toBeLessThan(10);
    expect(lines.filter(({ level }) => level >= 40)).toHaveLength(1);
    store.refuse = () => undefined;
    await pass(180_000);
    expect(names.every((name) => store.conditions(name)[accepted] === 'False')).toBe(true);
  });

  it('because the server asks for a pause is not tried before', async () => {
    const { store, world, pass } = scene();
    store.declare('a');
    world.problems = [finding('a')];
    store.refuse = () => statusError(429, 'later', '30');
    await pass(settleMs + 29_000);
    expect(store.asked).toHaveLength(1);
  });

  it('because the object is gone is nothing to say', async () => {
    const { store, states, world, pass, lines } = scene();
    store.declare('a');
    store.remove('a');
    world.problems = [finding('a')];
    await pass(settleMs);
    states.gone(objectKey('VirtualService', 'shop', 'a'));
    await pass(60_000);
    expect(store.asked).toEqual(['a']);
    expect(lines.filter(({ level }) => level >= 40)).toEqual([]);
  });
});
