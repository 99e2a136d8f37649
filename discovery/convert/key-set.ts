// A JSON Web Key Set, checked and written in one way, so that every instance that reads the same keys sends the same bytes. Envoy
// rejects a listener whose key set holds no key that it can use, so only such keys are taken.
// https://www.rfc-editor.org/rfc/rfc7517

import { createPublicKey } from 'node:crypto';
import { isMapping } from './field-reader.ts';

/**
 * By which no token can be verified. Its x is the SHA-256 of `isthmus: the key of nobody, 0`, so that nobody knows a private key
 * to it.
 */
export const nobodysKeys =
  '{"keys":[{"crv":"P-256","kid":"nobody","kty":"EC","x":"8XLzhMDiymF4Hge0jRJlmFOx1YYzXamBt7OxAnflIuY","y":"cWf-jSGJseywP1htdMqAcITDilCDUK_HYfoaTunnZ6Y"}]}';

export type ReadKeySet =
  | { readonly kind: 'keys'; readonly keySet: string }
  /** `reason` says what is wrong, without a full stop. */
  | { readonly kind: 'wrong'; readonly reason: string };

const wrong = (reason: string): ReadKeySet => ({ kind: 'wrong', reason });

export function readKeySet(text: string): ReadKeySet {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong('it is not JSON');
  }
  if (!isMapping(value) || !Array.isArray(value['keys'])) return wrong('it has no list "keys"');
  const keys = value['keys'].filter((key) => isMapping(key) && canVerify(key));
  if (keys.length === 0) return wrong('none of its keys can verify a token');
  // By what they say: some issuers give them in another order each time.
  const written = keys.map((key) => JSON.stringify(sorted(key))).toSorted();
  return { kind: 'keys', keySet: `{"keys":[${written.join(',')}]}` };
}

const algorithmsOf: Readonly<Record<string, readonly string[]>> = {
  RSA: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA'],
  oct: ['HS256', 'HS384', 'HS512'],
};

/** In bits. Shorter ones were broken long ago, and an empty one is no key. */
const smallestModulus = 1024;

function canVerify(key: Readonly<Record<string, unknown>>): boolean {
  const { kty, crv, alg } = key;
  const kind = kty === 'EC' || kty === 'OKP' ? crv : kty;
  const algorithms = typeof kind === 'string' && Object.hasOwn(algorithmsOf, kind) ? algorithmsOf[kind] : undefined;
  if (algorithms === undefined) return false;
  if (alg !== undefined && !(typeof alg === 'string' && algorithms.includes(alg))) return false;
  if (kty === 'oct') return typeof key['k'] === 'string' && key['k'] !== '';
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: { ...key }, format: 'jwk' });
    return kty !== 'RSA' || (asymmetricKeyDetails?.modulusLength ?? 0) >= smallestModulus;
  } catch {
    return false;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, sorted(value[name])]),
  );
}
