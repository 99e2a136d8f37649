// Key sets of issuers: fetched from real servers, refreshed by a clock that the test moves, and the last good one kept.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { readKeySet } from '../../../discovery/convert/key-set.ts';
import { keyLocationId } from '../../../discovery/model/policies/request-authentication.ts';
import { fetchKeySet, type FetchKeySetOptions } from '../../../server/jwks/fetch-key-set.ts';
import { TokenKeys } from '../../../server/jwks/token-keys.ts';
import { TokenIssuer } from '../../feature/security/tokens.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { waitFor } from '../../support/wait-for.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Site {
  readonly url: string;
  /** What each path answers: a text with status 200, a status, or nothing at all. */
  readonly pages: Record<string, string | number | undefined>;
  asked: number;
}

async function openSite(pages: Site['pages'] = {}): Promise<Site> {
  const server: Server = createServer((request, response) => {
    site.asked += 1;
    const page = site.pages[request.url ?? ''];
    if (page === undefined) return;
    response.statusCode = typeof page === 'number' ? page : 200;
    if (request.url === '/zipped') response.setHeader('content-encoding', 'gzip');
    if (response.statusCode === 302) response.setHeader('location', '/keys');
    response.end(typeof page === 'string' ? page : '');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const site: Site = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, pages, asked: 0 };
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return site;
}

const issuer = new TokenIssuer('https://issuer.example', ['RS256', 'ES256']);
const canonical = (text: string): string => {
  const read = readKeySet(text);
  if (read.kind === 'wrong') throw new Error(read.reason);
  return read.keySet;
};
const signal = new AbortController().signal;
const addresses = { allow: ['127.0.0.0/8'], deny: [] };
const fetchFrom = (uri: string, options: Partial<FetchKeySetOptions> = {}) =>
  fetchKeySet({ uri, issuer: 'x' }, { timeoutMs: 5000, signal, addresses, ...options });

test('a key set reads the same in whatever order its keys and their fields come', () => {
  const { keys } = JSON.parse(issuer.keySet) as { keys: Record<string, unknown>[] };
  const turned = keys.toReversed().map((key) => Object.fromEntries(Object.entries(key).toReversed()));
  expect(canonical(JSON.stringify({ extra: 1, keys: turned }))).toBe(canonical(issuer.keySet));
});

test('keys that verify no token are left out; a set of only such keys is refused', () => {
  const { keys } = JSON.parse(issuer.keySet) as { keys: Record<string, unknown>[] };
  const bad = [
    { kty: 'RSA', n: '', e: '' },
    { ...keys[0], alg: 'RSA-OAEP' },
    { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
    { kty: 'new' },
    7,
  ];
  expect(canonical(JSON.stringify({ keys: [...bad, ...keys] }))).toBe(canonical(issuer.keySet));
  expect(readKeySet(JSON.stringify({ keys: bad }))).toMatchObject({ kind: 'wrong' });
  expect(readKeySet('{"keys":{}}')).toMatchObject({ kind: 'wrong' });
});

test('without an address of their own, keys are where the OpenID configuration says', async () => {
  const site = await openSite({ '/keys': issuer.keySet });
  site.pages['/realm/.well-known/openid-configuration'] = JSON.stringify({ jwks_uri: `${site.url}/keys` });
  const read = await fetchKeySet({ issuer: `${site.url}/realm/` }, { timeoutMs: 5000, signal, addresses });
  expect(read).toEqual({ kind: 'keys', keySet: canonical(issuer.keySet) });
  site.pages['/realm/.well-known/openid-configuration'] = '{"jwks_uri":"file:///etc/passwd"}';
  expect(await fetchKeySet({ issuer: `${site.url}/realm` }, { timeoutMs: 5000, signal, addresses })).toMatchObject({
    kind: 'wrong',
    reason: expect.stringContaining('names no jwks_uri'),
  });
});

test('what goes wrong is told with the address', async () => {
  const site = await openSite({
    '/404': 404,
    '/302': 302,
    '/text': 'x',
    '/zipped': 'x',
    '/long': 'x'.repeat(5000),
    '/keys': issuer.keySet,
  });
  const reason = async (path: string, options = {}) => JSON.stringify(await fetchFrom(`${site.url}${path}`, options));
  expect(await reason('/404')).toContain(`${site.url}/404 answers with status 404`);
  expect(await reason('/302')).toContain('redirection');
  expect(await reason('/text')).toContain('it is not JSON');
  expect(await reason('/long', { maxBytes: 1000 })).toContain('more than 1000 bytes');
  expect(await reason('/silent', { timeoutMs: 50 })).toContain('within 50 ms');
  expect(JSON.stringify(await fetchFrom('http://127.0.0.1:1/'))).toContain("can't be read");
  expect(await reason('/zipped')).toContain('compressed');
});

test('keys are read again, the last good ones stay, and a failure is told until it is over', async () => {
  const site = await openSite({ '/keys': 500 });
  const clock = new FakeClock();
  const told: ReadonlyMap<string, string>[] = [];
  const keys = new TokenKeys({ clock, random: () => 0.5, addresses, onChange: (sets) => told.push(sets) });
  closing.push(() => keys.close());
  const location = { uri: `${site.url}/keys`, issuer: 'x' };
  const id = keyLocationId(location);
  keys.want(new Map([[id, { location, timeoutMs: 5000 }]]));
  expect(keys.settled).toBe(false);
  expect(await clock.untilNextWakeMs()).toBe(2000);
  expect(keys.settled).toBe(true);
  expect(keys.failureOf(id)).toMatchObject({ hasKeys: false, reason: expect.stringContaining('500') });
  expect(told).toEqual([]);

  site.pages['/keys'] = issuer.keySet;
  clock.advance(2000);
  expect(await clock.untilNextWakeMs()).toBe(20 * 60_000);
  expect(told.at(-1)?.get(id)).toBe(canonical(issuer.keySet));
  expect(keys.failureOf(id)).toBeUndefined();

  site.pages['/keys'] = 500;
  clock.advance(20 * 60_000);
  expect(await clock.untilNextWakeMs()).toBe(2000);
  expect(keys.failureOf(id)).toMatchObject({ hasKeys: true });
  clock.advance(2000);
  expect(await clock.untilNextWakeMs()).toBe(4000);
  expect(told).toHaveLength(1);

  issuer.addKey('RS256');
  site.pages['/keys'] = issuer.keySet;
  clock.advance(4000);
  await waitFor(
    () => told.length,
    (length) => length === 2,
    { what: 'the new keys' },
  );
  expect(told.at(-1)?.get(id)).toBe(canonical(issuer.keySet));

  keys.want(new Map());
  expect(told.at(-1)?.size).toBe(0);
});

test('of many places only so many are asked at once, and only so many at all', async () => {
  const site = await openSite();
  const keys = new TokenKeys({
    clock: new FakeClock(),
    random: () => 0,
    addresses,
    maxQuestions: 2,
    maxPlaces: 4,
    onChange: () => {},
  });
  closing.push(() => keys.close());
  const places = Array.from({ length: 5 }, (_, index) => ({ uri: `${site.url}/${index}`, issuer: 'x' }));
  keys.want(new Map(places.map((location) => [keyLocationId(location), { location, timeoutMs: 1000 }])));
  await waitFor(
    () => site.asked,
    (asked) => asked === 2,
    { what: 'two questions', intervalMs: 5 },
  );
  expect(keys.failureOf(keyLocationId(places[4] ?? { issuer: '' }))?.reason).toContain('4 places and no more');
  await waitFor(
    () => keys.settled,
    (settled) => settled,
    { what: 'all to be asked' },
  );
  expect(site.asked).toBe(4);
});

test('closing ends a question that nobody answers', async () => {
  const site = await openSite();
  const keys = new TokenKeys({ clock: new FakeClock(), random: () => 0, addresses, onChange: () => {} });
  const location = { uri: `${site.url}/silent`, issuer: 'x' };
  keys.want(new Map([[keyLocationId(location), { location, timeoutMs: 60_000 }]]));
  await waitFor(
    () => site.asked,
    (asked) => asked === 1,
    { what: 'the question' },
  );
  await expect(keys.close()).resolves.toBeUndefined();
});
