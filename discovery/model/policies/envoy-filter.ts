// An EnvoyFilter, converted and checked: what is changed in the configuration of the proxies that it selects, after it was generated.

import type { PolicyBase } from './policy-base.ts';

export type PatchPlace =
  | 'listener'
  | 'listener-filter'
  | 'filter-chain'
  | 'network-filter'
  | 'http-filter'
  | 'route-configuration'
  | 'virtual-host'
  | 'http-route'
  | 'cluster'
  | 'extension-config';

export type PatchOperation =
  'add' | 'remove' | 'merge' | 'merge-replacing-lists' | 'insert-before' | 'insert-after' | 'insert-first' | 'replace';

/** Which of a proxy's configuration: for what its workload receives, for what it sends, or a gateway's. */
export type PatchContext = 'any' | 'inbound' | 'outbound' | 'gateway';

/** Of whole Envoy messages; what is absent is not asked for. */
export interface ListenerPatchMatch {
  readonly name?: string | undefined;
  readonly port?: number | undefined;
  readonly listenerFilter?: string | undefined;
  readonly chain?: FilterChainPatchMatch | undefined;
}

export interface FilterChainPatchMatch {
  readonly name?: string | undefined;
  readonly sni?: string | undefined;
  readonly transportProtocol?: string | undefined;
  /** All of them. */
  readonly applicationProtocols?: readonly string[] | undefined;
  readonly destinationPort?: number | undefined;
  /** Name of a network filter, as Envoy has it today. */
  readonly filter?: string | undefined;
  /** Name of an HTTP filter in it, likewise. */
  readonly subFilter?: string | undefined;
}

export interface RoutePatchMatch {
  readonly name?: string | undefined;
  readonly port?: number | undefined;
  /** Of a gateway's server. */
  readonly portName?: string | undefined;
  /** `NAMESPACE/NAME` */
  readonly gateway?: string | undefined;
  readonly virtualHost?: VirtualHostPatchMatch | undefined;
}

export interface VirtualHostPatchMatch {
  readonly name?: string | undefined;
  readonly domain?: string | undefined;
  readonly route?: { readonly name?: string | undefined; readonly action?: RouteActionKind | undefined } | undefined;
}

export type RouteActionKind = 'route' | 'redirect' | 'direct-response';

export interface ClusterPatchMatch {
  readonly name?: string | undefined;
  readonly service?: string | undefined;
  readonly port?: number | undefined;
  readonly subset?: string | undefined;
}

export interface EnvoyPatch {
  /** Place among the patches of the object. */
  readonly index: number;
  readonly applyTo: PatchPlace;
  readonly context: PatchContext;
  readonly operation: PatchOperation;
  /** Of an addition of a filter: after which of those that are there, or before which, it belongs. */
  readonly filterClass?: 'authn' | 'authz' | 'stats' | undefined;
  /** The Envoy message as a plain object; absent for a removal. */
  readonly value?: Readonly<Record<string, unknown>> | undefined;
  readonly proxy?: ProxyPatchMatch | undefined;
  readonly listener?: ListenerPatchMatch | undefined;
  readonly route?: RoutePatchMatch | undefined;
  readonly cluster?: ClusterPatchMatch | undefined;
}

export interface ProxyPatchMatch {
  /** RE2; somewhere in the version that the proxy announces. */
  readonly version?: string | undefined;
  /** Of the node's metadata, all of them. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface EnvoyFilterPolicy extends PolicyBase {
  readonly kind: 'EnvoyFilter';
  /** Empty: the whole namespace, or the whole mesh in the root namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** Names of Gateways of the Gateway API: only their pods, and only in this namespace. Absent: as `selector` says. */
  readonly targetGateways?: readonly string[] | undefined;
  /** Lower ones first; 0 unless said. */
  readonly priority: number;
  /** Of what it declares: equal for equal patches. */
  readonly digest: string;
  readonly patches: readonly EnvoyPatch[];
}
