// Authentication by a token whose owner can be looked up: among tokens that are known in advance (those of
// `kubernetes.io/service-account-token` Secrets, where the registry is a directory and there is no API server), or by
// asking an API server.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { AuthCall, Authenticator } from './authenticate.ts';
import { CaError } from './ca-error.ts';
import { identity, type Identity } from './spiffe.ts';

export interface TokenOwner {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Whose token this is; undefined for a token that nobody has. */
export type TokenLookup = (token: string) => TokenOwner | undefined;

/** The same by asking: `credential-refused` with the reason, `authentication-failed` when nobody could say. */
export type TokenReview = (token: string) => Promise<TokenOwner | CaError>;

export interface KnownToken extends TokenOwner {
  readonly token: string;
}

export interface TokenAuthenticatorOptions {
  readonly lookup: TokenLookup | TokenReview;
  readonly trustDomain: string;
  /** The cluster whose tokens these are. */
  readonly clusterId: string;
}

// Kubernetes tokens are about 1 KiB; hashing megabytes of nonsense would be work for nothing.
const maxTokenBytes = 16 * 1024;

export function byKnownToken(options: TokenAuthenticatorOptions): Authenticator {
  return { authenticate: (call) => authenticate(call, options) };
}

/**
 * A lookup over a fixed set of tokens. Tokens are found by their SHA-256, so neither the time that it takes nor a dump
 * of the table tells anything about them. Of equal tokens the first counts.
 */
export function tokenTable(tokens: Iterable<KnownToken>): TokenLookup {
  const owners = new Map<string, { digest: Buffer; owner: TokenOwner }>();
  for (const { token, namespace, serviceAccount } of tokens) {
    const digest = sha256(token);
    const key = digest.toString('latin1');
    if (!owners.has(key)) owners.set(key, { digest, owner: { namespace, serviceAccount } });
  }
  return (token) => {
    const digest = sha256(token);
    const found = owners.get(digest.toString('latin1'));
    return found !== undefined && timingSafeEqual(found.digest, digest) ? found.owner : undefined;
  };
}

async function authenticate(call: AuthCall, options: TokenAuthenticatorOptions): Promise<Identity | CaError> {
  const { token, clusterId = '' } = call;
  if (token === undefined || token === '') return new CaError('no-credential', 'The call carries no token.');
  if (clusterId !== '' && clusterId !== options.clusterId) {
    return refused(
      `The token is presented for the cluster "${clusterId}", but this instance vouches for "${options.clusterId}" only: ask the control plane of that cluster.`,
    );
  }
  const owner = token.length > maxTokenBytes ? undefined : await options.lookup(token);
  if (owner instanceof CaError) return owner;
  if (owner === undefined) return refused('The token belongs to no service account of this cluster.');
  const { namespace, serviceAccount } = owner;
  const who = identity({ trustDomain: options.trustDomain, namespace, serviceAccount });
  return who instanceof CaError ? refused(who.message, who) : who;
}

function refused(message: string, cause?: unknown): CaError {
  return new CaError('credential-refused', message, cause);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
