// A RequestAuthentication, converted and checked: which tokens are read at the workloads that it selects, and by whose keys.

import type { PolicyBase } from './policy-base.ts';

/** Where a key set is fetched from: its own address, or what the issuer's OpenID configuration names. */
export interface KeyLocation {
  readonly uri?: string | undefined;
  readonly issuer: string;
}

export type KeySource =
  /** `keySet`: a JWKS in its canonical form. */
  | { readonly kind: 'inline'; readonly keySet: string }
  | { readonly kind: 'fetched'; readonly location: KeyLocation; readonly timeoutMs: number };

export interface TokenRule {
  readonly issuer: string;
  /** None: any. */
  readonly audiences: readonly string[];
  readonly keys: KeySource;
  /** Where tokens are looked for. None of the three: `authorization: Bearer …` and the parameter `access_token`. */
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  readonly forwardOriginalToken: boolean;
  /** Header that takes the payload, base64url; none when absent. */
  readonly outputPayloadToHeader?: string | undefined;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  /** Claims, beside `scope` and `permission`, of which each word is a value. */
  readonly spaceDelimitedClaims: readonly string[];
}

export interface RequestAuthenticationPolicy extends PolicyBase {
  readonly kind: 'RequestAuthentication';
  /** Empty: the whole namespace, or the whole mesh in the root namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** Names of Gateways of the Gateway API: only their pods, and only in this namespace. Absent: as `selector` says. */
  readonly targetGateways?: readonly string[] | undefined;
  readonly rules: readonly TokenRule[];
  /** Stands in for an object that can't be expressed: every token is refused until it can. */
  readonly failClosed: boolean;
}

/** What key sets are filed under. */
export function keyLocationId({ uri, issuer }: KeyLocation): string {
  return uri === undefined ? `issuer ${issuer}` : `uri ${uri}`;
}

/** Each distinct place that keys are fetched from, with the longest time that a rule gives it. */
export function keyLocations(
  policies: readonly RequestAuthenticationPolicy[],
): ReadonlyMap<string, { readonly location: KeyLocation; readonly timeoutMs: number }> {
  const found = new Map<string, { readonly location: KeyLocation; readonly timeoutMs: number }>();
  for (const { keys } of policies.flatMap(({ rules }) => rules)) {
    if (keys.kind !== 'fetched') continue;
    const id = keyLocationId(keys.location);
    const timeoutMs = Math.max(keys.timeoutMs, found.get(id)?.timeoutMs ?? 0);
    found.set(id, { location: keys.location, timeoutMs });
  }
  return found;
}
