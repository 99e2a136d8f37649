// What of a RequestAuthentication is refused, and that one that can't be expressed refuses tokens.

import { expect, test } from 'vitest';
import { nobodysKeys } from '../../../discovery/convert/key-set.ts';
import { convertRequestAuthentication } from '../../../discovery/policy/request-authentication.ts';
import { objectOf, policyManifest, type Manifest } from '../../support/kube-objects.ts';

const convert = (spec: Manifest) =>
  convertRequestAuthentication(objectOf(policyManifest('RequestAuthentication', 'it', spec)));
const issuer = 'https://issuer.example';
const rule = (changes: Manifest): Manifest => ({ jwtRules: [{ issuer, ...changes }] });

test.each<[string, Manifest, string, string]>([
  ['no issuer', { jwtRules: [{}] }, 'issuer', 'missing'],
  ['an issuer of no URL without keys', { jwtRules: [{ issuer: 'me' }] }, 'jwksUri', 'add jwks or jwksUri'],
  ['two sources of keys', rule({ jwks: '{}', jwksUri: 'https://a.example' }), 'jwks', 'keep one'],
  ['keys that are no JSON', rule({ jwks: 'x' }), 'jwks', 'it is not JSON'],
  ['keys without a key', rule({ jwks: '{"keys":[]}' }), 'jwks', 'can verify'],
  ['an address that is none', rule({ jwksUri: 'file:///x' }), 'jwksUri', 'http or https'],
  ['its older spelling', rule({ jwks_uri: 'x' }), 'jwks_uri', 'http or https'],
  ['a time that is none', rule({ timeout: '0' }), 'timeout', ''],
  ['a header that is none', rule({ fromHeaders: [{ name: 'a b' }] }), 'fromHeaders[0].name', 'name of a header'],
  ['an output that is none', rule({ outputPayloadToHeader: ':path' }), 'outputPayloadToHeader', 'name of a header'],
  [
    'a claim without a name',
    rule({ outputClaimToHeaders: [{ header: 'x' }] }),
    'outputClaimToHeaders[0].claim',
    'missing',
  ],
  ['an empty audience', rule({ audiences: [''] }), 'audiences[0]', 'is empty'],
  ['a field that does not exist', rule({ fromBody: [] }), 'fromBody', 'no field'],
])('%s is told, and tokens are refused instead', (_name, spec, field, words) => {
  const { value, standIn, problems } = convert(spec);
  expect(value).toBeUndefined();
  expect(problems).toContainEqual(
    expect.objectContaining({
      severity: 'error',
      field: `spec.jwtRules[0].${field}`,
      message: expect.stringContaining(words),
    }),
  );
  expect(standIn).toMatchObject({ failClosed: true, rules: [{ keys: { kind: 'inline', keySet: nobodysKeys } }] });
});

test('a Gateway of the Gateway API is a target, and what only a waypoint would obey is not', () => {
  const group = 'gateway.networking.k8s.io';
  expect(convert({ targetRef: { group, kind: 'Gateway', name: 'x' } }).value).toMatchObject({ targetGateways: ['x'] });
  const refused = convert({ targetRef: { kind: 'Service', name: 'x' } });
  expect(refused.standIn).toBeUndefined();
  expect(refused.problems).toMatchObject([{ field: 'spec.targetRef.kind' }]);
});

test('keys are inline, at an address, or where the issuer says', () => {
  const keysOf = (changes: Manifest) => convert(rule(changes)).value?.rules[0]?.keys;
  expect(keysOf({ jwks: nobodysKeys })).toEqual({ kind: 'inline', keySet: nobodysKeys });
  const uri = 'https://keys.example/jwks';
  expect(keysOf({ jwksUri: uri, timeout: '2s' })).toEqual({
    kind: 'fetched',
    location: { issuer, uri },
    timeoutMs: 2000,
  });
  expect(keysOf({})).toEqual({ kind: 'fetched', location: { issuer }, timeoutMs: 5000 });
});
