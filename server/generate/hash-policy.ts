// What of a request, or of a connection, a consistent hash is made of. The cluster that it leads to has the table.

import type { TrafficPolicy } from '../../discovery/model/policy.ts';
import type { RouteAction_HashPolicy } from '../../proto/generated/envoy.config.route.v3.ts';
import { duration } from './well-known-types.ts';

/** Of requests to clusters with these policies, each key once. */
export function requestHash(policies: readonly (TrafficPolicy | undefined)[]): readonly RouteAction_HashPolicy[] {
  const keys = new Map<string, RouteAction_HashPolicy>();
  for (const policy of policies) {
    const hash = requestHashOf(policy);
    if (hash !== undefined) keys.set(JSON.stringify(hash), hash);
  }
  return [...keys.values()];
}

function requestHashOf(policy: TrafficPolicy | undefined): RouteAction_HashPolicy | undefined {
  const key = policy?.loadBalancer?.consistentHash?.key;
  switch (key?.kind) {
    case 'header':
      return { header: { headerName: key.name } };
    case 'query':
      return { queryParameter: { name: key.name } };
    case 'source-ip':
      return { connectionProperties: { sourceIp: true } };
    case 'cookie': {
      const { name, path, ttlMs, attributes } = key;
      return {
        cookie: {
          name,
          ...(path === undefined ? {} : { path }),
          ...(ttlMs === undefined ? {} : { ttl: duration(ttlMs) }),
          ...(attributes.length === 0 ? {} : { attributes }),
        },
      };
    }
    default:
      return undefined;
  }
}

/** Whether connections to such a cluster are told apart by where they come from: they have nothing else to hash. */
export function hashesSource(policy: TrafficPolicy | undefined): boolean {
  return policy?.loadBalancer?.consistentHash?.key.kind === 'source-ip';
}
