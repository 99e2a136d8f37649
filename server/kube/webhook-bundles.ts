// The roots that API servers trust when they call our webhooks: `caBundle` of each webhook of the configurations that the chart
// installed, which ones are to be written. Pure. An installation is never made here, only completed.

import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { Wanted } from './keep-applied.ts';
import { fieldOf, textOf } from './kube-object.ts';

/** Kinds of configurations with their names in paths. */
const plurals = {
  MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
  ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
} as const;

export const webhookGroup = 'admissionregistration.k8s.io';

const apiVersion = `${webhookGroup}/v1`;

/** One configuration of an API server. */
export interface WebhookConfiguration {
  readonly kind: keyof typeof plurals;
  readonly plural: string;
  readonly name: string;
}

export interface WebhookNames {
  /** The instance's; `default` for none. */
  readonly revision: string;
  readonly systemNamespace: string;
  /** Other names of the revision, each with a configuration of its own. */
  readonly tags: readonly string[];
}

/** As Istio names them. Names of other namespaces end with the namespace. */
export function webhookConfigurationNames({ revision, systemNamespace, tags }: WebhookNames): readonly string[] {
  const ownSuffix = revision === 'default' ? '' : `-${revision}`;
  const namespaceSuffix = systemNamespace === 'istio-system' ? '' : `-${systemNamespace}`;
  return [
    `istio-sidecar-injector${ownSuffix}${namespaceSuffix}`,
    ...tags.map((tag) => `istio-revision-tag-${tag}${namespaceSuffix}`),
  ];
}

/** As Istio names it: with the namespace, always. */
export function validatorName({ revision, systemNamespace }: Omit<WebhookNames, 'tags'>): string {
  return `istio-validator${revision === 'default' ? '' : `-${revision}`}-${systemNamespace}`;
}

/** All that name the instance. */
export function webhookConfigurations(names: WebhookNames): readonly WebhookConfiguration[] {
  const of = (kind: WebhookConfiguration['kind'], name: string): WebhookConfiguration => {
    return { kind, plural: plurals[kind], name };
  };
  return [
    ...webhookConfigurationNames(names).map((name) => of('MutatingWebhookConfiguration', name)),
    of('ValidatingWebhookConfiguration', validatorName(names)),
  ];
}

/** @param objects Webhook configurations, among others. */
export function dueWebhookBundles(
  objects: ReadonlyMap<string, KubernetesObject>,
  wanted: readonly WebhookConfiguration[],
  rootsPem: string,
): readonly Wanted[] {
  const caBundle = Buffer.from(rootsPem).toString('base64');
  const known = [...objects.values()];
  return wanted.flatMap(({ kind, plural, name }) => {
    const found = known.find((one) => one.kind === kind && one.metadata.name === name);
    if (found === undefined || found.metadata.deleting === true) return [];
    const webhooks = fieldOf(found.body, 'webhooks');
    const list: readonly unknown[] = Array.isArray(webhooks) ? webhooks : [];
    if (list.every((webhook) => textOf(webhook, 'clientConfig', 'caBundle') === caBundle)) return [];
    const written = list.map((webhook) => ({ name: textOf(webhook, 'name'), clientConfig: { caBundle } }));
    return [
      {
        place: { apiVersion, plural },
        object: { apiVersion, kind, metadata: { name }, webhooks: written },
      },
    ];
  });
}
