// CUSTOM policies: what they match is decided by an external service. A filter in shadow mode notes what matches, and the filter
// behind it asks about just that.

import type { ExternalAuthorizer } from '../../../discovery/model/extension-provider.ts';
import type { AuthorizationPolicy } from '../../../discovery/model/policy.ts';
import { ApiVersion } from '../../../proto/generated/envoy.config.core.v3.ts';
import { RBAC_Action } from '../../../proto/generated/envoy.config.rbac.v3.ts';
import { ExtAuthz } from '../../../proto/generated/envoy.extensions.filters.http.ext_authz.v3.ts';
import { RBAC } from '../../../proto/generated/envoy.extensions.filters.http.rbac.v3.ts';
import { ExtAuthz as NetworkExtAuthz } from '../../../proto/generated/envoy.extensions.filters.network.ext_authz.v3.ts';
import { RBAC as NetworkRbac } from '../../../proto/generated/envoy.extensions.filters.network.rbac.v3.ts';
import type { HttpFilter } from '../../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import type { Filter } from '../../../proto/generated/envoy.config.listener.v3.ts';
import type {
  ListStringMatcher,
  MetadataMatcher,
  StringMatcher,
} from '../../../proto/generated/envoy.type.matcher.v3.ts';
import { StatusCode } from '../../../proto/generated/envoy.type.v3.ts';
import { packAny } from '../../../proto/codec.ts';
import { outboundClusterName } from '../names.ts';
import { duration } from '../well-known-types.ts';
import { rbac, type RulesOptions } from './rules.ts';

export interface CustomPolicies {
  readonly provider: ExternalAuthorizer;
  readonly policies: readonly AuthorizationPolicy[];
}

export function externalHttpFilters({ provider, policies }: CustomPolicies, options: RulesOptions): HttpFilter[] {
  const shadowRules = rbac(RBAC_Action.DENY, policies, { ...options, namePrefix: namePrefix(provider) });
  const shadowRulesStatPrefix = shadowPrefix(provider);
  return [
    { name: 'envoy.filters.http.rbac', typedConfig: packAny(RBAC, { shadowRules, shadowRulesStatPrefix }) },
    { name: 'envoy.filters.http.ext_authz', typedConfig: packAny(ExtAuthz, question(provider)) },
  ];
}

/** `statPrefix` names the filters' counters. Undefined for a provider that is asked over HTTP, which a connection is not. */
export function externalNetworkFilters(
  { provider, policies }: CustomPolicies,
  options: RulesOptions,
): readonly Filter[] | undefined {
  if (provider.kind !== 'ext-authz-grpc') return undefined;
  const shadowRules = rbac(RBAC_Action.DENY, policies, { ...options, namePrefix: namePrefix(provider) });
  const shadow = { shadowRules, shadowRulesStatPrefix: shadowPrefix(provider), statPrefix: 'tcp.' };
  const ask: NetworkExtAuthz = {
    statPrefix: 'tcp.',
    grpcService: grpcService(provider),
    failureModeAllow: provider.failOpen,
    transportApiVersion: ApiVersion.V3,
    filterEnabledMetadata: noted('envoy.filters.network.rbac', provider),
  };
  return [
    { name: 'envoy.filters.network.rbac', typedConfig: packAny(NetworkRbac, shadow) },
    { name: 'envoy.filters.network.ext_authz', typedConfig: packAny(NetworkExtAuthz, ask) },
  ];
}

function namePrefix({ name }: ExternalAuthorizer): string {
  return `istio-ext-authz-${name}-`;
}

function shadowPrefix({ name }: ExternalAuthorizer): string {
  return `istio_ext_authz_${name}_`;
}

function noted(filter: string, provider: ExternalAuthorizer): MetadataMatcher {
  return {
    filter,
    path: [{ key: `${shadowPrefix(provider)}shadow_effective_policy_id` }],
    value: { stringMatch: { prefix: namePrefix(provider) } },
  };
}

function question(provider: ExternalAuthorizer): ExtAuthz {
  const { kind, failOpen, statusOnError, body } = provider;
  const code = Object.values(StatusCode).find((status) => status === statusOnError);
  return {
    failureModeAllow: failOpen,
    ...(code === undefined ? {} : { statusOnError: { code } }),
    ...(body === undefined
      ? {}
      : {
          withRequestBody: {
            maxRequestBytes: body.maxBytes,
            allowPartialMessage: body.allowPartial,
            packAsBytes: body.asBytes,
          },
        }),
    transportApiVersion: ApiVersion.V3,
    filterEnabledMetadata: noted('envoy.filters.http.rbac', provider),
    ...(kind === 'ext-authz-grpc' ? { grpcService: grpcService(provider) } : httpQuestion(provider)),
  };
}

function grpcService(provider: ExternalAuthorizer): NonNullable<ExtAuthz['grpcService']> {
  const clusterName = clusterOf(provider);
  return { envoyGrpc: { clusterName, authority: provider.service }, timeout: duration(provider.timeoutMs) };
}

function httpQuestion(provider: ExternalAuthorizer): Pick<ExtAuthz, 'httpService' | 'allowedHeaders'> {
  const { service, port, pathPrefix, timeoutMs } = provider;
  return {
    httpService: {
      serverUri: { uri: `http://${service}:${port}`, cluster: clusterOf(provider), timeout: duration(timeoutMs) },
      pathPrefix,
      authorizationRequest: {
        headersToAdd: Object.entries(provider.addedHeaders).map(([key, value]) => ({ key, value })),
      },
      authorizationResponse: {
        allowedUpstreamHeaders: headerList(provider.headersToUpstreamOnAllow),
        allowedClientHeaders: headerList(provider.headersToDownstreamOnDeny),
        allowedClientHeadersOnSuccess: headerList(provider.headersToDownstreamOnAllow),
      },
    },
    allowedHeaders: headerList(provider.requestHeaders),
  };
}

function clusterOf({ service, port }: ExternalAuthorizer): string {
  return outboundClusterName({ host: service, port, subset: '' });
}

function headerList(names: readonly string[]): ListStringMatcher | undefined {
  return names.length === 0 ? undefined : { patterns: names.map((name) => headerName(name)) };
}

function headerName(name: string): StringMatcher {
  const ignoreCase = true;
  if (name.endsWith('*')) return { prefix: name.slice(0, -1), ignoreCase };
  return name.startsWith('*') ? { suffix: name.slice(1), ignoreCase } : { exact: name, ignoreCase };
}
