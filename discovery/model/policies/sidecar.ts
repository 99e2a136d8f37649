// A Sidecar, converted and checked: what workloads may call, and what they receive for their own ports.

import type { Hostname } from '../names.ts';
import type { Protocol } from '../service.ts';
import type { PolicyBase } from './policy-base.ts';

export interface SidecarPolicy extends PolicyBase {
  readonly kind: 'Sidecar';
  /** Empty: the whole namespace, or every namespace without one of its own in the root namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** In order. Absent: whatever is exported to the namespace. */
  readonly egress?: readonly EgressListener[] | undefined;
  /** Replace what Services say of the workload's ports; none: Services say it. */
  readonly ingress: readonly IngressListener[];
  /** Absent: MeshConfig's. */
  readonly outboundTrafficPolicy?: 'allow-any' | 'registry-only' | undefined;
}

export interface EgressListener {
  readonly hosts: readonly EgressHost[];
  /** Only this port of the hosts; absent: all ports that no other listener names. */
  readonly port?: number | undefined;
  /** An IP address to listen on; absent: wherever connections are going. */
  readonly bind?: string | undefined;
  /** The application connects to the listener itself, which is not reached by redirection. */
  readonly uncaptured: boolean;
}

export interface EgressHost {
  /** A namespace, `*` (any), `.` (the proxy's own) or `~` (none). */
  readonly namespace: string;
  /** A host, `*.SUFFIX` or `*`. */
  readonly host: Hostname;
}

export interface IngressListener {
  readonly port: number;
  readonly protocol: Protocol;
  readonly name: string;
  /** Only connections to this address; absent: to any of the workload's. */
  readonly bind?: string | undefined;
  /** Callers connect to the listener itself, which is not reached by redirection. */
  readonly uncaptured: boolean;
  /** Where the application listens; absent: where the connection was going. */
  readonly endpoint?: IngressEndpoint | undefined;
}

export type IngressEndpoint =
  | { readonly kind: 'loopback'; readonly address: string; readonly port: number }
  /** The workload's own address. */
  | { readonly kind: 'workload'; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string };
