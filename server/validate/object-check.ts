// What judges an object for the validation webhook of a running instance: its converters, and the mesh as it is now.

import { checkObject } from '../../discovery/analyze/check-object.ts';
import type { MeshSettings } from '../../discovery/model/mesh-config.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { ClusterRegistry } from '../../discovery/registry/cluster-registry.ts';
import type { ServeConfig } from '../config.ts';
import type { ObjectCheck } from './answer-validation.ts';

export interface ObjectCheckOptions {
  readonly config: Pick<ServeConfig, 'clusterId' | 'systemNamespace'>;
  readonly primary: Pick<ClusterRegistry, 'snapshot' | 'synced'>;
  readonly mesh: () => MeshSnapshot;
  readonly meshDefaults: MeshSettings;
}

/** Before the primary has been read, what an object refers to is not known: it is judged by itself. */
export function objectCheck({ config, primary, mesh, meshDefaults }: ObjectCheckOptions): ObjectCheck {
  const { clusterId, systemNamespace } = config;
  const { domain } = meshDefaults.config;
  return (object) => {
    const problems = checkObject(object, {
      clusterId,
      systemNamespace,
      domain,
      meshDefaults,
      mode: 'primary',
      mesh: mesh(),
      policyOf: (key) => primary.snapshot.policies.get(key),
    });
    return primary.synced ? problems : problems.filter(({ severity }) => severity === 'error');
  };
}
