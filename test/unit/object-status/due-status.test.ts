// What a status says of findings, and when it has to be written.

import { describe, expect, it } from 'vitest';
import { objectKey } from '../../../discovery/model/names.ts';
import type { Problem } from '../../../discovery/model/problem.ts';
import { dueStatus } from '../../../server/object-status/due-status.ts';
import { reasonOf } from '../../../server/object-status/finding-words.ts';
import type { ObjectState } from '../../../server/object-status/object-states.ts';

const key = objectKey('VirtualService', 'shop', 'a');
const state: ObjectState = {
  key,
  kind: 'VirtualService',
  place: { apiVersion: 'networking.istio.io/v1', plural: 'virtualservices', namespace: 'shop' },
  name: 'a',
  resourceVersion: '7',
  generation: 3,
  conditions: [],
  validationMessages: [],
  seenAtMs: 0,
};
const refused: Problem = {
  severity: 'error',
  code: 'invalid-regex',
  object: key,
  field: 'spec.http[0].match[0].uri.regex',
  message: '"(" is no regular expression: correct it',
};
const missing: Problem = {
  severity: 'warning',
  code: 'unknown-destination',
  object: key,
  field: 'spec.http[1].route[0].destination.host',
  message: 'there is no reviews.shop: create it',
};
const timeMs = Date.parse('2030-01-01T00:00:00.500Z');

/** The state once that was written. */
function written(before: ObjectState, problems: readonly Problem[], atMs = timeMs): ObjectState {
  const { conditions, validationMessages = before.validationMessages } = dueStatus(before, problems, atMs) ?? before;
  return { ...before, conditions, validationMessages };
}

it('an object that is refused is not accepted, and the first reason, every text and the generation are told', () => {
  const due = dueStatus(state, [missing, refused], timeMs);
  const shared = {
    status: 'False',
    reason: 'InvalidRegex',
    lastTransitionTime: '2030-01-01T00:00:00Z',
    observedGeneration: 3,
  };
  const refusal = 'spec.http[0].match[0].uri.regex: "(" is no regular expression: correct it [invalid-regex]';
  const lack = 'spec.http[1].route[0].destination.host: there is no reviews.shop: create it [unknown-destination]';
  expect(due?.conditions).toEqual([
    { type: 'isthmus.io/Accepted', ...shared, message: refusal },
    { type: 'isthmus.io/PassedAnalysis', ...shared, message: `${refusal}\n${lack}` },
  ]);
  expect(due?.validationMessages).toEqual([
    { type: { name: 'isthmus.io/invalid-regex' }, level: 'ERROR' },
    {
      type: { code: 'IST0101', name: 'isthmus.io/unknown-destination' },
      level: 'WARNING',
      documentationUrl: 'https://istio.io/latest/docs/reference/config/analysis/ist0101/',
    },
  ]);
});

it('an object that is obeyed and does not do all that it says is accepted and has not passed', () => {
  const conditions = dueStatus(state, [missing], timeMs)?.conditions.map(({ type, status, reason }) => [
    type,
    status,
    reason,
  ]);
  expect(conditions).toEqual([
    ['isthmus.io/Accepted', 'True', 'Accepted'],
    ['isthmus.io/PassedAnalysis', 'False', 'UnknownDestination'],
  ]);
});

describe('nothing is due', () => {
  it('for an object about which nothing was ever said', () => {
    expect(dueStatus(state, [], timeMs)).toBeUndefined();
  });

  it('later, in another order, or from another replica', () => {
    const before = written(state, [refused, missing]);
    expect(dueStatus(before, [missing, refused], timeMs + 3_600_000)).toBeUndefined();
  });

  it('where the definition keeps no generation of a condition', () => {
    const known = written(state, [refused]);
    const conditions = known.conditions.map((condition) =>
      Object.fromEntries(Object.entries(condition).filter(([name]) => name !== 'observedGeneration')),
    );
    expect(dueStatus({ ...known, conditions, generation: 4 }, [refused], timeMs + 60_000)).toBeUndefined();
    expect(dueStatus({ ...known, conditions }, [missing], timeMs)?.conditions[0]).toMatchObject({
      observedGeneration: 3,
    });
  });

  it('once it was taken back', () => {
    expect(dueStatus(written(written(state, [refused]), []), [], timeMs)).toBeUndefined();
  });
});

it('a condition keeps its time until it becomes another one', () => {
  const before = written(state, [refused]);
  const later = written({ ...before, generation: 4 }, [refused, missing], timeMs + 60_000);
  expect(later.conditions.map((each) => each['lastTransitionTime'])).toEqual(Array(2).fill('2030-01-01T00:00:00Z'));
  const mended = written({ ...later, generation: 5 }, [missing], timeMs + 120_000);
  expect(mended.conditions.map((each) => each['lastTransitionTime'])).toEqual([
    '2030-01-01T00:02:00Z',
    '2030-01-01T00:00:00Z',
  ]);
});

it('a status stays small however much is found', () => {
  const many = Array.from({ length: 1000 }, (_, n) => ({ ...refused, code: `code-${n}`, message: 'x'.repeat(5000) }));
  const text = JSON.stringify(dueStatus(state, many, timeMs));
  expect(text.length).toBeLessThan(20_000);
  expect(text).toContain('and 990 more');
});

it('a reason is one word, as conditions have it', () => {
  expect(reasonOf('rejected-by-proxy')).toBe('RejectedByProxy');
});
