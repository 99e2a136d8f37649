import { expect, test } from 'vitest';
import { guardsAccess } from '../../../server/rejections/guards-access.ts';
import { objectKey } from '../../../discovery/model/names.ts';
import { policyManifest } from '../../support/kube-objects.ts';
import { syncedCluster } from '../discovery/cluster-scene.ts';

const filterOf = (type: string) => ({
  name: 'any',
  typed_config: { '@type': `type.googleapis.com/envoy.extensions.filters.http.${type}` },
});

const inserting = (value: object, more: object = {}) => ({
  configPatches: [
    {
      applyTo: 'HTTP_FILTER',
      match: { listener: { filterChain: { filter: { name: 'envoy.filters.network.http_connection_manager' } } } },
      patch: { operation: 'INSERT_FIRST', value, ...more },
    },
  ],
});

const grpcService = { envoy_grpc: { cluster_name: 'authorizer' } };

test.each([
  [
    'an authorizer',
    inserting({
      ...filterOf('ext_authz.v3.ExtAuthz'),
      typed_config: { ...filterOf('ext_authz.v3.ExtAuthz').typed_config, grpc_service: grpcService },
    }),
    true,
  ],
  ['roles', inserting(filterOf('rbac.v3.RBAC')), true],
  [
    'a script of the class AUTHZ',
    {
      configPatches: inserting({ ...filterOf('lua.v3.Lua') }, { filterClass: 'AUTHZ', operation: 'ADD' }).configPatches,
    },
    true,
  ],
  ['a script', inserting(filterOf('lua.v3.Lua')), false],
])('an EnvoyFilter that adds %s', (_what, spec, guards) => {
  const cluster = syncedCluster([policyManifest('EnvoyFilter', 'one', spec)]);
  const filters = [...cluster.snapshot.policies.values()].filter((policy) => policy.kind === 'EnvoyFilter');
  expect(cluster.findings).toEqual([]);
  expect(guardsAccess(filters, objectKey('EnvoyFilter', 'sample', 'one'))).toBe(guards);
  expect(guardsAccess(filters, objectKey('EnvoyFilter', 'sample', 'other'))).toBe(false);
});
