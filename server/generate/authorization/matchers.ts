// Attributes of an AuthorizationPolicy in Envoy's terms, the same for principals and permissions: texts, addresses and claims.

import { isIPv6 } from 'node:net';
import type { Attribute, TextPattern } from '../../../discovery/model/policy.ts';
import type { CidrRange } from '../../../proto/generated/envoy.config.core.v3.ts';
import type { HeaderMatcher } from '../../../proto/generated/envoy.config.route.v3.ts';
import type { MetadataMatcher, StringMatcher, ValueMatcher } from '../../../proto/generated/envoy.type.matcher.v3.ts';
import { uint32 } from '../well-known-types.ts';

/** How conditions are joined where they stand: among principals or among permissions. */
export interface Logic<T> {
  any(): T;
  all(parts: readonly T[]): T;
  some(parts: readonly T[]): T;
  not(part: T): T;
}

/** One of the values and none of the others. */
export function attribute<V, T>({ values, notValues }: Attribute<V>, logic: Logic<T>, one: (value: V) => T): T {
  const wanted = values.length === 0 ? [] : [logic.some(values.map((value) => one(value)))];
  const unwanted = notValues.length === 0 ? [] : [logic.not(logic.some(notValues.map((value) => one(value))))];
  return logic.all([...wanted, ...unwanted]);
}

export function textMatcher(pattern: TextPattern, prefix = ''): StringMatcher {
  if (pattern.kind === 'present') return { safeRegex: { regex: '.+' } };
  if (pattern.kind === 'suffix') return { suffix: pattern.value };
  const text = prefix + pattern.value;
  return pattern.kind === 'exact' ? { exact: text } : { prefix: text };
}

/** A regular expression (RE2) for just this text. */
export function literalRegex(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

export function headerMatcher(name: string, pattern: TextPattern, ignoreCase = false): HeaderMatcher {
  if (pattern.kind === 'present') return { name, presentMatch: true };
  return { name, stringMatch: { ...textMatcher(pattern), ...(ignoreCase ? { ignoreCase } : {}) } };
}

/** `ADDRESS/LENGTH`. */
export function cidrRange(block: string): CidrRange {
  const [addressPrefix = '', length = ''] = block.split('/');
  return { addressPrefix, prefixLen: uint32(length === '' ? (isIPv6(addressPrefix) ? 128 : 32) : Number(length)) };
}

/** Under this key the token filter leaves the claims of a verified token. */
export const payloadKey = 'payload';
export const tokenFilterName = 'envoy.filters.http.jwt_authn';

/** A claim of a verified token: a text, or a list that holds such a text. */
export function claimMatcher(path: readonly string[], match: StringMatcher): MetadataMatcher {
  const stringMatch: ValueMatcher = { stringMatch: match };
  return {
    filter: tokenFilterName,
    path: [payloadKey, ...path].map((key) => ({ key })),
    value: { orMatch: { valueMatchers: [stringMatch, { listMatch: { oneOf: stringMatch } }] } },
  };
}
