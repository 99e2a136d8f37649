// Remembers for a short time whose a token is, so that a proxy that opens several streams is looked up once. In: a review, which
// costs a question to a server. Out: the same, asked at most so many times at once, and once for calls that come together.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TokenOwner, TokenReview } from './authenticate-token.ts';
import { CaError } from './ca-error.ts';
import type { Clock } from './clock.ts';
import { WorkQueue } from './work-queue.ts';

export interface RememberOptions {
  readonly review: TokenReview;
  readonly clock: Clock;
  /** How long an owner is remembered, never beyond the end of the token itself. A token that was revoked works so long. */
  readonly ttlMs: number;
  readonly maxTokens: number;
  /** Questions at once. */
  readonly maxInFlight: number;
  /** Calls that wait for their turn; the next one is answered with `authentication-failed`. */
  readonly maxWaiting: number;
  /** Called for each call that found too many waiting. */
  readonly onOverload?: (() => void) | undefined;
}

export const rememberDefaults = Object.freeze({ ttlMs: 30_000, maxTokens: 10_000, maxInFlight: 16, maxWaiting: 1000 });

interface Remembered {
  readonly owner: TokenOwner;
  readonly untilMs: number;
}

/** Refusals are not remembered: the next try may follow the creation of the account. */
export function rememberTokenOwners(options: RememberOptions): TokenReview {
  const { review, clock, ttlMs } = options;
  const known = new LRUCache<string, Remembered>({ max: options.maxTokens });
  const asked = new Map<string, Promise<TokenOwner | CaError>>();
  const queue = new WorkQueue(options);

  const ask = async (token: string, digest: string): Promise<TokenOwner | CaError> => {
    const owner = await queue.run(() => review(token));
    if (owner instanceof CaError) {
      if (owner.code !== 'overloaded') return owner;
      options.onOverload?.();
      return new CaError('authentication-failed', 'Too many tokens are being checked: try again in a moment.');
    }
    const untilMs = Math.min(clock.now() + ttlMs, expiryMs(token));
    known.set(digest, { owner, untilMs });
    return owner;
  };

  return async (token) => {
    // The digest, so that neither the table nor the time that it takes tells anything about tokens.
    const digest = createHash('sha256').update(token).digest('base64');
    const found = known.get(digest);
    if (found !== undefined && clock.now() < found.untilMs) return found.owner;
    known.delete(digest);
    const pending = asked.get(digest) ?? ask(token, digest).finally(() => asked.delete(digest));
    asked.set(digest, pending);
    return pending;
  };
}

/** `exp` of a JSON Web Token, which whoever reviewed it has verified; without one it never ends by itself. */
function expiryMs(token: string): number {
  const [, payload = ''] = token.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const isClaims = typeof claims === 'object' && claims !== null && 'exp' in claims;
    return isClaims && typeof claims.exp === 'number' ? claims.exp * 1000 : Infinity;
  } catch {
    return Infinity; // Not a JSON Web Token.
  }
}
