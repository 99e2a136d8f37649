// The filter that verifies tokens, as RequestAuthentications say. In: their rules with keys. Out: none when there are no rules.
// A request without a token passes; one with a token that no rule accepts gets 401.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/jwt_authn_filter

import type { TokenRule } from '../../../discovery/model/policy.ts';
import {
  JwtAuthentication,
  type JwtProvider,
  type JwtRequirement,
} from '../../../proto/generated/envoy.extensions.filters.http.jwt_authn.v3.ts';
import type { HttpFilter } from '../../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { packAny } from '../../../proto/codec.ts';
import type { KeyedTokenRule } from '../../view/security-policies.ts';
import { payloadKey, tokenFilterName } from '../authorization/matchers.ts';

/** `routed`: whether routes may be chosen by claims, or by headers made of them. */
export function tokenFilters(
  rules: readonly KeyedTokenRule[],
  { routed }: { readonly routed: boolean },
): readonly HttpFilter[] {
  if (rules.length === 0) return [];
  const again = routed ? { clearRouteCache: true } : {};
  const providers = rules.map((rule, index) => [`origins-${index}`, { ...provider(rule), ...again }] as const);
  const typedConfig = packAny(JwtAuthentication, {
    providers: Object.fromEntries(providers),
    rules: [{ match: { prefix: '/' }, requires: requirement(rules.map(({ rule }) => rule)) }],
    bypassCorsPreflight: true,
  });
  return [{ name: tokenFilterName, typedConfig }];
}

function provider({ rule, keySet }: KeyedTokenRule): JwtProvider {
  const { outputPayloadToHeader } = rule;
  return {
    issuer: rule.issuer,
    audiences: rule.audiences,
    localJwks: { inlineString: keySet },
    forward: rule.forwardOriginalToken,
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, valuePrefix: prefix })),
    fromParams: rule.fromParams,
    fromCookies: rule.fromCookies,
    payloadInMetadata: payloadKey,
    // In Istio these two are lists in every token.
    normalizePayloadInMetadata: { spaceDelimitedClaims: ['scope', 'permission', ...rule.spaceDelimitedClaims] },
    ...(outputPayloadToHeader === undefined ? {} : { forwardPayloadHeader: outputPayloadToHeader }),
    claimToHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
  };
}

/**
 * Of rules that read tokens at the same place one must accept what is there, or nothing may be there. Each group of such rules for
 * itself, so that a good token at one place does not excuse a bad one at another.
 */
function requirement(rules: readonly TokenRule[]): JwtRequirement {
  const groups = groupsByPlace(rules).map((members): JwtRequirement => {
    const accepted = members.map((index) => ({ providerName: `origins-${index}` }));
    return { requiresAny: { requirements: [...accepted, { allowMissing: {} }] } };
  });
  const [only, ...others] = groups;
  return only !== undefined && others.length === 0 ? only : { requiresAll: { requirements: groups } };
}

/** Indexes of rules; two that share a place, even by way of a third, are in one group. */
function groupsByPlace(rules: readonly TokenRule[]): readonly (readonly number[])[] {
  let groups: { readonly places: ReadonlySet<string>; readonly members: readonly number[] }[] = [];
  for (const [index, rule] of rules.entries()) {
    const places = placesOf(rule);
    const touching = groups.filter((group) => !group.places.isDisjointFrom(places));
    const joined = {
      places: touching.reduce((all, group) => all.union(group.places), places),
      members: [...touching.flatMap(({ members }) => members), index],
    };
    groups = [...groups.filter((group) => !touching.includes(group)), joined];
  }
  return groups.map(({ members }) => members.toSorted((a, b) => a - b));
}

function placesOf({ fromHeaders, fromParams, fromCookies }: TokenRule): ReadonlySet<string> {
  if (fromHeaders.length + fromParams.length + fromCookies.length === 0) {
    return new Set(['header authorization', 'parameter access_token']);
  }
  return new Set([
    ...fromHeaders.map(({ name }) => `header ${name}`),
    ...fromParams.map((name) => `parameter ${name}`),
    ...fromCookies.map((name) => `cookie ${name}`),
  ]);
}
