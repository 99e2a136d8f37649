// Whether a rule of an AuthorizationPolicy matches a caller's request, as far as is known of both. Pure; it follows what is compiled to
// Envoy's RBAC filter.

import ipaddr from 'ipaddr.js';
import type {
  AccountName,
  Attribute,
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
  PathPattern,
  TextPattern,
} from '../../discovery/model/policy.ts';
import { all, decided, dependsOn, no, not, some, yes, type Decision } from './decision.ts';
import type { AskedRequest } from './match-request.ts';

export interface Caller {
  /** What mutual TLS proves of it; absent: nothing. */
  readonly identity?:
    { readonly trustDomain: string; readonly namespace: string; readonly account: string } | undefined;
  /** As the workload sees it; absent: a gateway is between. */
  readonly address?: string | undefined;
  readonly request: AskedRequest;
  /** Of the workload. */
  readonly targetPort: number;
  readonly targetAddress: string;
  /** Of a connection that no requests are read of only itself is known: what a rule asks for beyond that counts as this. */
  readonly untold?: 'matches' | 'never' | undefined;
  /** Some RequestAuthentication reads tokens there. */
  readonly readsTokens: boolean;
}

type HeaderCondition = Extract<AuthorizationCondition, { readonly kind: 'header' }>;

/** Matches when one source, one operation and all conditions do. */
export function ruleMatches({ sources, operations, conditions }: AuthorizationRule, caller: Caller): Decision {
  return all([
    sources.length === 0 ? yes : some(sources.map((source) => sourceMatches(source, caller))),
    operations.length === 0 ? yes : some(operations.map((operation) => operationMatches(operation, caller))),
    ...conditions.map((condition) => conditionMatches(condition, caller)),
  ]);
}

function sourceMatches(source: AuthorizationSource, caller: Caller): Decision {
  return all([
    attribute(source.principals, (pattern) => principal(pattern, caller)),
    attribute(source.namespaces, (pattern) => ofIdentity(caller, ({ namespace }) => textMatches(pattern, namespace))),
    attribute(source.serviceAccounts, (name) => account(name, caller)),
    attribute(source.ipBlocks, (block) => peerAddress(block, caller)),
    attribute(source.remoteIpBlocks, () => dependsOn('the address of the client')),
    attribute(source.requestPrincipals, () => token('the token of the request', caller)),
  ]);
}

function operationMatches({ hosts, ports, methods, paths }: AuthorizationOperation, caller: Caller): Decision {
  const { path, method } = caller.request;
  return all([
    attribute(ports, (port) => decided(port === caller.targetPort)),
    attribute(hosts, (pattern) =>
      ofRequest(caller, () => (pattern.kind === 'present' ? yes : dependsOn('the Host header'))),
    ),
    attribute(methods, (pattern) =>
      ofRequest(caller, () => (method === undefined ? dependsOn('the method') : decided(textMatches(pattern, method)))),
    ),
    attribute(paths, (pattern) =>
      ofRequest(caller, () =>
        path === undefined ? dependsOn('the path') : pathMatches(pattern, path.replace(/\?.*$/, '')),
      ),
    ),
  ]);
}

function conditionMatches(condition: AuthorizationCondition, caller: Caller): Decision {
  switch (condition.kind) {
    case 'principal':
      return attribute(condition.match, (pattern) => principal(pattern, caller));
    case 'namespace':
      return attribute(condition.match, (pattern) =>
        ofIdentity(caller, ({ namespace }) => textMatches(pattern, namespace)),
      );
    case 'account':
      return attribute(condition.match, (name) => account(name, caller));
    case 'source-ip':
      return attribute(condition.match, (block) => peerAddress(block, caller));
    case 'destination-ip':
      return attribute(condition.match, (block) => decided(isWithin(caller.targetAddress, block)));
    case 'destination-port':
      return attribute(condition.match, (port) => decided(port === caller.targetPort));
    case 'header':
      return ofRequest(caller, () => headerMatches(condition, caller));
    case 'claim':
      return token(`claim ${condition.path.join('.')} of the token`, caller);
    case 'request-principal':
    case 'audience':
    case 'presenter':
      return token('the token of the request', caller);
    case 'remote-ip':
      return dependsOn('the address of the client');
    case 'sni':
    default:
      return dependsOn('the server name of the connection');
  }
}

/** Of a header that is not there no value fits. */
function headerMatches({ name, match }: HeaderCondition, { request: { headers } }: Caller): Decision {
  const key = name.toLowerCase();
  if (headers?.has(key) !== true) return dependsOn(`header ${name}`);
  const value = headers.get(key);
  return attribute(match, (pattern) =>
    decided(value !== undefined && (pattern.kind === 'present' || textMatches(pattern, value))),
  );
}

/** One of the values (none: any) and none of the others. */
function attribute<T>(asked: Attribute<T> | undefined, matches: (value: T) => Decision): Decision {
  if (asked === undefined) return yes;
  const { values, notValues } = asked;
  return all([values.length === 0 ? yes : some(values.map(matches)), not(some(notValues.map(matches)))]);
}

function ofIdentity({ identity }: Caller, holds: (known: NonNullable<Caller['identity']>) => boolean): Decision {
  return identity === undefined ? no : decided(holds(identity));
}

/** What can't be told of a connection counts as the policy's action wants it. */
function ofRequest({ untold }: Caller, decide: () => Decision): Decision {
  if (untold === undefined) return decide();
  return untold === 'matches' ? yes : no;
}

function token(what: string, caller: Caller): Decision {
  return ofRequest(caller, () => (caller.readsTokens ? dependsOn(what) : no));
}

/** `cluster.local` stands for the mesh's own trust domain. */
function principal(pattern: TextPattern, caller: Caller): Decision {
  return ofIdentity(caller, ({ trustDomain, namespace, account: name }) =>
    [trustDomain, 'cluster.local'].some((domain) => textMatches(pattern, `${domain}/ns/${namespace}/sa/${name}`)),
  );
}

function account({ namespace, name }: AccountName, caller: Caller): Decision {
  return ofIdentity(caller, (identity) => identity.namespace === namespace && identity.account === name);
}

function peerAddress(block: string, { address }: Caller): Decision {
  return address === undefined
    ? dependsOn('which gateway the connection comes from')
    : decided(isWithin(address, block));
}

function isWithin(address: string, block: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  const [range, bits] = block.includes('/') ? ipaddr.parseCIDR(block) : [ipaddr.parse(block), 128];
  if (parsed.kind() !== range.kind()) return false;
  return parsed.match(range, parsed.kind() === 'ipv4' ? Math.min(bits, 32) : bits);
}

export function textMatches(pattern: TextPattern, text: string): boolean {
  switch (pattern.kind) {
    case 'exact':
      return text === pattern.value;
    case 'prefix':
      return text.startsWith(pattern.value);
    case 'suffix':
      return text.endsWith(pattern.value);
    case 'present':
    default:
      return text !== '';
  }
}

/** `{*}` is one segment, `{**}` any number of them. */
function pathMatches(pattern: PathPattern, path: string): Decision {
  if (pattern.kind !== 'template') return decided(textMatches(pattern, path));
  const source = pattern.value
    .split(/(\{\*\*?\})/)
    .map((part) =>
      part === '{*}' ? '[^/]+' : part === '{**}' ? '.*' : part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`),
    )
    .join('');
  return decided(new RegExp(`^${source}$`).test(path));
}
