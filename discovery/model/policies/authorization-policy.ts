// An AuthorizationPolicy, converted and checked: who may do what at the workloads that it selects.

import type { PolicyBase } from './policy-base.ts';

export type AuthorizationAction = 'allow' | 'deny' | 'audit' | 'custom';

/** A text to compare with: `value` without its star; `present` is any text that is not empty. */
export type TextPattern =
  { readonly kind: 'exact' | 'prefix' | 'suffix'; readonly value: string } | { readonly kind: 'present' };

/** Values of one attribute. It matches when one of `values` does (none: any) and none of `notValues` does. */
export interface Attribute<T> {
  readonly values: readonly T[];
  readonly notValues: readonly T[];
}

/** An account as `NAMESPACE` and `NAME`. */
export interface AccountName {
  readonly namespace: string;
  readonly name: string;
}

/** Who calls. What is absent is not asked for. */
export interface AuthorizationSource {
  /** SPIFFE names without `spiffe://`. */
  readonly principals?: Attribute<TextPattern> | undefined;
  /** `ISSUER/SUBJECT` of a verified token. */
  readonly requestPrincipals?: Attribute<TextPattern> | undefined;
  readonly namespaces?: Attribute<TextPattern> | undefined;
  readonly serviceAccounts?: Attribute<AccountName> | undefined;
  /** CIDR blocks of the connection's peer. */
  readonly ipBlocks?: Attribute<string> | undefined;
  /** CIDR blocks of the client, as proxies before this one tell of it. */
  readonly remoteIpBlocks?: Attribute<string> | undefined;
}

/** What is asked for. What is absent is not asked for. */
export interface AuthorizationOperation {
  readonly hosts?: Attribute<TextPattern> | undefined;
  /** Ports of the workload. */
  readonly ports?: Attribute<number> | undefined;
  readonly methods?: Attribute<TextPattern> | undefined;
  readonly paths?: Attribute<PathPattern> | undefined;
}

/** `template` has path segments `{*}` (one) or `{**}` (any number). */
export type PathPattern = TextPattern | { readonly kind: 'template'; readonly value: string };

export type AuthorizationCondition =
  | { readonly kind: 'header'; readonly name: string; readonly match: Attribute<TextPattern> }
  | { readonly kind: 'claim'; readonly path: readonly string[]; readonly match: Attribute<TextPattern> }
  | {
      readonly kind: 'principal' | 'request-principal' | 'namespace' | 'audience' | 'presenter' | 'sni';
      readonly match: Attribute<TextPattern>;
    }
  | { readonly kind: 'source-ip' | 'remote-ip' | 'destination-ip'; readonly match: Attribute<string> }
  | { readonly kind: 'account'; readonly match: Attribute<AccountName> }
  | { readonly kind: 'destination-port'; readonly match: Attribute<number> };

/** Matches when one source, one operation (none: any) and all conditions do. */
export interface AuthorizationRule {
  readonly sources: readonly AuthorizationSource[];
  readonly operations: readonly AuthorizationOperation[];
  readonly conditions: readonly AuthorizationCondition[];
}

export interface AuthorizationPolicy extends PolicyBase {
  readonly kind: 'AuthorizationPolicy';
  /** Empty: the whole namespace, or the whole mesh in the root namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** Names of Gateways of the Gateway API: only their pods, and only in this namespace. Absent: as `selector` says. */
  readonly targetGateways?: readonly string[] | undefined;
  readonly action: AuthorizationAction;
  /** Of a `custom` policy: the extension provider of MeshConfig that decides. */
  readonly provider?: string | undefined;
  /** None: it matches nothing. */
  readonly rules: readonly AuthorizationRule[];
  /** What it would decide is counted and logged, and not done. */
  readonly dryRun: boolean;
  /** Principals are taken under every alias of the trust domain as well. */
  readonly anyTrustDomainAlias: boolean;
  /** Stands in for an object that can't be expressed: everything is denied until it can. */
  readonly failClosed: boolean;
}
