// Owners of tokens are asked for once and remembered for a short time.
import { expect, it } from 'vitest';
import type { TokenOwner } from '../../../ca/authenticate-token.ts';
import { CaError } from '../../../ca/ca-error.ts';
import { rememberTokenOwners } from '../../../ca/remember-token-owners.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const owner: TokenOwner = { namespace: 'sample', serviceAccount: 'sleep' };
const limits = { ttlMs: 30_000, maxTokens: 2, maxInFlight: 1, maxWaiting: 1 };

/** A review that counts its questions; `answer` may be changed. */
function scene() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const state: { answer: () => Promise<TokenOwner | CaError> } = { answer: () => Promise.resolve(owner) };
  const overloads: string[] = [];
  const lookup = rememberTokenOwners({
    ...limits,
    clock,
    onOverload: () => overloads.push('one'),
    review: (token) => {
      asked.push(token);
      return state.answer();
    },
  });
  return { clock, asked, overloads, state, lookup };
}

const jwt = (claims: object): string => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;

it('an owner is asked for again only after its time', async () => {
  const { clock, asked, lookup } = scene();
  expect(await lookup('a')).toEqual(owner);
  clock.advance(29_999);
  expect(await lookup('a')).toEqual(owner);
  expect(asked).toEqual(['a']);
  clock.advance(1);
  await lookup('a');
  expect(asked).toEqual(['a', 'a']);
});

it('a token is not remembered beyond its own end', async () => {
  const { clock, asked, lookup } = scene();
  const token = jwt({ exp: clock.now() / 1000 + 10 });
  await lookup(token);
  clock.advance(9999);
  await lookup(token);
  expect(asked).toHaveLength(1);
  clock.advance(1);
  await lookup(token);
  expect(asked).toHaveLength(2);
});

it('calls that come together ask once', async () => {
  const { asked, lookup } = scene();
  expect(await Promise.all([lookup('a'), lookup('a'), lookup('a')])).toEqual([owner, owner, owner]);
  expect(asked).toEqual(['a']);
});

it('a refusal and a failure are not remembered', async () => {
  const { asked, state, lookup } = scene();
  const refusal = new CaError('credential-refused', 'No.');
  state.answer = () => Promise.resolve(refusal);
  expect(await lookup('a')).toBe(refusal);
  state.answer = () => Promise.resolve(owner);
  expect(await lookup('a')).toEqual(owner);
  expect(asked).toHaveLength(2);
});

it('what was not used for longest is forgotten when there are too many', async () => {
  const { asked, lookup } = scene();
  for (const token of ['a', 'b', 'c', 'a']) await lookup(token);
  expect(asked).toEqual(['a', 'b', 'c', 'a']);
});

it('when too many wait, the next one is told to try again', async () => {
  const { overloads, state, lookup } = scene();
  const { promise, resolve } = Promise.withResolvers<TokenOwner>();
  state.answer = () => promise;
  const waiting = [lookup('a'), lookup('b')];
  expect(await lookup('c')).toMatchObject({ code: 'authentication-failed' });
  expect(overloads).toHaveLength(1);
  resolve(owner);
  expect(await Promise.all(waiting)).toEqual([owner, owner]);
});
