// What a Sidecar has to say about a proxy: which one holds, which part of it is in the scope, and which hosts it lets the
// proxy know. In: policies, and what the proxy is. Out: parts of scopes, and answers about hosts.

import { createHash } from 'node:crypto';
import type { PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import type { EgressListener, SidecarPolicy } from '../../discovery/model/policy.ts';
import { hostMatches, labelsMatch } from './visibility.ts';

/** The part of a Sidecar that decides what a proxy sends out through. Two Sidecars of equal content give equal ones. */
export interface EgressScope {
  /** Absent: whatever is exported. */
  readonly listeners?: readonly EgressListener[];
  /** Absent: MeshConfig's. */
  readonly outboundTrafficPolicy?: 'allow-any' | 'registry-only';
}

/**
 * The Sidecar of a workload: one that selects it, else its namespace's, else the root namespace's, of several the oldest.
 * https://istio.io/latest/docs/reference/config/networking/sidecar/
 */
export function sidecarFor(
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  { sidecars }: PolicyIndex,
  rootNamespace: string,
): SidecarPolicy | undefined {
  let ofNamespace: SidecarPolicy | undefined;
  let ofRoot: SidecarPolicy | undefined;
  for (const sidecar of sidecars) {
    const selects = Object.keys(sidecar.selector).length > 0;
    if (sidecar.namespace === workload.namespace) {
      if (selects && labelsMatch(sidecar.selector, workload.labels)) return sidecar;
      if (!selects) ofNamespace ??= sidecar;
    }
    if (!selects && sidecar.namespace === rootNamespace) ofRoot ??= sidecar;
  }
  return ofNamespace ?? ofRoot;
}

const scopes = new WeakMap<SidecarPolicy, EgressScope>();
const digests = new WeakMap<EgressScope, string>();

/** Undefined when the Sidecar changes nothing about it. The same value each time for a Sidecar. */
export function egressScopeOf(sidecar: SidecarPolicy | undefined): EgressScope | undefined {
  if (sidecar === undefined) return undefined;
  const { egress, outboundTrafficPolicy } = sidecar;
  if (egress === undefined && outboundTrafficPolicy === undefined) return undefined;
  const known = scopes.get(sidecar);
  if (known !== undefined) return known;
  const scope: EgressScope = {
    ...(egress === undefined ? {} : { listeners: egress }),
    ...(outboundTrafficPolicy === undefined ? {} : { outboundTrafficPolicy }),
  };
  scopes.set(sidecar, scope);
  return scope;
}

/** Equal for equal content: for the key of a scope, since a Sidecar may name hundreds of hosts. */
export function egressKey(scope: EgressScope): string {
  const known = digests.get(scope) ?? createHash('sha256').update(JSON.stringify(scope)).digest('base64');
  digests.set(scope, known);
  return known;
}

/** Whether a listener names a host of that namespace; `own` is the proxy's namespace. */
export function imports(
  { hosts }: EgressListener,
  of: { readonly namespace: string; readonly host: Hostname },
  own: string,
): boolean {
  return hosts.some(
    (entry) =>
      (entry.namespace === '*' ||
        entry.namespace === of.namespace ||
        (entry.namespace === '.' && of.namespace === own)) &&
      hostMatches(entry.host, of.host),
  );
}

/** The listener that serves a port of a host: one for that port before the one for all others. */
export function listenerFor(
  listeners: readonly EgressListener[],
  of: { readonly namespace: string; readonly host: Hostname; readonly port: number },
  own: string,
): EgressListener | undefined {
  const importing = listeners.filter((listener) => imports(listener, of, own));
  return importing.find(({ port }) => port === of.port) ?? importing.find(({ port }) => port === undefined);
}

/** The namespaces that listeners name, or undefined when one of them names all. */
export function namespacesOf(listeners: readonly EgressListener[], own: string): ReadonlySet<string> | undefined {
  const names = new Set(listeners.flatMap(({ hosts }) => hosts.map(({ namespace }) => namespace)));
  if (names.has('*')) return undefined;
  if (names.delete('.')) names.add(own);
  names.delete('~');
  return names;
}
