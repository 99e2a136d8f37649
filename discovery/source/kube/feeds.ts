// Which lists and watches a source keeps: one feed a kind, or several where only some namespaces or labels are read. In: the
// scope and what it is narrowed to. Out: feeds whose objects never overlap.

import type { SourceScope } from '../../model/source-event.ts';
import { kubeKinds, type KubeKind } from './kube-kinds.ts';

export interface Narrowing {
  /** Only objects of these namespaces (and the system namespace's own entry and gateways); all when absent. */
  readonly namespaces?: readonly string[] | undefined;
  /** Only Services and EndpointSlices with these labels (and the gateways of networks). A Kubernetes label selector. */
  readonly labelSelector?: string | undefined;
}

export interface Feed {
  readonly kind: KubeKind;
  /** Absent: all namespaces, or a cluster-scoped kind. */
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

/** A Service with this label is a gateway of that network, wherever it is. */
const gatewayLabel = 'topology.istio.io/network';

export function planFeeds(scope: SourceScope, systemNamespace: string, narrowing: Narrowing = {}): Feed[] {
  return kubeKinds
    .filter((kind) => kind.scopes.includes(scope))
    .flatMap((kind) => feedsOf(kind, systemNamespace, narrowing));
}

function feedsOf(kind: KubeKind, systemNamespace: string, { namespaces, labelSelector }: Narrowing): Feed[] {
  const base: Feed = { kind, fieldSelector: kind.fieldSelector, labelSelector: kind.labelSelector };
  if (kind.systemNamespaceOnly === true) return [{ ...base, namespace: systemNamespace }];
  const chosen = namespaces === undefined ? undefined : [...new Set(namespaces)].toSorted();
  if (kind.kind === 'Namespace') {
    if (chosen === undefined) return [base];
    return [...new Set([...chosen, systemNamespace])]
      .toSorted()
      .map((name): Feed => ({ kind, fieldSelector: `metadata.name=${name}` }));
  }
  const isSelected = kind.kind === 'Service' || kind.kind === 'EndpointSlice';
  const isLabelled = isSelected && labelSelector !== undefined;
  const selector = isLabelled ? `${labelSelector},!${gatewayLabel}` : base.labelSelector;
  const isGateway = kind.group === 'gateway.networking.k8s.io';
  const read = chosen !== undefined && isGateway ? [...new Set([...chosen, systemNamespace])] : chosen;
  const places: readonly (string | undefined)[] = kind.namespaced && read !== undefined ? read : [undefined];
  const feeds = places.map((namespace): Feed => ({
    kind,
    namespace,
    fieldSelector: kind.fieldSelector,
    labelSelector: selector,
  }));
  if (!isSelected || (chosen === undefined && !isLabelled)) return feeds;
  // The gateways of a network are read however narrow the rest is: without them its endpoints can't be reached.
  const gateways: Feed = { ...base, labelSelector: gatewayLabel };
  if (chosen === undefined) return [...feeds, gateways];
  const gatewayPlaces = isLabelled ? new Set([...chosen, systemNamespace]) : new Set([systemNamespace]);
  for (const namespace of gatewayPlaces) {
    if (isLabelled || !chosen.includes(namespace)) feeds.push({ ...gateways, namespace });
  }
  return feeds;
}

/** The path of a feed's list at an API version. */
export function feedPath({ kind, namespace }: Feed, version: string): string {
  const root = kind.group === '' ? `/api/${version}` : `/apis/${kind.group}/${version}`;
  const place = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${place}/${kind.plural}`;
}

/** What a feed leaves out, as a query says it. */
export function feedSelectors({ fieldSelector, labelSelector }: Feed): Readonly<Record<string, string>> {
  return {
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
  };
}

/** What the objects of a feed are at an API version. */
export function feedTypeMeta(
  { kind: { group, kind } }: Feed,
  version: string,
): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind };
}

/** `services`, `services in namespace a`, `services with labels x=y`. */
export function describeFeed({ kind, namespace, fieldSelector, labelSelector }: Feed): string {
  const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const labels = labelSelector === undefined ? '' : ` with labels ${labelSelector}`;
  const fields = fieldSelector === undefined ? '' : ` with ${fieldSelector}`;
  const group = kind.group === '' ? '' : `.${kind.group}`;
  return `${kind.plural}${group}${place}${labels}${fields}`;
}

/** The rule that a reader of this feed needs, as it is written in a Role. */
export function missingRule({ kind, namespace }: Feed): string {
  const role = namespace === undefined ? 'ClusterRole' : `Role in namespace ${namespace}`;
  return `apiGroups: ["${kind.group}"], resources: ["${kind.plural}"], verbs: ["get", "list", "watch"] in a ${role}`;
}
