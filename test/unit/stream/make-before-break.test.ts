import { describe, expect, test } from 'vitest';
import { mayAdd, mayRemove, type Progress, type ProgressOf } from '../../../server/stream/make-before-break.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';

const { cluster, endpoint, listener, route, virtualHost, secret } = typeUrls;
const idle: Progress = {
  unsent: 'none',
  inFlight: false,
  introduces: false,
  owesAnswers: false,
  stuck: false,
  rejected: false,
};

function stream(types: Readonly<Record<string, Partial<Progress>>>): ProgressOf {
  return (typeUrl) => (types[typeUrl] === undefined ? undefined : { ...idle, ...types[typeUrl] });
}

describe('additions', () => {
  test.each([listener, route, virtualHost])('of %s wait for clusters that are not sent or not accepted', (typeUrl) => {
    expect(mayAdd(typeUrl, stream({ [cluster]: { unsent: 'additions' } }))).toBe(false);
    expect(mayAdd(typeUrl, stream({ [cluster]: { inFlight: true, introduces: true } }))).toBe(false);
    expect(mayAdd(typeUrl, stream({ [endpoint]: { owesAnswers: true } }))).toBe(false);
    expect(mayAdd(typeUrl, stream({ [cluster]: {}, [endpoint]: { inFlight: true } }))).toBe(true);
  });

  test.each([cluster, endpoint, secret])('of %s wait for nothing', (typeUrl) => {
    const busy = { unsent: 'additions', inFlight: true, introduces: true } as const;
    expect(mayAdd(typeUrl, stream({ [cluster]: busy, [endpoint]: busy, [route]: busy }))).toBe(true);
  });

  test('wait neither for what is stuck, nor for a removal of clusters, nor for a rejected one', () => {
    expect(mayAdd(route, stream({ [cluster]: { inFlight: true, introduces: true, stuck: true } }))).toBe(true);
    expect(mayAdd(route, stream({ [cluster]: { unsent: 'removals' } }))).toBe(true);
    expect(mayAdd(route, stream({ [cluster]: { rejected: true } }))).toBe(true);
  });

  test('of virtual hosts wait for their route configuration to be sent, not to be accepted', () => {
    expect(mayAdd(virtualHost, stream({ [route]: { unsent: 'additions', inFlight: true } }))).toBe(false);
    expect(mayAdd(virtualHost, stream({ [route]: { inFlight: true } }))).toBe(true);
  });
});

describe('removals', () => {
  test.each([listener, route, virtualHost])('of clusters and endpoints wait for %s', (typeUrl) => {
    for (const removed of [cluster, endpoint]) {
      expect(mayRemove(removed, stream({ [typeUrl]: { unsent: 'additions' } }))).toBe(false);
      expect(mayRemove(removed, stream({ [typeUrl]: { inFlight: true } }))).toBe(false);
      expect(mayRemove(removed, stream({ [typeUrl]: { rejected: true } }))).toBe(false);
      expect(mayRemove(removed, stream({ [typeUrl]: {} }))).toBe(true);
    }
  });

  test('of endpoints wait for those of clusters', () => {
    expect(mayRemove(endpoint, stream({ [cluster]: { unsent: 'removals' } }))).toBe(false);
    expect(mayRemove(endpoint, stream({ [cluster]: { inFlight: true } }))).toBe(false);
  });

  test('of everything else wait for nothing', () => {
    expect(mayRemove(listener, stream({ [route]: { rejected: true, inFlight: true } }))).toBe(true);
  });
});
