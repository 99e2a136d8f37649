// Which requests a route takes: a VirtualService's HTTP match in Envoy's terms.

import type { HeaderMatch, HttpMatch, StringMatch } from '../../discovery/model/policy.ts';
import type { HeaderMatcher, QueryParameterMatcher, RouteMatch } from '../../proto/generated/envoy.config.route.v3.ts';
import type { MetadataMatcher } from '../../proto/generated/envoy.type.matcher.v3.ts';
import { claimMatcher } from './authorization/matchers.ts';
import { stringMatcher } from './string-matcher.ts';
import { isFalse } from './well-known-types.ts';

/** Takes every request. */
export const anyRequest: RouteMatch = Object.freeze({ prefix: '/' });

/** Only what can be seen in the request: port, gateway and source have been decided before. */
export function routeMatch(match: HttpMatch): RouteMatch {
  const headers = [
    ...pseudoHeader(':method', match.method),
    ...pseudoHeader(':authority', match.authority),
    ...pseudoHeader(':scheme', match.scheme),
    ...match.headers.filter(isHeader).map((header) => headerMatcher(header)),
    ...match.withoutHeaders.filter(isHeader).map((header) => withoutHeader(header)),
  ];
  const dynamicMetadata = [
    ...match.headers.flatMap((header) => claimMatchers(header)),
    ...match.withoutHeaders.flatMap((header) => claimMatchers(header).map((claim) => ({ ...claim, invert: true }))),
  ];
  const queryParameters = match.queryParams.map((parameter) => queryMatcher(parameter));
  return {
    ...pathMatch(match.uri),
    ...(match.ignoreUriCase ? { caseSensitive: isFalse } : {}),
    ...(headers.length > 0 ? { headers } : {}),
    ...(queryParameters.length > 0 ? { queryParameters } : {}),
    ...(dynamicMetadata.length > 0 ? { dynamicMetadata } : {}),
  };
}

/** Whether it asks for what only a gateway that verifies tokens knows. */
export function asksForClaims({ headers, withoutHeaders }: HttpMatch): boolean {
  return [...headers, ...withoutHeaders].some((header) => !isHeader(header));
}

/** True when no request is left over for routes that follow. */
export function takesEverything(match: RouteMatch): boolean {
  const { prefix, headers, queryParameters, dynamicMetadata } = match;
  return prefix === '/' && headers === undefined && queryParameters === undefined && dynamicMetadata === undefined;
}

function pathMatch(uri: StringMatch | undefined): RouteMatch {
  if (uri === undefined) return anyRequest;
  if (uri.kind === 'exact') return { path: uri.value };
  return uri.kind === 'prefix' ? { prefix: uri.value } : { safeRegex: { regex: uri.value } };
}

function pseudoHeader(name: string, match: StringMatch | undefined): readonly HeaderMatcher[] {
  return match === undefined ? [] : [{ name, stringMatch: stringMatcher(match) }];
}

function isHeader({ claim }: HeaderMatch): boolean {
  return claim === undefined;
}

/** What the token filter left of a token is looked at; without a token there is no claim. */
function claimMatchers({ claim, match }: HeaderMatch): readonly MetadataMatcher[] {
  if (claim === undefined) return [];
  if (match.kind !== 'present') return [claimMatcher(claim, stringMatcher(match))];
  return [{ ...claimMatcher(claim, {}), value: { presentMatch: true } }];
}

function headerMatcher({ name, match }: HeaderMatch): HeaderMatcher {
  return match.kind === 'present' ? { name, presentMatch: true } : { name, stringMatch: stringMatcher(match) };
}

// A request without the header is also one whose header has another value.
function withoutHeader({ name, match }: HeaderMatch): HeaderMatcher {
  return match.kind === 'present'
    ? { name, presentMatch: true, invertMatch: true }
    : { name, stringMatch: stringMatcher(match), invertMatch: true, treatMissingHeaderAsEmpty: true };
}

function queryMatcher({ name, match }: HeaderMatch): QueryParameterMatcher {
  return match.kind === 'present' ? { name, presentMatch: true } : { name, stringMatch: stringMatcher(match) };
}
