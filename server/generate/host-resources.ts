// What one host contributes to what a class of proxies is sent.

import type { Problem } from '../../discovery/model/problem.ts';
import type { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import type { VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { ListenerContribution } from './listener-contribution.ts';
import type { Resource } from './resource.ts';

export interface HostResources extends HostRoutes {
  readonly clusters: readonly Resource<Cluster>[];
  readonly assignments: readonly Resource<ClusterLoadAssignment>[];
}

/** The part that VirtualServices have a say in. */
export interface HostRoutes {
  readonly virtualHosts: readonly { readonly routeName: string; readonly resource: Resource<VirtualHost> }[];
  readonly listeners: readonly ListenerContribution[];
  readonly problems: readonly Problem[];
}

export const noHostResources: HostResources = Object.freeze({
  clusters: [],
  assignments: [],
  virtualHosts: [],
  listeners: [],
  problems: [],
});
