// Asks an issuer once for its keys. In: where they are. Out: the key set, or what went wrong; never an exception.
// Without an address of its own a key set is where the issuer's OpenID configuration says.
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig

import { readKeySet, type ReadKeySet } from '../../discovery/convert/key-set.ts';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { KeyLocation } from '../../discovery/model/policy.ts';

/** Key sets are a few kilobytes; whoever sends more is not one to read from. */
export const maxKeySetBytes = 1024 * 1024;

export interface FetchKeySetOptions {
  /** For everything together. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly maxBytes?: number | undefined;
}

type Text = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'wrong'; readonly reason: string };

export async function fetchKeySet(location: KeyLocation, options: FetchKeySetOptions): Promise<ReadKeySet> {
  const { timeoutMs, signal, maxBytes = maxKeySetBytes } = options;
  const limits = { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), maxBytes, timeoutMs };
  const uri = location.uri === undefined ? await discover(location.issuer, limits) : location.uri;
  if (typeof uri !== 'string') return uri;
  const answer = await read(uri, limits);
  if (answer.kind === 'wrong') return answer;
  const keys = readKeySet(answer.text);
  return keys.kind === 'keys' ? keys : { kind: 'wrong', reason: `${uri} is no JSON Web Key Set: ${keys.reason}` };
}

interface Limits {
  readonly signal: AbortSignal;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

async function discover(issuer: string, limits: Limits): Promise<string | Extract<Text, { kind: 'wrong' }>> {
  const place = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const answer = await read(place, limits);
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

async function read(uri: string, { signal, maxBytes, timeoutMs }: Limits): Promise<Text> {
  const wrong = (reason: string): Text => ({ kind: 'wrong', reason: `${uri} ${reason}` });
  try {
    const response = await fetch(uri, { signal, redirect: 'manual', headers: { accept: 'application/json' } });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      return wrong('answers with a redirection, which is not followed: name the address that it leads to');
    }
    if (!response.ok) {
      await response.body?.cancel();
      return wrong(`answers with status ${response.status}`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) return wrong(`sends more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return { kind: 'text', text: Buffer.concat(chunks).toString('utf8') };
  } catch (error) {
    return wrong(signal.aborted ? `did not answer within ${timeoutMs} ms` : `can't be read: ${causeOf(error)}`);
  }
}

/** `fetch` hides what happened in the cause of its error. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? causeOf(error.cause) : error.message || error.name;
}
