// VirtualServices by pattern, for a host that a Gateway declares: the narrower of the two hosts is served.

import type { PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { VirtualServicePolicy } from '../../discovery/model/policy.ts';
import { seesVirtualService, type Sight } from './policy-lookup.ts';
import { hostMatches } from './visibility.ts';

/** All with a pattern that covers `host` without being it, that name `gateway` and that `client` may see, by precedence. */
export function virtualServicesCovering(
  { wildcardVirtualServices }: PolicyIndex,
  host: Hostname,
  { gateway, ...sight }: Sight & { readonly gateway: string; readonly client: string },
): readonly VirtualServicePolicy[] {
  return wildcardVirtualServices.filter(
    (policy) =>
      policy.gateways.includes(gateway) &&
      seesVirtualService(policy, sight) &&
      policy.hosts.some((pattern) => pattern !== host && pattern.startsWith('*') && hostMatches(pattern, host)),
  );
}
