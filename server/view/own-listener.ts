// The listener that a Sidecar gives a port of a service instead of the ordinary one.

import type { MeshService } from '../../discovery/model/service.ts';
import type { OutboundScope } from './scope.ts';
import { listenerFor } from './sidecar-scope.ts';

export interface OwnListener {
  /** An IP address. */
  readonly bind: string;
  /** The application connects to it directly. */
  readonly bindToPort?: true;
}

/** Undefined: it is where it would be without a Sidecar. */
export function ownListenerOf(
  scope: OutboundScope,
  { host, namespace }: MeshService,
  port: number,
): OwnListener | undefined {
  const listeners = scope.sidecar?.listeners;
  if (listeners === undefined) return undefined;
  const { bind, uncaptured = false } = listenerFor(listeners, { host, namespace, port }, scope.namespace) ?? {};
  if (bind === undefined && !uncaptured) return undefined;
  const loopback = scope.families === 'ipv6' ? '::1' : '127.0.0.1';
  return { bind: bind ?? loopback, ...(uncaptured ? { bindToPort: true as const } : {}) };
}
