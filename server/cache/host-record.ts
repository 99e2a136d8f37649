// What one host contributed to the resources of a view when it was generated last, so that what it contributes no more can be removed.

import type { Problem } from '../../discovery/model/problem.ts';
import type { VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { ListenerContribution } from '../generate/outbound-listeners.ts';
import type { Resource } from '../generate/resource.ts';
import type { ResourceName } from './encoded-resource.ts';

export type HostRecord = ClusterRecord & RouteRecord;

export interface ClusterRecord {
  readonly clusters: ReadonlySet<ResourceName>;
  readonly assignments: ReadonlySet<ResourceName>;
}

export interface RouteRecord {
  readonly virtualHosts: ReadonlySet<ResourceName>;
  /** By route configuration. */
  readonly routes: ReadonlyMap<string, readonly Resource<VirtualHost>[]>;
  readonly listeners: readonly ListenerContribution[];
  readonly listenerKeys: string;
  readonly problems: readonly Problem[];
}

export const noClusters: ClusterRecord = Object.freeze({
  clusters: new Set<ResourceName>(),
  assignments: new Set<ResourceName>(),
});

export function isEmptyRecord(record: HostRecord): boolean {
  return (
    record.clusters.size === 0 &&
    record.assignments.size === 0 &&
    record.routes.size === 0 &&
    record.listeners.length === 0 &&
    record.problems.length === 0
  );
}
