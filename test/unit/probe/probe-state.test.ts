// The verdict on a gateway: when it leaves, when it returns, and what is never concluded.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterProbe, firstState, type ProbeState } from '../../../server/probe/probe-state.ts';

/** `x` fails, `o` succeeds. */
function after(results: string, start: ProbeState = firstState(0)): ProbeState {
  let state = start;
  for (let index = 0; index < results.length; index += 1) {
    state = afterProbe(state, results[index] === 'x' ? 'ECONNREFUSED' : undefined, index + 1);
  }
  return state;
}

test.each([
  ['', 'unknown'],
  ['x', 'unknown'],
  ['xxxxxxxxxx', 'unknown'],
  ['xxxxo', 'reachable'],
  ['o', 'reachable'],
  ['ox', 'reachable'],
  ['oxx', 'reachable'],
  ['oxxx', 'unreachable'],
  ['oxxoxx', 'reachable'],
  ['oxxxo', 'unreachable'],
  ['oxxxoo', 'reachable'],
  ['oxxxoxo', 'unreachable'],
])('after %j it is %s', (results, verdict) => {
  expect(after(results).verdict).toBe(verdict);
});

test('the time of a verdict is when it was reached', () => {
  expect(after('ooxxxxx')).toMatchObject({ verdict: 'unreachable', sinceMs: 5, lastError: 'ECONNREFUSED' });
});

test('what never answered is never called dead', () => {
  fc.assert(
    fc.property(fc.nat(200), (failures) => {
      expect(after('x'.repeat(failures)).verdict).toBe('unknown');
    }),
  );
});

test('dead needs three failures in a row right before, alive again two successes in a row', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('o', 'x'), maxLength: 40 }), (results) => {
      const verdicts = Array.from({ length: results.length + 1 }, (_, end) => after(results.slice(0, end)).verdict);
      const turnedTo = (verdict: string): readonly string[] =>
        verdicts.flatMap((now, end) =>
          now === verdict &&
          verdicts[end - 1] !== undefined &&
          verdicts[end - 1] !== now &&
          verdicts[end - 1] !== 'unknown'
            ? [results.slice(0, end)]
            : [],
        );
      expect(turnedTo('unreachable').every((before) => before.endsWith('xxx'))).toBe(true);
      expect(turnedTo('reachable').every((before) => before.endsWith('oo'))).toBe(true);
    }),
  );
});
