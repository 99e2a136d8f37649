// Which endpoint a retry goes to, where endpoints are chosen by a hash.

import { expect, test } from 'vitest';
import { retryPolicy } from '../../../server/generate/retry-policy.ts';

const declared = { attempts: 3, retryOn: '5xx' };

test.each([
  ['without a hash to another endpoint', declared, false, true],
  ['with a hash to the one that the hash says', declared, true, false],
  ['with a hash to another endpoint when that is declared', { ...declared, ignorePreviousHosts: true }, true, true],
  ['to the same one when that is declared', { ...declared, ignorePreviousHosts: false }, false, false],
  ['by default to another endpoint, with a hash, too', undefined, true, true],
])('goes %s', (_name, retries, isHashed, elsewhere) => {
  expect(retryPolicy(retries, { isHashed })?.retryHostPredicate !== undefined).toBe(elsewhere);
});
