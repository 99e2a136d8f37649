// The rules of AuthorizationPolicies as one RBAC of Envoy. In: policies of one action. Out: its rules, by `ns[…]-policy[…]-rule[…]`.

import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationPolicy,
  AuthorizationRule,
  AuthorizationSource,
} from '../../../discovery/model/policy.ts';
import type { MeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { Policy, RBAC_Action } from '../../../proto/generated/envoy.config.rbac.v3.ts';
import type { RBAC } from '../../../proto/generated/envoy.config.rbac.v3.ts';
import { conditionPermission, operationPermission, permissions } from './permission.ts';
import { conditionPrincipal, principals, sourcePrincipal, type TrustDomainNames } from './principal.ts';

export interface RulesOptions {
  readonly config: MeshConfig;
  /** On a port of which no requests are read only attributes of the connection can be told. */
  readonly transport: 'http' | 'tcp';
  /**
   * Of a rule that asks for what can't be told: `widen` drops that part, so that at least as much matches; `narrow` drops the
   * rule. What denies is widened, what allows is narrowed, so that nothing is opened.
   */
  readonly untold: 'widen' | 'narrow';
  /** Before each name. */
  readonly namePrefix?: string | undefined;
}

export function rbac(action: RBAC_Action, policies: readonly AuthorizationPolicy[], options: RulesOptions): RBAC {
  const named: [string, Policy][] = [];
  for (const policy of policies) {
    for (const [index, rule] of policy.rules.entries()) {
      const told = options.transport === 'http' ? rule : withoutRequest(rule, options.untold);
      if (told === undefined) continue;
      const name = `${options.namePrefix ?? ''}ns[${policy.namespace}]-policy[${policy.name}]-rule[${index}]`;
      named.push([name, rulePolicy(told, domainsFor(policy, options.config))]);
    }
  }
  return { action, policies: Object.fromEntries(named) };
}

function domainsFor({ anyTrustDomainAlias }: AuthorizationPolicy, config: MeshConfig): TrustDomainNames {
  return { own: config.trustDomain, aliases: anyTrustDomainAlias ? config.trustDomainAliases : [] };
}

function rulePolicy({ sources, operations, conditions }: AuthorizationRule, domains: TrustDomainNames): Policy {
  const callers = conditions.flatMap((condition) => conditionPrincipal(condition, domains) ?? []);
  const targets = conditions.flatMap((condition) => conditionPermission(condition) ?? []);
  const from = sources.length === 0 ? [principals.any()] : sources.map((source) => sourcePrincipal(source, domains));
  const to = operations.length === 0 ? [permissions.any()] : operations.map(operationPermission);
  return {
    permissions: to.map((permission) =>
      targets.length === 0 ? permission : permissions.all([permission, ...targets]),
    ),
    principals: from.map((principal) => (callers.length === 0 ? principal : principals.all([principal, ...callers]))),
  };
}

/** The rule as far as it can be told of a connection. */
function withoutRequest(rule: AuthorizationRule, untold: 'widen' | 'narrow'): AuthorizationRule | undefined {
  const told = {
    sources: rule.sources.map(sourceOfConnection),
    operations: rule.operations.map(operationOfConnection),
    conditions: rule.conditions.filter(isOfConnection),
  };
  if (untold === 'widen') return told;
  // A source or an operation that asks for a request never matches; when all do, neither does the rule.
  const sources = told.sources.filter((source, index) => isSame(source, rule.sources[index]));
  const operations = told.operations.filter((operation, index) => isSame(operation, rule.operations[index]));
  const never =
    told.conditions.length < rule.conditions.length ||
    (rule.sources.length > 0 && sources.length === 0) ||
    (rule.operations.length > 0 && operations.length === 0);
  return never ? undefined : { ...told, sources, operations };
}

function sourceOfConnection(source: AuthorizationSource): AuthorizationSource {
  return { ...source, requestPrincipals: undefined };
}

function operationOfConnection({ ports }: AuthorizationOperation): AuthorizationOperation {
  return { ports };
}

/** Whether nothing was taken away. */
function isSame<T extends object>(told: T, asked: T | undefined): boolean {
  return asked !== undefined && fieldCount(told) === fieldCount(asked);
}

function fieldCount(value: object): number {
  return Object.values(value).filter((field) => field !== undefined).length;
}

function isOfConnection({ kind }: AuthorizationCondition): boolean {
  return !['header', 'claim', 'request-principal', 'audience', 'presenter'].includes(kind);
}
