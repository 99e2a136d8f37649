// Which pods an API server brings to the webhook: the selectors of each webhook of a MutatingWebhookConfiguration, as Istio has them.
// The chart installs exactly these, and `isthmus inject` obeys them offline. In: revision and what it stands for. Out: webhooks.

import { label } from '../../discovery/convert/well-known.ts';
import { matchesSelector, type LabelExpression, type LabelSelector } from './label-selector.ts';

export interface WebhookSelectors {
  readonly name: string;
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector: LabelSelector;
}

export interface WebhookSelectorsOptions {
  /** The revision or the tag that labels name; `default` also takes `istio-injection=enabled`. */
  readonly revision: string;
  /** Also namespaces that say nothing, as Istio's `enableNamespacesByDefault`; only with `default`. */
  readonly everyNamespace?: boolean;
}

export const injectLabel = 'sidecar.istio.io/inject';
/** Namespaces whose pods are never injected: what runs there has to work before the mesh does. */
export const ignoredNamespaces: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
];

const absent = (key: string): LabelExpression => ({ key, operator: 'DoesNotExist' });
const among = (key: string, ...values: readonly string[]): LabelExpression => ({ key, operator: 'In', values });
const notAmong = (key: string, ...values: readonly string[]): LabelExpression => ({ key, operator: 'NotIn', values });
const all = (...matchExpressions: readonly LabelExpression[]): LabelSelector => ({ matchExpressions });
const suffix = 'sidecar-injector.istio.io';

export function webhookSelectors({
  revision,
  everyNamespace = false,
}: WebhookSelectorsOptions): readonly WebhookSelectors[] {
  const noRefusal = notAmong(injectLabel, 'false');
  const silent = [absent(label.injection), absent(label.revision)];
  const webhooks: WebhookSelectors[] = [
    {
      name: `rev.namespace.${suffix}`,
      namespaceSelector: all(among(label.revision, revision), absent(label.injection)),
      objectSelector: all(noRefusal),
    },
    {
      name: `rev.object.${suffix}`,
      namespaceSelector: all(...silent.toReversed()),
      objectSelector: all(noRefusal, among(label.revision, revision)),
    },
  ];
  if (revision !== 'default') return webhooks;
  webhooks.push(
    {
      name: `namespace.${suffix}`,
      namespaceSelector: all(among(label.injection, 'enabled')),
      objectSelector: all(noRefusal),
    },
    {
      name: `object.${suffix}`,
      namespaceSelector: all(...silent),
      objectSelector: all(among(injectLabel, 'true'), absent(label.revision)),
    },
  );
  if (everyNamespace) {
    webhooks.push({
      name: `auto.${suffix}`,
      namespaceSelector: all(...silent, notAmong('kubernetes.io/metadata.name', ...ignoredNamespaces)),
      objectSelector: all(absent(injectLabel), absent(label.revision)),
    });
  }
  return webhooks;
}

/** The webhook that takes a pod; undefined when none does. */
export function selectingWebhook(
  webhooks: readonly WebhookSelectors[],
  namespaceLabels: Readonly<Record<string, string>>,
  podLabels: Readonly<Record<string, string>>,
): string | undefined {
  return webhooks.find(
    ({ namespaceSelector, objectSelector }) =>
      matchesSelector(namespaceSelector, namespaceLabels) && matchesSelector(objectSelector, podLabels),
  )?.name;
}
