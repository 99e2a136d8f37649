// VirtualServices that leave routes to delegates. In: what was resolved before and the VirtualServices that changed. Out: the
// edits that follow for those that hold for hosts, with the routes of delegates in place of the ones that name them.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate

import type { Delegating, Delegation } from '../model/mesh-snapshot.ts';
import { objectKey, type ObjectKey } from '../model/names.ts';
import type { HttpRoute, VirtualServicePolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { mergeDelegateRoute } from './delegate-route.ts';

export const noDelegation: Delegation = Object.freeze({ delegates: new Map(), delegating: new Map() });

export interface VirtualServiceEdit {
  readonly key: ObjectKey;
  readonly before: VirtualServicePolicy | undefined;
  readonly after: VirtualServicePolicy | undefined;
}

/** An edited delegate gives an edit for each VirtualService that names it; delegates themselves hold for no host. */
export function resolveDelegation(
  delegation: Delegation,
  edits: readonly VirtualServiceEdit[],
): { readonly delegation: Delegation; readonly edits: readonly VirtualServiceEdit[] } {
  const delegates = new Map(delegation.delegates);
  const before = new Map(edits.map((edit) => [edit.key, edit.before]));
  const declared = new Map(edits.map((edit) => [edit.key, edit.after]));
  const changed = new Set<ObjectKey>();
  for (const edit of edits) {
    if (isDelegate(edit.before) || isDelegate(edit.after)) changed.add(edit.key);
    if (edit.after !== undefined && isDelegate(edit.after)) delegates.set(edit.key, edit.after);
    else delegates.delete(edit.key);
  }
  for (const { declared: policy } of delegation.delegating.values()) {
    if (declared.has(policy.source)) continue;
    if (keysOfDelegates(policy).some((key) => changed.has(key))) declared.set(policy.source, policy);
  }
  const delegating = new Map(delegation.delegating);
  const resolved = [...declared].map(([key, policy]): VirtualServiceEdit => {
    const known = delegation.delegating.get(key)?.resolved ?? before.get(key);
    delegating.delete(key);
    if (policy === undefined || keysOfDelegates(policy).length === 0) return { key, before: known, after: policy };
    const entry = resolve(policy, delegates);
    delegating.set(key, entry);
    return { key, before: known, after: entry.resolved };
  });
  return { delegation: { delegates, delegating }, edits: resolved };
}

function isDelegate(policy: VirtualServicePolicy | undefined): boolean {
  return policy !== undefined && policy.hosts.length === 0;
}

/** The VirtualServices whose routes this one takes in. */
export function keysOfDelegates({ hosts, http }: VirtualServicePolicy): readonly ObjectKey[] {
  if (hosts.length === 0) return [];
  return http.flatMap(({ delegate }) =>
    delegate === undefined ? [] : [objectKey('VirtualService', delegate.namespace, delegate.name)],
  );
}

function resolve(declared: VirtualServicePolicy, delegates: Delegation['delegates']): Delegating {
  const problems: Problem[] = [];
  const http = declared.http.flatMap((route, index): readonly HttpRoute[] => {
    const place = { field: `spec.http[${index}]` };
    if (route.delegate === undefined) return [{ ...route, place }];
    const report = (code: string, message: string): readonly HttpRoute[] => {
      const { source: object, origin } = declared;
      problems.push({ severity: 'warning', code, object, field: `${place.field}.delegate`, origin, message });
      return [];
    };
    const { name, namespace } = route.delegate;
    const key = objectKey('VirtualService', namespace, name);
    const delegate = delegates.get(key);
    if (delegate === undefined) {
      return report(
        'unknown-delegate',
        `There is no ${key} without hosts, so this route takes no request and the next ones do; create it, or correct the name.`,
      );
    }
    if (!isExported(delegate, declared.namespace)) {
      return report(
        'delegate-not-exported',
        `${key} is not exported to namespace ${declared.namespace}, so this route takes no request and the next ones do; add the namespace to its spec.exportTo.`,
      );
    }
    return delegate.http.flatMap((own, number) => {
      const merged = mergeDelegateRoute(route, own);
      if (typeof merged === 'string') {
        const where = `spec.http[${number}] of ${key}`;
        return report(
          'delegate-conflict',
          `${where} asks for what ${place.field} does not take (${merged}), so it is never used; make its match narrower than that of ${place.field}.`,
        );
      }
      if (asksSidecarsForClaims(merged, declared.gateways)) {
        report(
          'unreachable-match',
          `spec.http[${number}] of ${key} looks at claims of tokens, which gateways alone verify, so sidecars never use it; give its match gateways, or take mesh out of spec.gateways.`,
        );
      }
      const { source, origin } = delegate;
      return [{ ...merged, place: { field: `spec.http[${number}]`, source, origin } }];
    });
  });
  return { declared, resolved: { ...declared, http }, problems };
}

function asksSidecarsForClaims({ matches }: HttpRoute, gateways: readonly string[]): boolean {
  return matches.some(
    (match) =>
      (match.gateways.length > 0 ? match.gateways : gateways).includes('mesh') &&
      [...match.headers, ...match.withoutHeaders].some(({ claim }) => claim !== undefined),
  );
}

function isExported({ exportTo, namespace }: VirtualServicePolicy, to: string): boolean {
  return (
    exportTo.length === 0 ||
    exportTo.includes('*') ||
    exportTo.includes(to) ||
    (exportTo.includes('.') && namespace === to)
  );
}
