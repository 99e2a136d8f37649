// The filters that hold AuthorizationPolicies, in the order in which they decide: CUSTOM, AUDIT, DENY, ALLOW. In: the policies
// of a workload. Out: none when it has none.

import type { MeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { AuthorizationPolicy } from '../../../discovery/model/policy.ts';
import type { Filter } from '../../../proto/generated/envoy.config.listener.v3.ts';
import { RBAC_Action } from '../../../proto/generated/envoy.config.rbac.v3.ts';
import { RBAC } from '../../../proto/generated/envoy.extensions.filters.http.rbac.v3.ts';
import { RBAC as NetworkRbac } from '../../../proto/generated/envoy.extensions.filters.network.rbac.v3.ts';
import type { HttpFilter } from '../../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { packAny } from '../../../proto/codec.ts';
import { externalHttpFilters, externalNetworkFilters, type CustomPolicies } from './external-authorization.ts';
import { rbac, type RulesOptions } from './rules.ts';

/** Where requests are read. */
export function httpAuthorization(policies: readonly AuthorizationPolicy[], config: MeshConfig): HttpFilter[] {
  const options = { config, transport: 'http', untold: 'narrow' } as const;
  const { custom, denied } = customPolicies(policies, config);
  return [
    ...custom.flatMap((one) => externalHttpFilters(one, options)),
    ...decisions(policies, denied, options).map((decision) => ({
      name: 'envoy.filters.http.rbac',
      typedConfig: packAny(RBAC, decision),
    })),
  ];
}

/** Where only connections are seen. What a rule says of requests can't be told: what denies then denies more, what allows less. */
export function networkAuthorization(policies: readonly AuthorizationPolicy[], config: MeshConfig): readonly Filter[] {
  const options = { config, transport: 'tcp', untold: 'narrow' } as const;
  const { custom, denied } = customPolicies(policies, config);
  const filters: Filter[] = [];
  const unasked: AuthorizationPolicy[] = [];
  for (const one of custom) {
    const made = externalNetworkFilters(one, { ...options, untold: 'widen' });
    if (made === undefined) unasked.push(...one.policies);
    else filters.push(...made);
  }
  for (const decision of decisions(policies, [...denied, ...unasked], options)) {
    const typedConfig = packAny(NetworkRbac, { ...decision, statPrefix: 'tcp.' });
    filters.push({ name: 'envoy.filters.network.rbac', typedConfig });
  }
  return filters;
}

type Decision = Pick<RBAC, 'rules' | 'shadowRules' | 'shadowRulesStatPrefix'>;

function decisions(
  policies: readonly AuthorizationPolicy[],
  alsoDenied: readonly AuthorizationPolicy[],
  options: RulesOptions,
): readonly Decision[] {
  const of = (action: AuthorizationPolicy['action']) => policies.filter((policy) => policy.action === action);
  const denies = { ...options, untold: 'widen' } as const;
  return [
    ...decision(RBAC_Action.LOG, of('audit'), options),
    ...decision(RBAC_Action.DENY, [...of('deny'), ...alsoDenied], denies),
    ...decision(RBAC_Action.ALLOW, of('allow'), options),
  ];
}

function decision(
  action: RBAC_Action,
  policies: readonly AuthorizationPolicy[],
  options: RulesOptions,
): readonly Decision[] {
  const enforced = policies.filter(({ dryRun }) => !dryRun);
  const tried = policies.filter(({ dryRun }) => dryRun);
  if (policies.length === 0) return [];
  const word = action === RBAC_Action.ALLOW ? 'allow' : 'deny';
  return [
    {
      ...(enforced.length === 0 ? {} : { rules: rbac(action, enforced, options) }),
      ...(tried.length === 0
        ? {}
        : { shadowRules: rbac(action, tried, options), shadowRulesStatPrefix: `istio_dry_run_${word}_` }),
    },
  ];
}

/** By provider. What asks a provider that MeshConfig does not declare, or one that decides nothing, is denied. */
function customPolicies(
  policies: readonly AuthorizationPolicy[],
  config: MeshConfig,
): { readonly custom: readonly CustomPolicies[]; readonly denied: readonly AuthorizationPolicy[] } {
  const own = policies.filter(({ action, dryRun }) => action === 'custom' && !dryRun);
  const names = [...new Set(own.map(({ provider }) => provider))];
  const custom: CustomPolicies[] = [];
  const denied: AuthorizationPolicy[] = [];
  for (const name of names) {
    const provider = config.extensionProviders.find((candidate) => candidate.name === name);
    const asking = own.filter((policy) => policy.provider === name);
    const decides = provider?.kind === 'ext-authz-http' || provider?.kind === 'ext-authz-grpc';
    if (decides) custom.push({ provider, policies: asking });
    else denied.push(...asking);
  }
  return { custom, denied };
}
