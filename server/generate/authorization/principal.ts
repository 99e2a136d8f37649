// Who calls, in Envoy's terms. In: a source of a rule, and conditions about the caller. Out: RBAC principals.

import type {
  AccountName,
  AuthorizationCondition,
  AuthorizationSource,
  TextPattern,
} from '../../../discovery/model/policy.ts';
import type { Principal } from '../../../proto/generated/envoy.config.rbac.v3.ts';
import type { StringMatcher } from '../../../proto/generated/envoy.type.matcher.v3.ts';
import {
  attribute,
  cidrRange,
  claimMatcher,
  headerMatcher,
  literalRegex,
  textMatcher,
  type Logic,
} from './matchers.ts';

/** Names of the mesh's trust domain that principals may be written under. */
export interface TrustDomainNames {
  readonly own: string;
  /** Others under which a principal of the own one counts as well. */
  readonly aliases: readonly string[];
}

export const principals: Logic<Principal> = {
  any: () => ({ any: true }),
  all: (ids) => joined(ids, (set) => ({ andIds: { ids: set } }), { any: true }),
  some: (ids) => joined(ids, (set) => ({ orIds: { ids: set } }), { notId: { any: true } }),
  not: (notId) => ({ notId }),
};

function joined<T>(parts: readonly T[], join: (parts: readonly T[]) => T, none: T): T {
  const [only, ...others] = parts;
  if (only === undefined) return none;
  return others.length === 0 ? only : join(parts);
}

export function sourcePrincipal(source: AuthorizationSource, domains: TrustDomainNames): Principal {
  const parts: Principal[] = [];
  const { principals: names, requestPrincipals, namespaces, serviceAccounts, ipBlocks, remoteIpBlocks } = source;
  if (names !== undefined) parts.push(attribute(names, principals, (name) => peer(name, domains)));
  if (requestPrincipals !== undefined) parts.push(attribute(requestPrincipals, principals, requestPrincipal));
  if (namespaces !== undefined) parts.push(attribute(namespaces, principals, namespacePrincipal));
  if (serviceAccounts !== undefined) parts.push(attribute(serviceAccounts, principals, accountPrincipal));
  if (ipBlocks !== undefined) {
    parts.push(attribute(ipBlocks, principals, (block) => ({ directRemoteIp: cidrRange(block) })));
  }
  if (remoteIpBlocks !== undefined) {
    parts.push(attribute(remoteIpBlocks, principals, (block) => ({ remoteIp: cidrRange(block) })));
  }
  return principals.all(parts);
}

/** Undefined for a condition that is not about the caller. */
export function conditionPrincipal(
  condition: AuthorizationCondition,
  domains: TrustDomainNames,
): Principal | undefined {
  switch (condition.kind) {
    case 'header':
      return attribute(condition.match, principals, (value) => ({ header: headerMatcher(condition.name, value) }));
    case 'claim':
      return attribute(condition.match, principals, (value) => claim(condition.path, textMatcher(value)));
    case 'audience':
      return attribute(condition.match, principals, (value) => claim(['aud'], textMatcher(value)));
    case 'presenter':
      return attribute(condition.match, principals, (value) => claim(['azp'], textMatcher(value)));
    case 'principal':
      return attribute(condition.match, principals, (name) => peer(name, domains));
    case 'request-principal':
      return attribute(condition.match, principals, requestPrincipal);
    case 'namespace':
      return attribute(condition.match, principals, namespacePrincipal);
    case 'account':
      return attribute(condition.match, principals, accountPrincipal);
    case 'source-ip':
      return attribute(condition.match, principals, (block) => ({ directRemoteIp: cidrRange(block) }));
    case 'remote-ip':
      return attribute(condition.match, principals, (block) => ({ remoteIp: cidrRange(block) }));
    default:
      return undefined;
  }
}

function authenticated(principalName: StringMatcher): Principal {
  return { authenticated: { principalName } };
}

/** `cluster.local` stands for the mesh's trust domain whatever its name, as manifests written for any mesh expect. */
function peer(pattern: TextPattern, { own, aliases }: TrustDomainNames): Principal {
  if (pattern.kind === 'present' || pattern.kind === 'suffix') return authenticated(textMatcher(pattern));
  const slash = pattern.value.indexOf('/');
  const written = slash < 0 ? pattern.value : pattern.value.slice(0, slash);
  if (slash < 0 || (written !== own && written !== 'cluster.local')) {
    return authenticated(textMatcher(pattern, 'spiffe://'));
  }
  const path = pattern.value.slice(slash);
  const names = [...new Set([own, ...aliases])];
  const { kind } = pattern;
  return principals.some(
    names.map((domain) => authenticated(textMatcher({ kind, value: domain + path }, 'spiffe://'))),
  );
}

function namespacePrincipal(pattern: TextPattern): Principal {
  return authenticated({ safeRegex: { regex: `spiffe://[^/]+/ns/${namespaceRegex(pattern)}/sa/.+` } });
}

function namespaceRegex(pattern: TextPattern): string {
  if (pattern.kind === 'present') return '[^/]+';
  const text = literalRegex(pattern.value);
  if (pattern.kind === 'exact') return text;
  return pattern.kind === 'prefix' ? `${text}[^/]*` : `[^/]*${text}`;
}

function accountPrincipal({ namespace, name }: AccountName): Principal {
  return authenticated({ suffix: `/ns/${namespace}/sa/${name}` });
}

function claim(path: readonly string[], match: StringMatcher): Principal {
  return { metadata: claimMatcher(path, match) };
}

const issuer = (match: StringMatcher): Principal => claim(['iss'], match);
const subject = (match: StringMatcher): Principal => claim(['sub'], match);

const something: StringMatcher = Object.freeze({ safeRegex: { regex: '.+' } });

/** Envoy takes no empty prefix or suffix. */
function orAny(kind: 'prefix' | 'suffix', text: string): StringMatcher {
  if (text === '') return something;
  return kind === 'prefix' ? { prefix: text } : { suffix: text };
}

/** `ISSUER/SUBJECT`, both of which may hold slashes: whatever way the text can be taken apart. */
function requestPrincipal(pattern: TextPattern): Principal {
  if (pattern.kind === 'present') return principals.all([issuer(something), subject(something)]);
  const { kind, value } = pattern;
  const ways = [...value.matchAll(/\//g)].map(({ index }) => [value.slice(0, index), value.slice(index + 1)] as const);
  const split = ways.map(([left, right]) =>
    principals.all([
      issuer(kind === 'suffix' ? orAny('suffix', left) : { exact: left }),
      subject(kind === 'prefix' ? orAny('prefix', right) : { exact: right }),
    ]),
  );
  if (kind === 'prefix') split.push(principals.all([issuer({ prefix: value }), subject(something)]));
  if (kind === 'suffix') split.push(principals.all([issuer(something), subject({ suffix: value })]));
  return principals.some(split);
}
