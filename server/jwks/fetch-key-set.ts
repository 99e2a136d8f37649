// Asks an issuer once for its keys. In: where they are. Out: the key set, or what went wrong; never an exception.
// Without an address of its own a key set is where the issuer's OpenID configuration says.
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig

import { readKeySet, type ReadKeySet } from '../../discovery/convert/key-set.ts';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { KeyLocation } from '../../discovery/model/policy.ts';
import { readDocument, type DocumentLimits, type ReadDocument } from './read-document.ts';
import { publicAndPrivate, type ReachableAddresses } from './reachable-addresses.ts';

/** Key sets are a few kilobytes; whoever sends more is not one to read from. */
export const maxKeySetBytes = 1024 * 1024;

/** Whatever a rule asks for. */
export const maxTimeoutMs = 30_000;

export interface FetchKeySetOptions {
  /** For everything together; at most `maxTimeoutMs`. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly maxBytes?: number | undefined;
  readonly addresses?: ReachableAddresses | undefined;
}

export async function fetchKeySet(location: KeyLocation, options: FetchKeySetOptions): Promise<ReadKeySet> {
  const { signal, maxBytes = maxKeySetBytes, addresses = publicAndPrivate } = options;
  const timeoutMs = Math.min(options.timeoutMs, maxTimeoutMs);
  const limits = { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), maxBytes, timeoutMs, addresses };
  const uri = location.uri === undefined ? await discover(location.issuer, limits) : location.uri;
  if (typeof uri !== 'string') return uri;
  const answer = await readDocument(uri, limits);
  if (answer.kind === 'wrong') return answer;
  const keys = readKeySet(answer.text);
  return keys.kind === 'keys' ? keys : { kind: 'wrong', reason: `${uri} is no JSON Web Key Set: ${keys.reason}` };
}

async function discover(
  issuer: string,
  limits: DocumentLimits,
): Promise<string | Extract<ReadDocument, { kind: 'wrong' }>> {
  const place = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const answer = await readDocument(place, limits);
  if (answer.kind === 'wrong') return answer;
  const uri = keysOf(answer.text);
  if (uri === undefined) return { kind: 'wrong', reason: `${place} names no jwks_uri of http or https` };
  return uri;
}

function keysOf(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const uri = isMapping(value) ? value['jwks_uri'] : undefined;
    if (typeof uri !== 'string' || !URL.canParse(uri)) return undefined;
    return ['http:', 'https:'].includes(new URL(uri).protocol) ? uri : undefined;
  } catch {
    return undefined;
  }
}
